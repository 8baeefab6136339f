//! What peers do in the middle of a call: a new SSRC, the other law, another packet time, comfort noise.

mod common;

use std::time::Instant;

use common::*;
use peal_media::*;

#[test]
fn a_new_ssrc_goes_on_and_its_loss_is_counted_apart() {
    let (mut session, start, mut far_end) = (answered(), Instant::now(), FarEnd::new());
    for n in 0..20u32 {
        if n == 10 {
            far_end.header = rtp::Header { ssrc: 77, sequence: 40_000, timestamp: 5, ..far_end.header };
        }
        let bytes = far_end.audio(&[0xD5; 160]);
        let lost = n == 5 || n == 15;
        if !lost {
            let received = session.receive(start + TICK * n, far(), &bytes);
            assert!(matches!(received, Received::Audio { .. }), "{n}: {received:?}");
        }
    }
    let quality = session.quality();
    assert_eq!((quality.expected, quality.received, quality.lost, quality.streams), (20, 18, 2, 2));
    assert_eq!((quality.jitter_ms, quality.max_gap_ms, quality.loss_ratio()), (0.0, 40, 0.1));
}

#[test]
fn both_laws_and_every_packet_time_are_heard() {
    let (mut session, now, mut far_end) = (answered(), Instant::now(), FarEnd::new());
    for ms in [5, 10, 20, 30, 40, 60] {
        for codec in [Codec::Pcma, Codec::Pcmu] {
            far_end.header.payload_type = codec.static_payload_type();
            let payload = vec![codec.silence(); ms * 8];
            let header = far_end.header;
            let bytes = far_end.audio(&payload);
            let expected = Received::Audio { codec, header, payload: &payload };
            assert_eq!(session.receive(now, far(), &bytes), expected);
        }
    }
}

#[test]
fn a_dynamic_payload_type_is_what_was_agreed() {
    let (mut session, now, mut far_end) = (answered(), Instant::now(), FarEnd::new());
    session.set_remote(MediaPlan { codec: Codec::Pcmu, payload_type: 112, ..plan() });
    far_end.header.payload_type = 112;
    let bytes = far_end.audio(&[0xFF; 160]);
    assert!(matches!(session.receive(now, far(), &bytes), Received::Audio { codec: Codec::Pcmu, .. }));
}

#[test]
fn comfort_noise_is_a_sign_of_life() {
    let (mut session, now, mut far_end) = (answered(), Instant::now(), FarEnd::new());
    far_end.header.payload_type = 13;
    let bytes = far_end.audio(&[60]);
    assert_eq!(session.receive(now, far(), &bytes), Received::ComfortNoise);
    assert_eq!(session.last_received(), Some(now));
}
