//! Strangers spray every port with audio and digits (P14): nothing of it is heard, recorded or answered.

use crate::common::*;

/// What came of a call, with or without strangers.
#[derive(Debug, PartialEq)]
struct Traces {
    digits: String,
    left: Vec<u8>,
    right: Vec<u8>,
    received: u64,
    sent: Vec<Vec<u8>>,
    ended_ms: Option<u128>,
}

fn run(strangers: bool) -> Traces {
    let mut pair = Pair::new();
    pair.callees([Callee::answers().extend(press(3_000, 6, 3))]);
    let mut order = pair.order();
    (order.script, order.record) = (asks(50, 1), true);
    let attempt = pair.place(order);
    for n in 0..200u16 {
        pair.run(ms(20));
        for port in 0..6 {
            for foreign in ["6.6.6.6:20000", "10.0.0.66:20000"] {
                let head = |payload_type: u8| {
                    let [high, low] = n.to_be_bytes();
                    vec![0x80, payload_type, high, low, 0, 0, high, low, 6, 6, 6, 6]
                };
                let (mut audio, mut key) = (head(8), head(101));
                audio.extend([0x66; 160]);
                key.extend([9, 0x8A, 3, 0x20]);
                if strangers {
                    pair.inject(addr(foreign), rtp_socket(port), &audio);
                    pair.inject(addr(foreign), rtp_socket(port), &key);
                }
            }
        }
    }
    pair.run_until_idle();
    let counters = pair.calls.counters();
    let refused = counters.rtp_strangers + counters.rtp_dropped.iter().sum::<u64>() + counters.rtp_late;
    assert_eq!(refused, if strangers { 200 * 6 * 2 * 2 } else { 0 }, "each packet is counted as what it is");
    let record = pair.record(attempt);
    Traces {
        digits: record.end().digits.clone(),
        left: record.left.clone(),
        right: record.right.clone(),
        received: record.end().quality.expect("a session").received,
        sent: pair.far().audio.iter().map(|packet| packet.payload.clone()).collect(),
        ended_ms: pair.at_ms(record.end().stamps.ended),
    }
}

#[test]
fn a_call_among_strangers_is_the_call_without_them() {
    let alone = run(false);
    assert_eq!(alone.digits, "6");
    assert_eq!(run(true), alone);
}
