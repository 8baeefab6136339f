//! A key held longer than 8.19 s is sent in segments, each with a timestamp of its own (RFC 4733 section 2.5.1.3).

mod common;

use std::time::Instant;

use common::*;
use peal_media::*;

fn hold(lose_last_of_segment: bool) -> Vec<Digit> {
    let (mut session, mut far_end, now) = (answered(), FarEnd::new(), Instant::now());
    let start = u32::MAX - 100_000; // the segments run over the wrap too
    let mut packets = vec![];
    for (segment, last) in [(0u32, u16::MAX), (1, u16::MAX), (2, 8000)] {
        let timestamp = start.wrapping_add(segment * u32::from(u16::MAX));
        packets.push(far_end.event(timestamp, 9, false, 400));
        let end = far_end.event(timestamp, 9, segment == 2, last);
        if segment == 2 || !lose_last_of_segment {
            packets.push(end);
        }
    }
    packets.iter().for_each(|bytes| {
        session.receive(now, far(), bytes);
    });
    digits(&mut session)
}

#[test]
fn the_segments_are_one_digit() {
    let expected = [Digit { symbol: '9', duration_ms: (2 * 65_535 + 8000) / 8 }];
    assert_eq!(hold(false), expected);
    assert_eq!(hold(true), expected);
}
