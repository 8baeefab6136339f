//! An order that makes no INVITE ends at once: nothing leaves, and the fault is put where it is.

use common::Outcome;

use crate::common::*;

#[test]
fn a_fault_of_the_order_is_ours_and_not_the_lines() {
    let mut pair = Pair::new();
    let mut injecting = pair.order();
    injecting.to_uri = "sip:1@carrier.example\r\nX-Evil: 1".to_owned();
    let mut endless = pair.order();
    endless.request_uri = format!("sip:{}@carrier.example", "1".repeat(sip::DATAGRAM_BYTES_MAX));
    for order in [injecting, endless] {
        let attempt = pair.place(order);
        let ended = pair.record(attempt).end();
        assert_eq!((ended.outcome, ended.stamps.invited), (Outcome::LocalFailure, None));
        assert!(ended.call_id.is_empty() && !ended.may_have_rung && !ended.detail.is_empty());
    }
    pair.run_until_idle();
    assert!(pair.carrier.calls.is_empty());
    pair.check_nothing_is_left(4, 2);
}

#[test]
fn an_address_that_cannot_be_reached_is_the_lines() {
    let mut pair = Pair::new();
    let mut order = pair.order();
    order.destination.set_port(0);
    let attempt = pair.place(order);
    let ended = pair.record(attempt).end();
    assert_eq!((ended.outcome, ended.stamps.invited), (Outcome::LineUnusable, None));
    pair.run_until_idle();
    assert!(pair.carrier.calls.is_empty());
    pair.check_nothing_is_left(4, 2);
}
