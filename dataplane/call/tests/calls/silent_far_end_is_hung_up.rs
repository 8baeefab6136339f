//! The media time-out: a far end that was heard and falls silent is dead, unless there is a reason for its silence.

use common::Outcome;
use peal_call::HungUpBy;
use sip::sdp::Direction;

use crate::common::*;

/// Runs a call that waits so long, and says who hung it up when.
fn ended(callee: Callee, wait_ms: u64) -> (HungUpBy, u128) {
    let mut pair = Pair::new();
    pair.callees([callee]);
    let mut order = pair.order();
    order.script = script(vec![wait(wait_ms)]);
    let attempt = pair.place(order);
    pair.run_until_idle();
    let ended = pair.record(attempt).end().clone();
    assert_eq!(ended.outcome, Outcome::Answered);
    pair.check_nothing_is_left(4, 2);
    (ended.hung_up_by.expect("somebody"), pair.at_ms(ended.stamps.ended).expect("an end"))
}

#[test]
fn ten_seconds_after_the_last_packet() {
    // Which came at 2,990 ms; timers wait for the tick of 4 ms.
    let callee = Callee::answers().then(3_000, Act::Hush);
    assert_eq!(ended(callee, 50_000), (HungUpBy::MediaTimeout, 12_992));
}

#[test]
fn not_when_it_was_never_heard() {
    let callee = Callee::rings().then(1_000, Act::Reply(200, "", Body::Answer));
    assert_eq!(ended(callee, 40_000).0, HungUpBy::Script);
}

#[test]
fn not_because_early_media_fell_silent_before_the_answer() {
    let callee = Callee::trying()
        .then(100, Act::Reply(183, "", Body::Answer))
        .then(200, Act::Speak(1))
        .then(1_000, Act::Hush)
        .then(20_000, Act::Reply(200, "", Body::Answer))
        .then(25_000, Act::Speak(1));
    assert_eq!(ended(callee, 10_000).0, HungUpBy::Script);
}

#[test]
fn not_while_it_holds_the_call_nor_at_once_when_it_resumes() {
    for direction in [Direction::SendOnly, Direction::Inactive] {
        let callee = Callee::answers()
            .reinvite(2_000, offer("10.0.0.2:20000", direction, 2))
            .then(2_000, Act::Hush)
            .reinvite(30_000, offer("10.0.0.2:20000", Direction::SendRecv, 3))
            .then(35_000, Act::Speak(1));
        assert_eq!(ended(callee, 45_000).0, HungUpBy::Script);
    }
}

#[test]
fn but_when_it_stays_silent_after_it_resumed() {
    let callee = Callee::answers()
        .reinvite(2_000, offer("10.0.0.2:20000", Direction::SendOnly, 2))
        .then(2_000, Act::Hush)
        .reinvite(30_000, offer("10.0.0.2:20000", Direction::SendRecv, 3));
    let (by, at) = ended(callee, 59_000);
    assert_eq!(by, HungUpBy::MediaTimeout);
    assert!((40_000..=50_000).contains(&at), "{at}");
}
