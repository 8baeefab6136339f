//! A carrier that uses one RTP address for two calls which we have on one port: they cannot be told apart, and the second
//! one ends. On ports of their own they can.

use common::Outcome;
use media::PortMode;
use peal_call::HungUpBy;

use crate::common::*;

const SHARED: &str = "10.0.0.2:30000";

fn two_calls(mode: PortMode) -> (Pair, [common::AttemptId; 2]) {
    let mut pair = Pair::with(1, 2, Link::perfect());
    pair.callees([Callee::answers().at(SHARED)]);
    let placed = [0, 2_000].map(|wait| {
        pair.run(ms(wait));
        let mut order = pair.order();
        (order.script, order.port_mode) = (plays(250), mode);
        pair.place(order)
    });
    pair.run_until_idle();
    (pair, placed)
}

#[test]
fn on_a_shared_port_the_second_ends_and_the_first_is_unharmed() {
    let (mut pair, [first, second]) = two_calls(PortMode::Shared);
    let unharmed = pair.record(first).end();
    assert_eq!((unharmed.outcome, unharmed.hung_up_by), (Outcome::Answered, Some(HungUpBy::Script)));
    assert_eq!(unharmed.quality.expect("a session").sent, 251);
    let refused = pair.record(second).end();
    assert_eq!((refused.outcome, refused.hung_up_by), (Outcome::MediaRefused, Some(HungUpBy::Session)));
    assert!(refused.detail.contains("ports of its own"), "{}", refused.detail);
    assert_eq!(refused.codec, None);
    assert_eq!(pair.carrier.calls[1].kinds(), ["INVITE", "ACK", "BYE"]);
    assert_eq!(pair.calls.counters().port_shortages, 1);
    pair.check_nothing_is_left(1, 2);
}

#[test]
fn on_ports_of_their_own_both_are_well() {
    let (mut pair, placed) = two_calls(PortMode::Own);
    for attempt in placed {
        let ended = pair.record(attempt).end();
        assert_eq!((ended.outcome, ended.hung_up_by), (Outcome::Answered, Some(HungUpBy::Script)));
        assert!(ended.quality.expect("a session").received > 100);
    }
    pair.check_nothing_is_left(1, 2);
}
