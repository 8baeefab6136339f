//! Strangers spray every RTP and RTCP port with audio, digits and reports (P14): nothing of it is heard, learned, recorded or
//! answered.

use std::net::SocketAddr;

use media::Quality;
use media::rtcp::compound::Block;
use media::rtcp::report::{SenderInfo, write};

use crate::common::*;

/// What came of a call, with or without strangers.
#[derive(Debug, PartialEq)]
struct Traces {
    digits: String,
    left: Vec<u8>,
    right: Vec<u8>,
    /// Without the times and drops, which are of the run.
    quality: Quality,
    sent: Vec<Vec<u8>>,
    reports: Vec<(SocketAddr, SocketAddr, usize)>,
    ended_ms: Option<u128>,
}

/// A report in the far end's name that names our stream, with numbers that could be true, and a BYE.
fn report(ours: u32, theirs: u32) -> Vec<u8> {
    let info = SenderInfo { ntp: 77 << 32, timestamp: 1, packets: 50, octets: 8_000 };
    let block = Block { ssrc: ours, fraction_lost: 200, lost: 1, jitter: 99, ..Block::default() };
    let mut out = [0; media::MAX_RTCP_LEN];
    let len = write(theirs, Some(info), Some(block), [6; 12], &mut out);
    [&out[..len], &[0x81, 203, 0, 1], &theirs.to_be_bytes()].concat()
}

fn run(strangers: bool, callee: Callee) -> Traces {
    let mut pair = Pair::new();
    pair.callees([callee.extend(press(6_000, 6, 3))]);
    let mut order = pair.order();
    (order.script, order.record) = (asks(50, 1), true);
    let attempt = pair.place(order);
    let mut injected = 0;
    for n in 0..340u16 {
        pair.run(ms(20));
        // As soon as a report of ours has told the names of both streams to whoever listens.
        let ssrcs = pair.carrier.calls.first().filter(|far| !far.reports.is_empty()).map(|far| far.ssrcs());
        let (ours, theirs) = ssrcs.unwrap_or((1, 2));
        let report = report(ours, theirs);
        for port in 0..6 {
            for foreign in ["6.6.6.6:20000", "10.0.0.66:20001"] {
                let head = |payload_type: u8| {
                    let [high, low] = n.to_be_bytes();
                    vec![0x80, payload_type, high, low, 0, 0, high, low, 6, 6, 6, 6]
                };
                let (mut audio, mut key) = (head(8), head(101));
                audio.extend([0x66; 160]);
                key.extend([9, 0x8A, 3, 0x20]);
                if strangers {
                    for (to, bytes) in [
                        (rtp_socket(port), &audio),
                        (rtp_socket(port), &key),
                        (rtp_socket(port), &report),
                        (rtcp_socket(port), &report),
                        (rtcp_socket(port), &audio),
                    ] {
                        pair.inject(addr(foreign), to, bytes);
                        injected += 1;
                    }
                }
            }
        }
    }
    pair.run_until_idle();
    let counters = pair.calls.counters();
    let refused = counters.rtp_strangers
        + counters.rtp_dropped.iter().sum::<u64>()
        + counters.rtp_late
        + counters.rtcp_strangers
        + counters.rtcp_dropped.iter().sum::<u64>()
        + counters.rtcp_late;
    assert_eq!(refused, injected, "each packet is counted as what it is");
    assert_eq!(counters.rtcp_received, 0);
    let record = pair.record(attempt);
    let quality = record.end().quality.expect("a session");
    Traces {
        digits: record.end().digits.clone(),
        left: record.left.clone(),
        right: record.right.clone(),
        quality: Quality { dropped: 0, first_packet: None, last_packet: None, ..quality },
        sent: pair.far().audio.iter().map(|packet| packet.payload.clone()).collect(),
        reports: pair.far().reports.iter().map(|r| (r.from, r.to, r.bytes.len())).collect(),
        ended_ms: pair.at_ms(record.end().stamps.ended),
    }
}

#[test]
fn a_call_among_strangers_is_the_call_without_them() {
    for mux in [false, true] {
        let callee = Callee { mux, ..Callee::answers() };
        let alone = run(false, callee.clone());
        assert_eq!(alone.digits, "6");
        assert!(!alone.reports.is_empty() && alone.quality.far.is_none());
        assert_eq!(run(true, callee), alone);
    }
}
