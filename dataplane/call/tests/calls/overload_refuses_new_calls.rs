//! A core that is used up: orders are handed back before anything leaves, and calls in progress go on as if nothing were.

use common::Outcome;
use peal_call::admission::Overload;

use crate::common::*;

#[test]
fn a_used_up_core_takes_no_call_until_it_has_room() {
    let mut pair = Pair::with(40, 0, Link::perfect());
    let mut long = pair.order();
    long.script = plays(500);
    let in_progress = pair.place(long);
    pair.run(ms(2_000));

    (0..50).for_each(|_| pair.calls.handle_load(0.95));
    let refused = pair.call();
    pair.run(ms(100));
    assert_eq!(pair.record(refused).declined, Some(Overload::Busy));
    assert_eq!(pair.calls.counters().overload_refusals, 1);
    assert_eq!(pair.carrier.calls.len(), 1, "nothing has left");

    (0..50).for_each(|_| pair.calls.handle_load(0.5));
    let taken = pair.call();
    pair.run_until_idle();
    for attempt in [in_progress, taken] {
        assert_eq!(pair.record(attempt).end().outcome, Outcome::Answered);
    }
    assert!(pair.carrier.calls[0].audio.windows(2).all(|two| two[1].at - two[0].at == ms(20)));
    pair.check_nothing_is_left(40, 0);
}
