//! Nobody picks up until the ring limit: CANCEL, 487, no_answer.

use common::Outcome;
use peal_call::HungUpBy;
use sip::message::HeaderName;

use crate::common::*;

#[test]
fn the_ring_limit_ends_in_no_answer() {
    let mut pair = Pair::new();
    pair.callees([Callee::rings()]);
    let mut order = pair.order();
    order.max_ring = ms(5_000);
    let attempt = pair.place(order);
    pair.run_until_idle();

    let ended = pair.record(attempt).end();
    assert_eq!((ended.outcome, ended.sip_status), (Outcome::NoAnswer, 487));
    assert_eq!((ended.hung_up_by, ended.may_have_rung), (Some(HungUpBy::RingLimit), true));
    assert_eq!(pair.at_ms(ended.stamps.ended), Some(5_000));
    assert_eq!(pair.far().kinds(), ["INVITE", "CANCEL", "ACK"]);
    let reason = pair.far().message("CANCEL").header(HeaderName::Reason);
    assert_eq!(reason, Some(&b"Q.850;cause=19"[..]), "no answer from the user");
    pair.check_nothing_is_left(4, 2);
}

#[test]
fn a_busy_that_crosses_the_cancel_stands() {
    let mut pair = Pair::new();
    pair.link.delay = ms(50);
    pair.callees([Callee::rings().then(4_930, Act::Reply(486, "", Body::Nothing))]);
    let mut order = pair.order();
    order.max_ring = ms(5_000);
    let attempt = pair.place(order);
    pair.run_until_idle();
    let ended = pair.record(attempt).end();
    assert_eq!((ended.outcome, ended.sip_status), (Outcome::Busy, 486));
}
