//! Final responses other than 2xx: one outcome each, with everything that was said.

use common::Outcome;

use crate::common::*;

fn refused(callee: Callee) -> peal_call::Ended {
    let mut pair = Pair::new();
    pair.callees([callee]);
    let attempt = pair.call();
    pair.run_until_idle();
    assert_eq!(pair.far().kinds(), ["INVITE", "ACK"]);
    let ended = pair.record(attempt).end().clone();
    assert_eq!((ended.hung_up_by, ended.quality), (None, None));
    assert_eq!(pair.at_ms(ended.stamps.trying), Some(0));
    pair.check_nothing_is_left(4, 2);
    ended
}

#[test]
fn each_refusal_has_its_outcome() {
    for (status, outcome) in [
        (302, Outcome::CarrierRefused),
        (403, Outcome::CarrierRefused),
        (404, Outcome::InvalidNumber),
        (407, Outcome::CarrierRefused),
        (480, Outcome::Unreachable),
        (486, Outcome::Busy),
        (488, Outcome::MediaRefused),
        (500, Outcome::CarrierFailed),
        (503, Outcome::CarrierCongested),
        (600, Outcome::Busy),
        (603, Outcome::Declined),
        (607, Outcome::Blocked),
    ] {
        let ended = refused(Callee::refuses(status, ""));
        assert_eq!((ended.outcome, ended.sip_status), (outcome, status));
        assert!(!ended.may_have_rung, "{status} after 100 only");
    }
}

#[test]
fn a_503_tells_how_long_to_stay_away() {
    let ended = refused(Callee::refuses(503, "Retry-After: 30\r\n"));
    assert_eq!((ended.outcome, ended.retry_after_s), (Outcome::CarrierCongested, Some(30)));
}

#[test]
fn a_480_follows_its_cause() {
    for (reason, cause, outcome) in [
        ("Reason: Q.850;cause=18\r\n", 18, Outcome::NoAnswer),
        ("Reason: Q.850;cause=20\r\n", 20, Outcome::Unreachable),
        ("Reason: Q.850;cause=17\r\n", 17, Outcome::Busy),
        ("Reason: Q.850;cause=1\r\n", 1, Outcome::InvalidNumber),
    ] {
        let ended = refused(Callee::refuses(480, reason));
        assert_eq!((ended.outcome, ended.q850), (outcome, Some(cause)));
    }
}

#[test]
fn a_failure_after_ringing_may_have_rung() {
    let ended = refused(Callee::rings().then(500, Act::Reply(503, "", Body::Nothing)));
    assert_eq!((ended.outcome, ended.may_have_rung), (Outcome::CarrierCongested, true));
}

#[test]
fn a_refusal_may_be_the_first_response_of_all() {
    let ended = refused(Callee::silent().then(0, Act::Reply(486, "", Body::Nothing)));
    assert_eq!(ended.outcome, Outcome::Busy);
}
