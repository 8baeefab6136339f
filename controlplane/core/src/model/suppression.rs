//! Numbers that a tenant does not call.

use common::{AttemptId, E164, TenantId, UnixMicros};
use serde::{Deserialize, Serialize};

/// A number that a tenant does not call, in any of its campaigns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Its id.
    pub id: i64,
    /// Whose it is.
    pub tenant: TenantId,
    /// The number.
    pub number: E164,
    /// Why.
    pub reason: SuppressionReason,
    /// The attempt in whose call it was asked for, if it was.
    pub attempt: Option<AttemptId>,
    /// In the words of who asked for it; may be empty.
    pub words: String,
    /// Since when.
    pub at: UnixMicros,
}

/// Why a number is not called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SuppressionReason {
    /// The callee said so in a call.
    OptedOut,
    /// They asked for it in another way: a letter, a web page.
    Asked,
    /// They complained.
    Complaint,
    /// It is in a registry of people who want no calls.
    Registry,
    /// An operator wants it.
    #[default]
    Operator,
}

impl SuppressionReason {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::OptedOut, Self::Asked, Self::Complaint, Self::Registry, Self::Operator];

    /// The name in the store and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OptedOut => "opted_out",
            Self::Asked => "asked",
            Self::Complaint => "complaint",
            Self::Registry => "registry",
            Self::Operator => "operator",
        }
    }
}
