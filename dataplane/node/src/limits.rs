//! Whether this machine lets a node do what its configuration promises, asked before the first socket is opened.
//!
//! [`admit`] raises the limit of open files as far as it may be raised, reads the machine ([`Readings`]) and judges it. What
//! would break calls is a refusal; what only costs quality, or may break something only under circumstances that
//! cannot be seen from here, is a warning. Each finding names the command that sets things right.
//!
//! Whether a port is free and a folder writable is found out by using it, not here.

mod judge;
mod readings;

use std::fmt;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

pub use judge::{judge, judge_load};
pub use readings::{Files, Limit, Machine, Readings};

use crate::config::NodeConfig;

/// What a finding means for a node that is to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It costs quality, or may.
    Warning,
    /// The node does not start.
    Refusal,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The setting.
    pub what: &'static str,
    /// What it means.
    pub verdict: Verdict,
    /// What the machine has.
    pub found: String,
    /// What the configuration needs.
    pub needed: String,
    /// The command, or the change of the configuration, that sets it right; empty when it is.
    pub remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, needed: {}", self.what, self.found, self.needed)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}

/// The machine's limits are too low for the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct TooLow {
    /// The refusals, at least one.
    pub refusals: Vec<Finding>,
}

impl fmt::Display for TooLow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this machine does not allow what is configured")?;
        self.refusals.iter().try_for_each(|refusal| write!(f, "\n  {refusal}"))
    }
}

/// Raises what may be raised, and refuses a machine on which the node could not keep its promises. Gives the warnings.
pub fn admit(config: &NodeConfig) -> Result<Vec<Finding>, TooLow> {
    raise_file_limit();
    let findings = judge(config, &Readings::take(&Machine));
    let (refusals, others): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| finding.verdict == Verdict::Refusal);
    if !refusals.is_empty() {
        return Err(TooLow { refusals });
    }
    Ok(others.into_iter().filter(|finding| finding.verdict == Verdict::Warning).collect())
}

/// Raises the soft limit of open files to the hard one. The usual soft limit of 1,024 is for programs that use `select`.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        Ok(()) => tracing::info!(
            from = limit.current,
            to = limit.maximum,
            "raised the limit of open files to the most that this process may have"
        ),
        Err(error) => tracing::warn!(%error, "cannot raise the limit of open files"),
    }
}
