//! Silence of the carrier, from the beginning and after a 100.

use common::Outcome;
use peal_call::HungUpBy;

use crate::common::*;

#[test]
fn no_response_at_all_may_go_to_another_line() {
    let mut pair = Pair::new();
    pair.callees([Callee::silent()]);
    let mut order = pair.order();
    order.max_ring = ms(60_000);
    let attempt = pair.place(order);
    pair.run_until_idle();
    let ended = pair.record(attempt).end();
    assert_eq!((ended.outcome, ended.sip_status), (Outcome::NoResponse, 0));
    assert!(!ended.may_have_rung);
    assert_eq!(pair.at_ms(ended.stamps.ended), Some(32_000), "timer B");
    assert_eq!(ended.stamps.trying, None);
    pair.check_nothing_is_left(4, 2);
}

#[test]
fn a_ring_limit_before_timer_b_changes_nothing() {
    let mut pair = Pair::new();
    pair.callees([Callee::silent()]);
    let mut order = pair.order();
    order.max_ring = ms(10_000);
    let attempt = pair.place(order);
    pair.run_until_idle();
    assert_eq!(pair.record(attempt).end().outcome, Outcome::NoResponse);
    assert_eq!(pair.far().kinds(), ["INVITE"], "CANCEL waits for a provisional response");
}

#[test]
fn silence_after_trying_may_have_rung() {
    let mut pair = Pair::new();
    pair.callees([Callee { cancels: false, ..Callee::trying() }]);
    let mut order = pair.order();
    order.max_ring = ms(10_000);
    let attempt = pair.place(order);
    pair.run_until_idle();
    let ended = pair.record(attempt).end();
    assert_eq!((ended.outcome, ended.may_have_rung), (Outcome::CarrierFailed, true));
    assert_eq!(ended.hung_up_by, Some(HungUpBy::RingLimit));
    assert_eq!(pair.at_ms(ended.stamps.ended), Some(42_000), "64*T1 after the CANCEL");
}

#[test]
fn silence_after_ringing_is_no_answer() {
    let mut pair = Pair::new();
    pair.callees([Callee { cancels: false, ..Callee::rings() }]);
    let mut order = pair.order();
    order.max_ring = ms(10_000);
    let attempt = pair.place(order);
    pair.run_until_idle();
    let ended = pair.record(attempt).end();
    assert_eq!((ended.outcome, ended.may_have_rung), (Outcome::NoAnswer, true));
}
