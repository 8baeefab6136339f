//! A drain ends every call, whatever its state.

use common::Outcome;
use peal_call::{HungUpBy, Mail};

use crate::common::*;

#[test]
fn every_call_ends_as_its_state_allows() {
    let mut pair = Pair::new();
    pair.callees([Callee::silent(), Callee::rings(), Callee::answers(), Callee::refuses(503, "")]);
    let mut order = pair.order();
    order.script = plays(500);
    let unanswered = pair.call();
    let ringing = pair.call();
    let talking = pair.place(order);
    pair.run(ms(2_000));
    // Cancelled with a 100 only, while its 503 is under way.
    let failing = pair.call();
    pair.run(ms(1));
    let mut order = pair.order();
    (order.send_at, order.send_by) = (pair.now + ms(5_000), pair.now + ms(6_000));
    let waiting = pair.place(order);
    pair.carrier.calls[3].callee.cancels = false;

    pair.mail(Mail::HangUpAll { by: HungUpBy::Drain });
    pair.run_until_idle();
    let outcome = |attempt| {
        let ended = pair.record(attempt).end();
        (ended.outcome, ended.hung_up_by)
    };
    for attempt in [unanswered, ringing, failing, waiting] {
        assert_eq!(outcome(attempt), (Outcome::Canceled, Some(HungUpBy::Drain)));
    }
    assert_eq!(outcome(talking), (Outcome::Answered, Some(HungUpBy::Drain)));
    assert_eq!(pair.carrier.calls.len(), 4, "the waiting order never left");
    assert_eq!(pair.carrier.calls[2].kinds(), ["INVITE", "ACK", "BYE"]);
    assert_eq!(pair.at_ms(pair.record(talking).end().stamps.ended), Some(2_001));
    pair.check_nothing_is_left(4, 2);
}
