//! Any bytes from anywhere into a session that plays, records and reports. Nothing may panic, every packet must be counted
//! as what it is, and nothing of a stranger's may be taken.
//!
//! The input is a list of packets, each behind a byte that says what happens before it and a byte with half its length.
#![no_main]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use media::{
    BlockPool, Codec, Direction, DropReason, Latching, MAX_PACKET_LEN, MediaPlan, MediaSession, Prompt,
    Received, SAMPLE_RATE, SessionConfig, rtcp,
};

/// Time that passes before a packet, in milliseconds.
const PAUSES_MS: [u64; 8] = [0, 1, 20, 20, 60, 1_000, 2_500, 3_600_000];

fuzz_target!(|input: &[u8]| {
    let sources: [SocketAddr; 4] =
        ["10.0.0.2:4000", "10.0.0.2:4001", "10.0.0.2:9", "6.6.6.6:4000"].map(|text| text.parse().unwrap());
    let plan = |direction| MediaPlan {
        remote: sources[0],
        remote_rtcp: sources[1],
        rtcp_mux: false,
        wants_rtcp: true,
        codec: Codec::Pcma,
        payload_type: 8,
        telephone_event: Some(101),
        direction,
        latching: Latching::SameHost,
    };
    let pool = BlockPool::new(4);
    let mut now = Instant::now();
    let mut session = MediaSession::new(SessionConfig {
        ssrc: 1,
        sequence: 65_000,
        timestamp: 2,
        rtcp: 3,
        send_silence: true,
    });
    session.set_remote(plan(Direction::SendReceive));
    session.answer();
    session.play(Prompt::from_pcm(&[1; 16_000], SAMPLE_RATE).unwrap());
    session.start_recording(now, &pool).unwrap();

    let (mut taken, mut dropped, mut reports) = (0, 0, 0);
    let mut rest = input;
    while let [control, half, after @ ..] = rest {
        let (packet, after) = after.split_at(after.len().min(2 * usize::from(*half)));
        rest = after;
        let foreign = control & 3 == 3;
        now += Duration::from_millis(PAUSES_MS[usize::from(control >> 2 & 7)]);
        if control & 0x40 != 0 {
            session.set_remote(plan(Direction::SendOnly));
        } else if control & 0x80 != 0 {
            session.set_remote(plan(Direction::SendReceive));
        }
        match session.receive(now, sources[usize::from(control & 3)], packet) {
            Received::Dropped(_) => dropped += 1,
            Received::Rtcp(result) => {
                assert!(rtcp::is_rtcp(packet) && !(foreign && result.is_ok()));
                reports += u32::from(result.is_ok());
            }
            Received::Audio { .. } | Received::TelephoneEvent | Received::ComfortNoise => {
                assert!(!foreign, "a stranger was heard");
                taken += 1;
            }
        }
        if control & 0x20 != 0 {
            let mut out = [0; MAX_PACKET_LEN];
            for transmit in
                [session.tick(now, &mut out), session.poll_rtcp(now, &mut out)].into_iter().flatten()
            {
                assert!(transmit.len <= MAX_PACKET_LEN && transmit.to != sources[3]);
            }
        }
        while session.poll_event().is_some() {}
        drop(session.poll_block());
    }
    let quality = session.quality();
    assert_eq!((quality.received, quality.dropped, quality.reports_received), (taken, dropped, reports));
    assert_eq!(session.dropped(DropReason::NoPlan), 0);
    assert!(quality.lost <= quality.expected);
    drop(session.finish_recording());
    assert_eq!(pool.in_use(), 0);
});
