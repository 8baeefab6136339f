//! The outcome of a call: decided here, once, and nowhere else.

use common::{Answerable, Outcome, cause};
use sip::{AuthRefusal, EndedBy, Failure, FailureOrigin, InviteError};

use crate::HungUpBy;

/// An outcome and what a person should know about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub outcome: Outcome,
    pub may_have_rung: bool,
    pub detail: &'static str,
}

/// An INVITE that was not answered. `rang` tells whether a 101–199 was seen; `given_up` who cancelled it, if we did.
pub(crate) fn of_failure(failure: &Failure, rang: bool, given_up: Option<HungUpBy>) -> Verdict {
    let by_carrier = match failure.auth {
        Some(_) => Outcome::CarrierRefused,
        None => cause::outcome(failure.status, failure.q850, rang),
    };
    let by_us = match given_up {
        None => None,
        Some(HungUpBy::RingLimit) => Some(Outcome::NoAnswer),
        Some(_) => Some(Outcome::Canceled),
    };
    let outcome = match (failure.origin, by_us) {
        // Whoever calls a call off does not want it made over another line.
        (FailureOrigin::NoResponse, Some(Outcome::Canceled)) => Outcome::Canceled,
        (FailureOrigin::NoResponse, _) if !failure.responded => Outcome::NoResponse,
        (FailureOrigin::NoResponse, _) => Outcome::CarrierFailed,
        (FailureOrigin::Response, Some(by_us)) if failure.status == 487 => by_us,
        // A final word (busy, decline) that crossed our CANCEL still stands, unless it only says that this line failed.
        (FailureOrigin::Response, Some(Outcome::Canceled))
            if by_carrier.answerable() == Answerable::Carrier =>
        {
            Outcome::Canceled
        }
        (FailureOrigin::Response, _) => by_carrier,
        // A 100, and then silence until the ring limit and beyond the CANCEL: nobody there was working on it.
        (FailureOrigin::NoFinalAfterCancel, Some(Outcome::NoAnswer)) if !rang => Outcome::CarrierFailed,
        (FailureOrigin::NoFinalAfterCancel, by_us) => by_us.unwrap_or(Outcome::NoAnswer),
    };
    // A response that we asked for by a CANCEL says as little about the telephone as silence does.
    let unsure = failure.responded && (failure.origin != FailureOrigin::Response || given_up.is_some());
    Verdict { outcome, may_have_rung: rang || unsure, detail: detail(failure) }
}

fn detail(failure: &Failure) -> &'static str {
    match (failure.origin, failure.auth) {
        (FailureOrigin::NoResponse, _) if failure.responded => "no final response to the INVITE",
        (FailureOrigin::NoResponse, _) => "no response to the INVITE within 32 s: check the line's address",
        (FailureOrigin::NoFinalAfterCancel, _) => "no final response after CANCEL",
        (_, Some(AuthRefusal::NoCredentials)) => "the carrier asks for a password and the line has none",
        (_, Some(AuthRefusal::ForeignPeer)) => "a password was asked for by another address than the line's",
        (_, Some(AuthRefusal::ForeignRealm)) => "a password was asked for in another realm than the line's",
        (_, Some(AuthRefusal::Unsupported)) => "the carrier asks for an authentication that is not supported",
        (_, Some(AuthRefusal::Malformed)) => "the carrier's challenge could not be read",
        (_, Some(AuthRefusal::Rejected)) => "the carrier refused the line's user name or password",
        (FailureOrigin::Response, None) if (300..400).contains(&failure.status) => {
            "redirected; redirects are not followed"
        }
        (FailureOrigin::Response, None) => "",
    }
}

/// A call that was answered and is over. `unusable` tells that its session never worked.
pub(crate) fn of_end(unusable: bool) -> Outcome {
    if unusable { Outcome::MediaRefused } else { Outcome::Answered }
}

/// Who ended an answered call: the SIP side's view, unless we know the cause ourselves.
pub(crate) fn hung_up_by(ended_by: EndedBy, ours: Option<HungUpBy>) -> HungUpBy {
    match (ended_by, ours) {
        (EndedBy::Remote, _) => HungUpBy::Callee,
        (EndedBy::NoAck, _) => HungUpBy::Dialog,
        (EndedBy::Local | EndedBy::CrossedCancel, Some(by)) => by,
        (EndedBy::Local | EndedBy::CrossedCancel, None) => HungUpBy::Dialog,
    }
}

