//! An INVITE leaves between `send_at` and `send_by`, or not at all.

use common::Outcome;
use peal_call::{HungUpBy, Mail};

use crate::common::*;

#[test]
fn a_late_order_is_handed_back_and_nothing_leaves() {
    let mut pair = Pair::new();
    let mut order = pair.order();
    order.send_by = pair.now;
    pair.run(ms(1));
    let attempt = pair.place(order);
    pair.run(ms(100));
    let record = pair.record(attempt);
    assert_eq!(record.missed.as_ref().map(|order| order.attempt), Some(attempt));
    assert!(pair.carrier.calls.is_empty());
    pair.check_nothing_is_left(4, 2);
}

#[test]
fn an_early_order_leaves_exactly_when_it_may() {
    let mut pair = Pair::new();
    let mut order = pair.order();
    (order.send_at, order.send_by) = (pair.start + ms(500), pair.start + ms(505));
    let attempt = pair.place(order);
    pair.run(ms(499));
    assert!(pair.carrier.calls.is_empty());
    pair.run_until_idle();
    assert_eq!(pair.carrier.calls[0].invited_at - pair.start, ms(500));
    assert_eq!(pair.at_ms(pair.record(attempt).end().stamps.invited), Some(500));
}

#[test]
fn a_shard_that_was_stopped_over_the_window_hands_the_order_back() {
    let mut pair = Pair::new();
    let mut order = pair.order();
    (order.send_at, order.send_by) = (pair.start + ms(500), pair.start + ms(1_000));
    let attempt = pair.place(order);
    pair.now += ms(1_001);
    pair.run(ms(1_000));
    assert!(pair.record(attempt).missed.is_some() && pair.carrier.calls.is_empty());
    pair.check_nothing_is_left(4, 2);
}

#[test]
fn an_order_that_is_called_off_while_it_waits_never_leaves() {
    let mut pair = Pair::new();
    let mut order = pair.order();
    (order.send_at, order.send_by) = (pair.start + ms(500), pair.start + ms(1_000));
    let attempt = pair.place(order);
    pair.hang_up(attempt, HungUpBy::Operator);
    pair.run_until_idle();
    pair.run(ms(2_000));
    let ended = pair.record(attempt).end();
    assert_eq!((ended.outcome, ended.hung_up_by), (Outcome::Canceled, Some(HungUpBy::Operator)));
    assert!(ended.call_id.is_empty() && pair.carrier.calls.is_empty());
}

#[test]
fn an_attempt_that_is_here_is_not_called_twice() {
    let mut pair = Pair::new();
    let order = pair.order();
    pair.place(order.clone());
    pair.mail(Mail::Order(Box::new(order)));
    pair.run_until_idle();
    assert_eq!((pair.carrier.calls.len(), pair.calls.counters().repeated_orders), (1, 1));
}
