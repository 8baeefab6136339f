//! The one table from what a carrier says to an [`Outcome`].
//!
//! A final SIP status (RFC 3261 section 21) decides, with the Q.850 cause of the Reason header (RFC 3326) where the
//! status alone is vague: 480 and 487 always, and the statuses of a failing carrier when the cause shows that the
//! callee was reached after all. The mapping between the two worlds follows RFC 3398 section 7.2.4.1 and section
//! 8.2.6.1. A status that is final for the callee is never softened by a cause, so that a decline is not dialled
//! again over the next line.

use crate::{Outcome, outcome::Answerable};

/// The outcome of an INVITE that got the final `status` 300–699, with the Q.850 cause (1–127) if one was given.
///
/// `rang` tells whether a 180 or 183 was seen: a 408 after it is a telephone that nobody picked up.
pub fn outcome(status: u16, q850: Option<u8>, rang: bool) -> Outcome {
    let by_status = by_status(status, rang);
    let Some(by_cause) = q850.and_then(by_cause) else { return by_status };
    match status {
        480 | 487 => by_cause,
        // 403 with cause 21 is the carrier's own refusal in words of ISUP, not the callee's.
        403 if by_cause == Outcome::Declined => by_status,
        _ if by_status.answerable() == Answerable::Carrier && by_cause.answerable() == Answerable::Callee => {
            by_cause
        }
        // A carrier that names a lack of channels is congested, whatever status it chose.
        500..=599 if by_cause == Outcome::CarrierCongested => by_cause,
        _ => by_status,
    }
}

fn by_status(status: u16, rang: bool) -> Outcome {
    match status {
        404 | 410 | 416 | 484 | 485 | 604 => Outcome::InvalidNumber,
        486 | 600 => Outcome::Busy,
        603 => Outcome::Declined,
        607 | 608 => Outcome::Blocked,
        480 => Outcome::Unreachable,
        408 if rang => Outcome::NoAnswer,
        487 => Outcome::NoAnswer,
        415 | 488 | 606 => Outcome::MediaRefused,
        503 => Outcome::CarrierCongested,
        408 | 500..=599 => Outcome::CarrierFailed,
        // 3xx is refused (it may lead anywhere), and the rest of 4xx and 6xx is the carrier's no to us.
        _ => Outcome::CarrierRefused,
    }
}

/// The outcome that a Q.850 cause value alone stands for; `None` for causes that say nothing of use (16 *normal
/// clearing*, 31 *normal, unspecified*, and those not in the table).
fn by_cause(cause: u8) -> Option<Outcome> {
    Some(match cause {
        1 | 22 | 28 => Outcome::InvalidNumber,
        17 => Outcome::Busy,
        18 | 19 => Outcome::NoAnswer,
        20 | 27 => Outcome::Unreachable,
        21 => Outcome::Declined,
        34 | 42 | 47 => Outcome::CarrierCongested,
        38 | 41 | 102 | 127 => Outcome::CarrierFailed,
        88 => Outcome::MediaRefused,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_alone() {
        for (status, rang, expected) in [
            (302, false, Outcome::CarrierRefused),
            (403, false, Outcome::CarrierRefused),
            (404, false, Outcome::InvalidNumber),
            (407, false, Outcome::CarrierRefused),
            (408, false, Outcome::CarrierFailed),
            (408, true, Outcome::NoAnswer),
            (480, true, Outcome::Unreachable),
            (484, false, Outcome::InvalidNumber),
            (486, false, Outcome::Busy),
            (487, true, Outcome::NoAnswer),
            (488, false, Outcome::MediaRefused),
            (500, false, Outcome::CarrierFailed),
            (503, false, Outcome::CarrierCongested),
            (504, false, Outcome::CarrierFailed),
            (600, false, Outcome::Busy),
            (603, true, Outcome::Declined),
            (604, false, Outcome::InvalidNumber),
            (608, false, Outcome::Blocked),
            (699, false, Outcome::CarrierRefused),
        ] {
            assert_eq!(outcome(status, None, rang), expected, "{status}");
        }
    }

    #[test]
    fn vague_statuses_follow_their_cause() {
        for (cause, expected) in [
            (1, Outcome::InvalidNumber),
            (16, Outcome::Unreachable),
            (17, Outcome::Busy),
            (18, Outcome::NoAnswer),
            (19, Outcome::NoAnswer),
            (20, Outcome::Unreachable),
            (21, Outcome::Declined),
            (22, Outcome::InvalidNumber),
            (27, Outcome::Unreachable),
            (28, Outcome::InvalidNumber),
            (31, Outcome::Unreachable),
            (34, Outcome::CarrierCongested),
            (38, Outcome::CarrierFailed),
            (41, Outcome::CarrierFailed),
            (42, Outcome::CarrierCongested),
            (47, Outcome::CarrierCongested),
            (88, Outcome::MediaRefused),
            (102, Outcome::CarrierFailed),
            (127, Outcome::CarrierFailed),
        ] {
            assert_eq!(outcome(480, Some(cause), false), expected, "cause {cause}");
        }
    }

    #[test]
    fn a_callee_behind_a_failing_status_is_believed() {
        assert_eq!(outcome(503, Some(17), false), Outcome::Busy);
        assert_eq!(outcome(500, Some(21), true), Outcome::Declined);
        assert_eq!(outcome(500, Some(34), false), Outcome::CarrierCongested);
    }

    #[test]
    fn a_final_no_is_never_softened() {
        assert_eq!(outcome(603, Some(34), true), Outcome::Declined);
        assert_eq!(outcome(486, Some(41), true), Outcome::Busy);
        assert_eq!(outcome(403, Some(21), false), Outcome::CarrierRefused);
    }
}