/// An INVITE that could not be made. Nothing left.
pub(crate) fn of_refusal(error: &InviteError) -> Outcome {
    match error {
        InviteError::TableFull => Outcome::Shed,
        InviteError::Destination | InviteError::Advertised => Outcome::LineUnusable,
        // This order cannot be sent over any line, and the line is good for others.
        InviteError::Uri(_) | InviteError::DisplayName | InviteError::Header(_) | InviteError::TooLong => {
            Outcome::LocalFailure
        }
    }
}

#[cfg(test)]
mod tests {
    use common::Retry;
    use sip::TextClass;

    use super::*;

    fn failure(status: u16, origin: FailureOrigin, responded: bool) -> Failure {
        Failure {
            status,
            origin,
            responded,
            cancelled: false,
            q850: None,
            retry_after_s: None,
            text: TextClass::Plain,
            auth: None,
        }
    }

    #[test]
    fn silence_is_judged_by_what_came_before_it() {
        let never = of_failure(&failure(408, FailureOrigin::NoResponse, false), false, None);
        assert_eq!((never.outcome, never.may_have_rung), (Outcome::NoResponse, false));
        let after_100 = of_failure(&failure(408, FailureOrigin::NoResponse, true), false, None);
        assert_eq!((after_100.outcome, after_100.may_have_rung), (Outcome::CarrierFailed, true));
    }

    #[test]
    fn our_own_cancel_is_named_by_its_reason() {
        let ended = failure(487, FailureOrigin::Response, true);
        assert_eq!(of_failure(&ended, true, Some(HungUpBy::RingLimit)).outcome, Outcome::NoAnswer);
        assert_eq!(of_failure(&ended, true, Some(HungUpBy::Operator)).outcome, Outcome::Canceled);
        assert_eq!(of_failure(&ended, true, None).outcome, Outcome::NoAnswer);
    }

    #[test]
    fn a_call_that_was_called_off_goes_nowhere_else() {
        let by = Some(HungUpBy::Operator);
        for failed in [
            failure(408, FailureOrigin::NoResponse, false),
            failure(408, FailureOrigin::NoFinalAfterCancel, true),
            failure(503, FailureOrigin::Response, true),
            failure(487, FailureOrigin::Response, true),
        ] {
            assert_eq!(of_failure(&failed, false, by).outcome, Outcome::Canceled, "{failed:?}");
        }
    }

    #[test]
    fn after_a_cancel_nobody_knows_whether_it_rang() {
        let by = Some(HungUpBy::RingLimit);
        let failed = of_failure(&failure(503, FailureOrigin::Response, true), false, by);
        assert_eq!((failed.outcome, failed.may_have_rung), (Outcome::CarrierCongested, true));
        let silent = of_failure(&failure(408, FailureOrigin::NoFinalAfterCancel, true), false, by);
        assert_eq!((silent.outcome, silent.may_have_rung), (Outcome::CarrierFailed, true));
        let rang = of_failure(&failure(408, FailureOrigin::NoFinalAfterCancel, true), true, by);
        assert_eq!((rang.outcome, rang.may_have_rung), (Outcome::NoAnswer, true));
    }

    #[test]
    fn a_busy_that_crosses_our_cancel_is_busy() {
        let busy = failure(486, FailureOrigin::Response, true);
        assert_eq!(of_failure(&busy, true, Some(HungUpBy::RingLimit)).outcome, Outcome::Busy);
    }

    #[test]
    fn a_503_before_ringing_may_go_to_another_line() {
        let congested = of_failure(&failure(503, FailureOrigin::Response, true), false, None);
        assert_eq!((congested.outcome, congested.may_have_rung), (Outcome::CarrierCongested, false));
        assert!(of_failure(&failure(503, FailureOrigin::Response, true), true, None).may_have_rung);
    }

    #[test]
    fn a_password_problem_is_the_carriers_refusal_with_its_reason() {
        let mut refused = failure(407, FailureOrigin::Response, true);
        refused.auth = Some(AuthRefusal::ForeignRealm);
        let verdict = of_failure(&refused, false, None);
        assert_eq!(verdict.outcome, Outcome::CarrierRefused);
        assert!(verdict.detail.contains("realm"));
    }

    #[test]
    fn an_order_that_cannot_be_written_is_not_dialled_again_and_blames_no_line() {
        for error in [
            InviteError::Uri("to_uri"),
            InviteError::Header(0),
            InviteError::DisplayName,
            InviteError::TooLong,
        ] {
            let outcome = of_refusal(&error);
            assert_eq!((outcome, outcome.retry()), (Outcome::LocalFailure, Retry::Never), "{error}");
        }
        for error in [InviteError::Destination, InviteError::Advertised] {
            assert_eq!(of_refusal(&error), Outcome::LineUnusable, "{error}");
        }
        assert_eq!(of_refusal(&InviteError::TableFull), Outcome::Shed);
    }
}
