//! What the control plane remembers: the nouns that the store keeps and the API shows.
//!
//! Plain data with its own validation. Every limit is documented at its field; [`Invalid`] names the field, what is
//! wrong and what to do.

mod campaign;
mod line;
mod list;
mod script;
mod suppression;
mod variants;

pub use self::script::{Prompt, Script};
pub use campaign::{Campaign, CampaignSpec, CampaignState, Move, RetryPolicy, RetryRule, Schedule, Window};
pub use line::{Line, LineAuth, LineGroup, LineGroupSpec, LineSpec, MediaPorts, NumberFormat};
pub use list::{Contact, ContactState, ImportReport, List, RejectedRow, RowError};
pub use suppression::{Suppression, SuppressionReason};
pub use variants::{Best, Goal, Scripts, Variant};

/// A field of what somebody sent that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    /// Path of the field, as it is written in the API (`schedule.windows[0].from`).
    pub field: String,
    /// What is wrong with it and what would be right.
    pub problem: String,
}

impl Invalid {
    /// A problem at a field.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

/// Checks a name: 1 to 100 characters, no control characters, no white space at its ends.
pub fn check_name(field: &str, name: &str) -> Result<(), Invalid> {
    let length = name.chars().count();
    if !(1..=100).contains(&length) {
        return Err(Invalid::new(field, format!("must have 1 to 100 characters, not {length}")));
    }
    if name.chars().any(char::is_control) || name.trim() != name {
        return Err(Invalid::new(field, "must not have control characters, or white space at its ends"));
    }
    Ok(())
}
