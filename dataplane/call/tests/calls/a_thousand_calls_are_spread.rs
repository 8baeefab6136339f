//! A thousand calls that are answered at once send evenly, each of them every 20 ms.

use crate::common::*;

#[test]
fn each_millisecond_serves_fifty_calls() {
    let mut pair = Pair::with(1_000, 0, Link::perfect());
    pair.callees([Callee::silent().then(1_000, Act::Reply(200, "", Body::Answer))]);
    for _ in 0..1_000 {
        let mut order = pair.order();
        order.script = plays(20);
        pair.place(order);
    }
    pair.run_until_idle();
    let mut phases = [0; 20];
    for call in &pair.carrier.calls {
        assert_eq!(call.audio.len(), 21);
        let first = call.audio[0].at - pair.start;
        assert!((ms(1_000)..ms(1_020)).contains(&first), "{first:?}");
        phases[first.as_millis() as usize % 20] += 1;
        assert!(call.audio.windows(2).all(|pair| pair[1].at - pair[0].at == ms(20)));
    }
    assert_eq!(phases, [50; 20]);
    assert_eq!(pair.calls.counters().rtp_sent, 21_000);
}
