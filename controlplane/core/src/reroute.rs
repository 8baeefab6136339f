//! Whether a failed route try may go to another line.
//!
//! The rule that keeps a telephone from ringing twice: only a failure of the carrier's or our own, only if the callee
//! cannot have been rung, only a few times and only for a short while. Whether there *is* another line with room is the
//! planner's business.

use std::time::Duration;

use common::{Outcome, outcome::Retry};

/// INVITEs of one attempt, the first included. A third carrier that fails says more about the number than about
/// carriers.
pub const MAX_TRIES: u32 = 3;

/// An attempt older than this is not sent anywhere else: who is called must be called for a reason that still holds.
pub const MAX_AGE: Duration = Duration::from_secs(60);

/// A route try that is over, without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedTry {
    /// How it ended.
    pub outcome: Outcome,
    /// Whether a response was seen after which the callee's telephone may have rung.
    pub may_have_rung: bool,
    /// Which try of its attempt it was, from 1.
    pub route_try: u32,
    /// How long ago the intent of the attempt was decided.
    pub age: Duration,
}

/// Why a failed try is the end of its attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Final {
    /// The outcome is the callee's, or nobody knows it: another line would change nothing or ring twice.
    Outcome,
    /// The telephone may have rung.
    MayHaveRung,
    /// Too many tries.
    Tries,
    /// Too long ago.
    Age,
}

/// Whether the attempt may be tried on another line.
///
/// What never left the machine (`shed`, `expired`) is not a route failure: the contact goes back to its queue instead.
pub fn may_reroute(failed: &FailedTry) -> Result<(), Final> {
    if failed.outcome.retry() != Retry::OtherLine
        || matches!(failed.outcome, Outcome::Shed | Outcome::Expired)
    {
        return Err(Final::Outcome);
    }
    if failed.may_have_rung {
        return Err(Final::MayHaveRung);
    }
    if failed.route_try >= MAX_TRIES {
        return Err(Final::Tries);
    }
    if failed.age >= MAX_AGE {
        return Err(Final::Age);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use common::Answerable;

    use super::*;

    const FAILED: FailedTry = FailedTry {
        outcome: Outcome::CarrierCongested,
        may_have_rung: false,
        route_try: 1,
        age: Duration::from_secs(1),
    };

    #[test]
    fn only_failures_of_carriers_and_lines_go_elsewhere() {
        let elsewhere: Vec<_> = Outcome::ALL
            .into_iter()
            .filter(|&outcome| may_reroute(&FailedTry { outcome, ..FAILED }).is_ok())
            .collect();
        assert_eq!(
            elsewhere,
            [
                Outcome::CarrierRefused,
                Outcome::CarrierCongested,
                Outcome::CarrierFailed,
                Outcome::NoResponse,
                Outcome::MediaRefused,
                Outcome::LineUnusable,
            ]
        );
        assert!(elsewhere.iter().all(|outcome| outcome.answerable() != Answerable::Callee));
    }

    #[test]
    fn a_telephone_that_may_have_rung_is_left_alone() {
        assert_eq!(may_reroute(&FailedTry { may_have_rung: true, ..FAILED }), Err(Final::MayHaveRung));
    }

    #[test]
    fn tries_and_age_are_bounded() {
        assert_eq!(may_reroute(&FailedTry { route_try: 2, ..FAILED }), Ok(()));
        assert_eq!(may_reroute(&FailedTry { route_try: 3, ..FAILED }), Err(Final::Tries));
        assert_eq!(may_reroute(&FailedTry { age: MAX_AGE, ..FAILED }), Err(Final::Age));
    }
}
