//! Whatever arrives, from wherever, the session and the port table stand, and their counts add up.

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::*;
use peal_media::*;
use proptest::prelude::*;

/// Bytes that look more and more like what the session wants.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    let noise = proptest::collection::vec(any::<u8>(), 0..600);
    let nearly =
        (any::<[u8; 12]>(), proptest::collection::vec(any::<u8>(), 0..500)).prop_map(|(mut head, rest)| {
            head[0] = 0x80 | (head[0] & 0x3F);
            [head.to_vec(), rest].concat()
        });
    let header =
        (any::<bool>(), prop_oneof![Just(0u8), Just(8), Just(13), Just(EVENTS), any::<u8>()], any::<u16>());
    let valid = (header, any::<u32>(), 0..3u32, proptest::collection::vec(any::<u8>(), 0..500)).prop_map(
        |((marker, payload_type, sequence), timestamp, ssrc, payload)| {
            packet(rtp::Header { marker, payload_type, sequence, timestamp, ssrc }, &payload)
        },
    );
    prop_oneof![noise, nearly, valid.clone(), valid]
}

fn sources() -> impl Strategy<Value = SocketAddr> {
    let strange: Vec<SocketAddr> = ["192.0.2.7:4", "203.0.113.1:30000", "[2001:db8::1]:9"]
        .iter()
        .map(|source| source.parse().unwrap())
        .collect();
    prop_oneof![3 => Just(far()), 1 => proptest::sample::select(strange)]
}

proptest! {
    #[test]
    fn the_session_stands(
        inputs in proptest::collection::vec((packets(), sources(), 0..3000u64), 1..200),
        latching in prop_oneof![Just(Latching::Negotiated), Just(Latching::SameHost), Just(Latching::Any)],
    ) {
        let pool = BlockPool::new(3);
        let mut session = answered();
        session.set_remote(MediaPlan { latching, ..plan() });
        let mut now = Instant::now();
        session.start_recording(now, &pool).unwrap();
        let (mut accepted, mut dropped, mut recorded) = (0, 0, 0);
        for (bytes, from, ms) in &inputs {
            now += Duration::from_millis(*ms);
            match session.receive(now, *from, bytes) {
                Received::Dropped(_) => dropped += 1,
                Received::Rtcp(_) => {}
                _ => accepted += 1,
            }
            tick(&mut session, now);
            events(&mut session);
            recorded += session.poll_block().map_or(0, |block| block.samples());
        }
        let quality = session.quality();
        prop_assert_eq!((quality.received, quality.dropped), (accepted, dropped));
        prop_assert!(quality.lost <= quality.expected);
        recorded += session.finish_recording().iter().flatten().map(Block::samples).sum::<usize>();
        prop_assert!(recorded > 0);
        prop_assert_eq!(pool.in_use(), 0);
    }

    #[test]
    fn any_single_packet_is_judged_alone(bytes in packets()) {
        if let Ok(packet) = rtp::Packet::parse(&bytes) {
            prop_assert!(packet.payload.len() + rtp::HEADER_LEN <= bytes.len());
            prop_assert!(packet.header.payload_type < 128);
        }
    }
}
