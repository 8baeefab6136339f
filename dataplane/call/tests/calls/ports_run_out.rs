//! More calls are set up at once than there are ports, or than the shard may carry: the rest is shed or handed back.

use common::Outcome;
use media::PortMode;
use peal_call::admission::Overload;

use crate::common::*;

#[test]
fn a_call_without_a_port_is_shed() {
    for (mode, ports) in [(PortMode::Shared, 4), (PortMode::Own, 2)] {
        let mut pair = Pair::new();
        let placed: Vec<_> = (0..ports + 1)
            .map(|_| {
                let mut order = pair.order();
                order.port_mode = mode;
                pair.place(order)
            })
            .collect();
        let shed = pair.record(placed[ports]).end();
        assert_eq!((shed.outcome, shed.stamps.invited), (Outcome::Shed, None));
        assert!(shed.call_id.is_empty() && !shed.may_have_rung);
        assert_eq!(pair.calls.counters().ports_in_use, ports as u64);
        pair.run_until_idle();
        let resting = if mode == PortMode::Own { ports as u64 } else { 0 };
        assert_eq!((pair.calls.counters().ports_in_use, pair.calls.counters().ports_resting), (0, resting));
        assert_eq!(pair.carrier.calls.len(), ports);
        for attempt in &placed[..ports] {
            assert_eq!(pair.record(*attempt).end().outcome, Outcome::Answered);
        }
        assert_eq!(pair.calls.counters().port_shortages, 1);
        pair.check_nothing_is_left(4, 2);
    }
}

#[test]
fn a_far_end_that_never_speaks_gives_its_port_back_after_the_answer() {
    let mut pair = Pair::with(1, 0, Link::perfect());
    pair.callees([Callee::rings().then(1_000, Act::Reply(200, "", Body::Answer))]);
    let mut order = pair.order();
    order.script = plays(400);
    pair.place(order);
    pair.run(ms(3_900));
    let early = pair.call();
    assert_eq!(pair.record(early).end().outcome, Outcome::Shed, "it might still speak from anywhere");
    pair.run(ms(200));
    let attempt = pair.call();
    pair.run_until_idle();
    assert_eq!(pair.record(attempt).end().outcome, Outcome::Answered);
}

#[test]
fn a_full_shard_hands_orders_back() {
    let mut pair = Pair::configured(4, 0, Link::perfect(), |config| config.max_calls = 2);
    let placed: Vec<_> = (0..3).map(|_| pair.call()).collect();
    assert_eq!(pair.record(placed[2]).declined, Some(Overload::Full));
    assert_eq!(pair.calls.counters().full_refusals, 1);
    pair.run_until_idle();
    assert_eq!(pair.record(placed[1]).end().outcome, Outcome::Answered);
}
