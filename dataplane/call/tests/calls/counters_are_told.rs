//! The node hears the counters once a second, and the last word when the last call is gone.

use crate::common::*;

#[test]
fn the_last_call_leaves_no_stale_gauge_behind() {
    let mut pair = Pair::new();
    pair.call();
    pair.run(ms(1_100));
    let during = pair.books.counters.clone().expect("told after a second");
    assert_eq!((during.calls, during.talking), (1, 0));
    pair.run_until_idle();
    assert!(pair.now - pair.start < ms(1_500), "nobody waits for the next second");
    let last = pair.books.counters.clone().expect("told again");
    assert_eq!((last.calls, last.talking, last.rtp_sent), (0, 0, 11));
    assert_eq!(last, pair.calls.counters());
}
