//! Any bytes as RTCP of a call that has sent and heard audio and has reported. Nothing may panic; a datagram is taken whole
//! or not at all, and what is taken must be possible.
//!
//! The input is a list of datagrams, each behind a byte with the pause before it and a byte with a quarter of its length.
//! In them `%O` and `%T` followed by two bytes stand for our source and the far end's, `%L` for the middle of our last
//! report's time, so that the fuzzer reaches the inside of an exchange.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use media::rtcp::compound::{Compound, Part};
use media::{
    Codec, Direction, Latching, MAX_PACKET_LEN, MediaPlan, MediaSession, Quality, SessionConfig, rtp,
};

const OURS: u32 = 0x0102_0304;
const THEIRS: u32 = 0x0506_0708;

fuzz_target!(|input: &[u8]| {
    let (far, far_rtcp) = ("10.0.0.2:4000".parse().unwrap(), "10.0.0.2:4001".parse().unwrap());
    let mut now = Instant::now();
    let mut session = MediaSession::new(SessionConfig {
        ssrc: OURS,
        sequence: 1,
        timestamp: 2,
        rtcp: 3,
        send_silence: true,
    });
    session.set_remote(MediaPlan {
        remote: far,
        remote_rtcp: far_rtcp,
        rtcp_mux: false,
        wants_rtcp: true,
        codec: Codec::Pcma,
        payload_type: 8,
        telephone_event: Some(101),
        direction: Direction::SendReceive,
        latching: Latching::Negotiated,
    });
    session.answer();
    let mut packet = [0; 172];
    rtp::Header { marker: true, payload_type: 8, sequence: 1, timestamp: 1, ssrc: THEIRS }.write(&mut packet);
    session.receive(now, far, &packet);
    let mut last_sr = report(&mut session, now);

    let mut rest = input;
    while let [pause, quarter, after @ ..] = rest {
        let (bytes, after) = after.split_at(after.len().min(4 * usize::from(*quarter)));
        rest = after;
        // Up to 18 hours, and beyond.
        now += Duration::from_millis(u64::from(*pause).pow(4) / 32);
        let mut bytes = bytes.to_vec();
        fill_in(&mut bytes, last_sr);
        let before = session.quality();
        let taken = session.receive_rtcp(now, far_rtcp, &bytes).is_ok();
        let quality = session.quality();
        if taken {
            assert!(matches!(
                Compound::parse(&bytes).expect("only what fits is taken").parts().next(),
                Some(Part::Sender { .. } | Part::Receiver { .. })
            ));
        } else {
            assert_eq!(quality, before);
        }
        assert_eq!(
            Quality { far: None, reports_received: 0, ..quality },
            Quality { far: None, reports_received: 0, ..before }
        );
        if let Some(far) = quality.far {
            assert!(
                far.lost <= quality.sent && far.jitter_max_ms <= 10_000.0 && far.rtt_max_ms <= Some(10_000.0)
            );
            assert!(far.rtt_ms.is_none_or(|ms| ms >= 0.0) && far.rtt_ms <= far.rtt_max_ms);
        }
        if pause & 1 == 1 {
            last_sr = report(&mut session, now);
        }
    }
});

/// Lets time pass until our report is due, and returns the middle of its time.
fn report(session: &mut MediaSession, now: Instant) -> [u8; 4] {
    let mut out = [0; MAX_PACKET_LEN];
    loop {
        session.tick(now, &mut out).expect("silence is sent");
        if let Some(sent) = session.poll_rtcp(now, &mut out) {
            let Some(Part::Sender { ntp, .. }) = Compound::parse(&out[..sent.len]).unwrap().parts().next()
            else {
                panic!("audio was sent");
            };
            return ((ntp >> 16) as u32).to_be_bytes();
        }
    }
}

fn fill_in(bytes: &mut [u8], last_sr: [u8; 4]) {
    for word in bytes.as_chunks_mut::<4>().0 {
        match word {
            [b'%', b'O', ..] => *word = OURS.to_be_bytes(),
            [b'%', b'T', ..] => *word = THEIRS.to_be_bytes(),
            [b'%', b'L', ..] => *word = last_sr,
            _ => {}
        }
    }
}
