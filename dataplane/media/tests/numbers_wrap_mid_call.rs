//! Sequence and timestamp run over their ends in the middle of a call, both ways.

mod common;

use std::time::Instant;

use common::*;
use peal_media::*;

#[test]
fn ours_run_on() {
    let mut session = MediaSession::new(SessionConfig {
        ssrc: 1,
        sequence: u16::MAX - 2,
        timestamp: u32::MAX - 400,
        rtcp: 0,
        send_silence: true,
    });
    session.set_remote(plan());
    session.answer();
    let now = Instant::now();
    let headers: Vec<_> = (0..6)
        .map(|_| {
            let (_, bytes) = tick(&mut session, now).unwrap();
            let header = rtp::Packet::parse(&bytes).unwrap().header;
            (header.sequence, header.timestamp, header.marker)
        })
        .collect();
    assert_eq!(
        headers,
        [
            (65_533, 4_294_966_895, true),
            (65_534, 4_294_967_055, false),
            (65_535, 4_294_967_215, false),
            (0, 79, false),
            (1, 239, false),
            (2, 399, false),
        ]
    );
}

#[test]
fn theirs_are_no_loss_no_jitter_and_stay_in_place_in_the_recording() {
    let (mut session, start, pool) = (answered(), Instant::now(), BlockPool::new(3));
    session.start_recording(start, &pool).unwrap();
    let mut far_end = FarEnd::new();
    far_end.header.sequence = u16::MAX - 5;
    far_end.header.timestamp = u32::MAX - 160 * 3;
    for n in 0..20u32 {
        let now = start + TICK * n;
        let bytes = far_end.audio(&[n as u8; 160]);
        assert!(matches!(session.receive(now, far(), &bytes), Received::Audio { .. }));
        tick(&mut session, now);
    }
    let quality = session.quality();
    assert_eq!((quality.expected, quality.lost, quality.streams, quality.jitter_ms), (20, 0, 1, 0.0));
    let [None, Some(block)] = session.finish_recording() else { panic!("one block") };
    for n in 0..20 {
        assert_eq!(block.right()[n * 160..][..160], [n as u8; 160], "{n}");
    }
}
