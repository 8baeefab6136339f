//! A thousand calls that are answered at once send evenly, each of them every 20 ms.

use crate::common::*;

#[test]
fn each_of_five_phases_serves_two_hundred_calls() {
    let mut pair = Pair::with(1_000, 0, Link::perfect());
    pair.callees([Callee::silent().then(1_000, Act::Reply(200, "", Body::Answer))]);
    for _ in 0..1_000 {
        let mut order = pair.order();
        order.script = plays(20);
        pair.place(order);
    }
    pair.run_until_idle();
    // Four milliseconds each.
    let mut phases = [0; 5];
    for call in &pair.carrier.calls {
        assert_eq!(call.audio.len(), 21);
        let first = call.audio[0].at - pair.start;
        assert!((ms(1_000)..ms(1_020)).contains(&first), "{first:?}");
        assert!(first.as_millis().is_multiple_of(4), "{first:?}");
        phases[first.as_millis() as usize / 4 % 5] += 1;
        assert!(call.audio.windows(2).all(|pair| pair[1].at - pair[0].at == ms(20)));
    }
    assert_eq!(phases, [200; 5]);
    assert_eq!(pair.calls.counters().rtp_sent, 21_000);
}
