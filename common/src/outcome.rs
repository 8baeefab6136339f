//! The closed set of ways in which an attempt ends.
//!
//! The first question about a failure is who is answerable ([`Outcome::answerable`]), the second whether and how the
//! number may be tried again ([`Outcome::retry`]). Both are facts of the outcome; whether it *is* tried again is the
//! retry policy of the campaign.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How an attempt ended. Decided once, by the call itself, or by the control plane for an attempt that never became
/// a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Somebody or something picked up.
    Answered,
    /// The callee is on another call (486, 600, cause 17).
    Busy,
    /// It rang, or should have, until our ring limit or the network's (408, 480, causes 18 and 19).
    NoAnswer,
    /// The callee pressed decline (603, cause 21).
    Declined,
    /// The callee or an analytics engine on the way blocks us (607, 608).
    Blocked,
    /// No such number (404, 410, 484, 604, causes 1, 22, 28).
    InvalidNumber,
    /// The number exists and cannot be reached now: switched off, out of coverage (480, causes 20, 27).
    Unreachable,
    /// We gave the call up before the answer: an operator or a drain, not the ring limit.
    Canceled,
    /// The carrier refuses us: credentials, caller id, prefix, balance (401, 403, 407, …).
    CarrierRefused,
    /// The carrier has no free channel (503, causes 34, 42, 47).
    CarrierCongested,
    /// The carrier or a network behind it failed (500, 502, 504, causes 38, 41, 102, 127).
    CarrierFailed,
    /// Not one response to our INVITE before timer B (RFC 3261 section 17.1.1.2).
    NoResponse,
    /// No common codec, or the carrier refused our SDP (415, 488, 606, cause 88), or its SDP could not be used.
    MediaRefused,
    /// The line's address does not resolve or our own configuration of it cannot be used; nothing left the machine.
    LineUnusable,
    /// A node had no room; nothing left the machine.
    Shed,
    /// The order came too late or of an old epoch; nothing left the machine.
    Expired,
    /// A fault of ours: an order that cannot be written, or something after the INVITE had left.
    LocalFailure,
    /// A crash hid the end. Counts for every limit and is never redialled by itself.
    Unknown,
}

/// Who is answerable for an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Answerable {
    /// The person called, or their telephone.
    Callee,
    /// The carrier of the line, or a network behind it.
    Carrier,
    /// Whoever configured or operates the campaign or line.
    Operator,
    /// A fault of Peal.
    Peal,
    /// A lack of room or time on our machines.
    Resources,
}

/// Whether and how a number may be tried again after an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Not by itself: it is settled, or nobody knows what happened.
    Never,
    /// Later, as the campaign's retry policy says.
    Later,
    /// At once on another line of the group if the callee cannot have been rung, else later.
    OtherLine,
}

impl Outcome {
    /// Every outcome, in the order of the declaration.
    pub const ALL: [Outcome; 18] = [
        Self::Answered,
        Self::Busy,
        Self::NoAnswer,
        Self::Declined,
        Self::Blocked,
        Self::InvalidNumber,
        Self::Unreachable,
        Self::Canceled,
        Self::CarrierRefused,
        Self::CarrierCongested,
        Self::CarrierFailed,
        Self::NoResponse,
        Self::MediaRefused,
        Self::LineUnusable,
        Self::Shed,
        Self::Expired,
        Self::LocalFailure,
        Self::Unknown,
    ];

    /// The name in records, labels and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Declined => "declined",
            Self::Blocked => "blocked",
            Self::InvalidNumber => "invalid_number",
            Self::Unreachable => "unreachable",
            Self::Canceled => "canceled",
            Self::CarrierRefused => "carrier_refused",
            Self::CarrierCongested => "carrier_congested",
            Self::CarrierFailed => "carrier_failed",
            Self::NoResponse => "no_response",
            Self::MediaRefused => "media_refused",
            Self::LineUnusable => "line_unusable",
            Self::Shed => "shed",
            Self::Expired => "expired",
            Self::LocalFailure => "local_failure",
            Self::Unknown => "unknown",
        }
    }

    /// Who is answerable.
    pub fn answerable(self) -> Answerable {
        match self {
            Self::Answered
            | Self::Busy
            | Self::NoAnswer
            | Self::Declined
            | Self::Blocked
            | Self::InvalidNumber
            | Self::Unreachable => Answerable::Callee,
            Self::CarrierRefused
            | Self::CarrierCongested
            | Self::CarrierFailed
            | Self::NoResponse
            | Self::MediaRefused => Answerable::Carrier,
            Self::Canceled | Self::LineUnusable => Answerable::Operator,
            Self::Shed | Self::Expired => Answerable::Resources,
            Self::LocalFailure | Self::Unknown => Answerable::Peal,
        }
    }

    /// Whether the number may be tried again. See [`Retry`].
    pub fn retry(self) -> Retry {
        match self {
            Self::Answered
            | Self::Declined
            | Self::Blocked
            | Self::InvalidNumber
            | Self::Canceled
            | Self::LocalFailure
            | Self::Unknown => Retry::Never,
            Self::Busy | Self::NoAnswer | Self::Unreachable => Retry::Later,
            Self::CarrierRefused
            | Self::CarrierCongested
            | Self::CarrierFailed
            | Self::NoResponse
            | Self::MediaRefused
            | Self::LineUnusable
            | Self::Shed
            | Self::Expired => Retry::OtherLine,
        }
    }

    /// Whether an INVITE may have left for this outcome: `false` only where it is certain that none did.
    pub fn may_have_dialled(self) -> bool {
        !matches!(self, Self::LineUnusable | Self::Shed | Self::Expired)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not an outcome; the outcomes are answered, busy, no_answer, declined, blocked, invalid_number, unreachable, canceled, carrier_refused, carrier_congested, carrier_failed, no_response, media_refused, line_unusable, shed, expired, local_failure, unknown"
)]
pub struct UnknownOutcome(pub String);

impl FromStr for Outcome {
    type Err = UnknownOutcome;
    fn from_str(text: &str) -> Result<Self, UnknownOutcome> {
        Self::ALL.into_iter().find(|o| o.as_str() == text).ok_or_else(|| UnknownOutcome(text.to_owned()))
    }
}

impl Answerable {
    /// The name in records, labels and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Callee => "callee",
            Self::Carrier => "carrier",
            Self::Operator => "operator",
            Self::Peal => "peal",
            Self::Resources => "resources",
        }
    }
}

impl fmt::Display for Answerable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_read_back() {
        for outcome in Outcome::ALL {
            assert_eq!(outcome.as_str().parse(), Ok(outcome));
        }
        let error = "maybe".parse::<Outcome>().expect_err("no such outcome");
        for outcome in Outcome::ALL {
            assert!(error.to_string().contains(outcome.as_str()), "the error lists {outcome}");
        }
    }

    #[test]
    fn what_the_callee_settled_is_never_rerouted() {
        for outcome in Outcome::ALL {
            if outcome.answerable() == Answerable::Callee {
                assert_ne!(outcome.retry(), Retry::OtherLine, "{outcome}");
            }
        }
    }
}
