//! Ids that cannot be mixed up.
//!
//! Rows of the store are numbered by the store ([`CampaignId`] and its like, always above zero). An [`AttemptId`]
//! is a UUIDv7 made before anything leaves the machine, so that it can be told to several systems at once.

use std::{fmt, num::ParseIntError, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;
            fn from_str(text: &str) -> Result<Self, ParseIntError> {
                text.parse().map(Self)
            }
        }
    };
}

row_id! {
    /// Who owns campaigns, lines, lists and records.
    TenantId
}
row_id! {
    /// A campaign: which contacts are called, when, over which lines, with which script.
    CampaignId
}
row_id! {
    /// A person on a list.
    ContactId
}
row_id! {
    /// A contact list.
    ListId
}
row_id! {
    /// A line (线路): a way to a carrier with limits of its own.
    LineId
}
row_id! {
    /// Lines that stand in for each other.
    LineGroupId
}
row_id! {
    /// One version of a script. A changed script has another id.
    ScriptId
}
row_id! {
    /// A recorded prompt.
    PromptId
}

/// One decision to call one number of one contact: a UUIDv7 (RFC 9562 section 5.7), so that ids sort by the
/// millisecond in which the decision was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptId(pub Uuid);

impl AttemptId {
    /// Makes an id from the wall clock (milliseconds since 1970) and ten random bytes of the caller.
    pub fn new(unix_ms: u64, random: &[u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, random).into_uuid())
    }

    /// Reads the sixteen bytes that [`AttemptId::as_bytes`] gave; `None` when there are not sixteen.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }

    /// The sixteen bytes, most significant first.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for AttemptId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}

/// The name of a data-plane node, as configured; unique among the nodes of one control plane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub String);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The fencing number of a planner lease. It grows by one each time a planner takes the lease; orders of an older
/// epoch are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempt_ids_sort_by_time_and_survive_text_and_bytes() {
        let early = AttemptId::new(1_000, &[0xff; 10]);
        let late = AttemptId::new(1_001, &[0; 10]);
        assert!(early < late);
        assert_eq!(early.0.get_version_num(), 7);
        assert_eq!(late.to_string().parse::<AttemptId>().expect("own text"), late);
        assert_eq!(AttemptId::from_slice(late.as_bytes()), Some(late));
        assert_eq!(AttemptId::from_slice(&[1, 2, 3]), None);
    }
}
