//! RTCP that is broken, foreign or absurd is dropped with a reason, and changes nothing; any bytes are survived.

mod common;
#[path = "common/rtcp.rs"]
mod reports;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::*;
use peal_media::rtcp::compound::Block;
use peal_media::*;
use proptest::prelude::*;

const OURS: u32 = 0x5EA1;
const THEIRS: u32 = 0xFA2;

/// A session that has sent a second of audio and heard ten packets.
fn talking(now: Instant) -> MediaSession {
    let mut session = answered();
    let mut far_end = FarEnd::new();
    for _ in 0..10 {
        session.receive(now, far(), &far_end.audio(&[1; 160]));
    }
    for _ in 0..50 {
        tick(&mut session, now);
    }
    session
}

fn block() -> Block {
    Block { ssrc: OURS, fraction_lost: 3, lost: 2, jitter: 8, ..Block::default() }
}

/// What a drop must leave as it was.
fn trace(session: &MediaSession) -> impl PartialEq + std::fmt::Debug + use<> {
    let quality = Quality { dropped: 0, ..session.quality() };
    (quality, *session.plan().unwrap())
}

#[track_caller]
fn is_dropped(session: &mut MediaSession, now: Instant, from: SocketAddr, bytes: &[u8], reason: RtcpDrop) {
    let before = trace(session);
    assert_eq!(session.receive_rtcp(now, from, bytes), Err(reason), "{bytes:02x?}");
    assert_eq!(trace(session), before);
}

#[test]
fn lengths_counts_and_padding_that_do_not_fit() {
    let now = Instant::now();
    let mut session = talking(now);
    let good = reports::sender_report(THEIRS, 1 << 40, Some(block()));
    let mut drop = |bytes: &[u8]| is_dropped(&mut session, now, far_rtcp(), bytes, RtcpDrop::Malformed);
    // Cut anywhere but between the report and the description.
    for len in (0..good.len()).filter(|len| *len != 52) {
        drop(&good[..len]);
    }
    let change = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    drop(&change(3, 0)); // no body
    drop(&change(3, 11)); // the report one word short
    drop(&change(2, 0xFF)); // far past the end
    drop(&change(0, 0x82)); // more blocks than there are
    drop(&change(0, 0x9F));
    drop(&change(0, 0xA1)); // padding before the last packet
    drop(&change(0, 0x41)); // version 1
    drop(&change(52, 0x01)); // version 0, further on
    drop(&change(55, 7)); // the description past the end
    drop(&change(52, 0xA1)); // its padding: the last byte is 0
    for padding in [1, 3, 28, 255] {
        let mut bytes = change(52, 0xA1);
        *bytes.last_mut().unwrap() = padding;
        drop(&bytes);
    }
    drop(&[good.as_slice(), &[0x81, 203, 0, 0]].concat()); // BYE of nobody
    drop(&[good.as_slice(), &[0x80]].concat());
    // Zero lengths in a row: each is four bytes, so this ends.
    assert_eq!(
        session.receive_rtcp(now, far_rtcp(), &[0x80, 210, 0, 0].repeat(300)),
        Err(RtcpDrop::NoReport)
    );
    // The unharmed one is taken, so all of this was about what was changed.
    assert_eq!(session.receive_rtcp(now, far_rtcp(), &good), Ok(()));
}

#[test]
fn each_input_of_the_corpus_is_dropped_for_its_reason() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/cve-repro");
    let now = Instant::now();
    for (name, reason) in [
        ("63_rtcp-short-4octets.rtcp", RtcpDrop::Malformed),
        ("65_rtcp-nack-oversize-len.rtcp", RtcpDrop::Malformed),
        ("66_rtcp-bye-spoof.rtcp", RtcpDrop::NoReport),
    ] {
        let bytes = std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut session = talking(now);
        is_dropped(&mut session, now, far_rtcp(), &bytes, reason);
        // On the RTP port too.
        assert_eq!(session.receive(now, far(), &bytes), Received::Rtcp(Err(reason)));
    }
}

#[test]
fn strangers_and_other_streams() {
    let now = Instant::now();
    let mut session = talking(now);
    let good = reports::sender_report(THEIRS, 1 << 40, Some(block()));
    for foreign in ["203.0.113.9:30001", "192.0.2.7:30002", "192.0.2.7:29999", "[2001:db8::1]:30001"] {
        is_dropped(&mut session, now, foreign.parse().unwrap(), &good, RtcpDrop::ForeignSource);
    }
    let others = [
        reports::sender_report(1, 1 << 40, None),
        reports::sender_report(1, 1 << 40, Some(Block { ssrc: OURS + 1, ..block() })),
        reports::receiver_report(THEIRS, Some(Block { ssrc: THEIRS, ..block() })),
    ];
    for bytes in others {
        is_dropped(&mut session, now, far_rtcp(), &bytes, RtcpDrop::ForeignSsrc);
    }
    let mut fresh = common::session();
    assert_eq!(fresh.receive_rtcp(now, far_rtcp(), &good), Err(RtcpDrop::NoPlan));
}

#[test]
fn numbers_that_cannot_be() {
    let now = Instant::now();
    let mut session = talking(now);
    for absurd in [
        Block { lost: 51, ..block() },
        Block { lost: 0x7F_FFFF, ..block() },
        Block { jitter: 80_001, ..block() },
        Block { jitter: 1 << 31, ..block() },
        Block { jitter: u32::MAX, ..block() },
    ] {
        let bytes = reports::sender_report(THEIRS, 1 << 40, Some(absurd));
        is_dropped(&mut session, now, far_rtcp(), &bytes, RtcpDrop::Implausible);
    }
    // Round trips that nobody could have measured: the rest of the report counts.
    for (last_sr, delay) in [(1 << 31, 0), (u32::MAX, 1 << 31), (1, u32::MAX), (0, 1 << 31)] {
        let block = Block { last_sr, delay, lost: -0x80_0000, ..block() };
        let bytes = reports::receiver_report(THEIRS, Some(block));
        assert_eq!(session.receive_rtcp(now, far_rtcp(), &bytes), Ok(()));
    }
    let far = session.quality().far.unwrap();
    assert_eq!((far.lost, far.rtt_ms, far.rtt_max_ms), (0, None, None));
}

#[test]
fn a_delay_beyond_the_time_that_passed_is_no_round_trip() {
    let now = Instant::now();
    let mut session = talking(now);
    let mut out = [0; MAX_PACKET_LEN];
    let sent = std::iter::repeat_with(|| {
        tick(&mut session, now);
        session.poll_rtcp(now, &mut out)
    });
    let len = sent.take(400).flatten().next().expect("a report within 8 s").len;
    let (ntp, _) = reports::read(&out[..len]);
    let last_sr = (ntp.unwrap() >> 16) as u32;
    let mut rtt = |delay| {
        let bytes = reports::receiver_report(THEIRS, Some(Block { last_sr, delay, ..block() }));
        assert_eq!(session.receive_rtcp(now, far_rtcp(), &bytes), Ok(()));
        session.quality().far.unwrap().rtt_ms
    };
    assert_eq!([1 << 31, u32::MAX, 65_536].map(&mut rtt), [None; 3]);
    // Rounded up by a few milliseconds.
    assert_eq!(rtt(300), Some(0.0));
}

#[test]
fn who_says_bye_ends_nothing() {
    let now = Instant::now();
    let mut session = talking(now);
    let bye = |ssrc: u32| {
        [reports::receiver_report(THEIRS, None), vec![0x81, 203, 0, 1], ssrc.to_be_bytes().to_vec()].concat()
    };
    for ssrc in [5, OURS, THEIRS] {
        assert_eq!(session.receive_rtcp(now, far_rtcp(), &bye(ssrc)), Ok(()));
    }
    assert!(tick(&mut session, now).is_some(), "the call goes on");
}

#[test]
fn a_round_trip_of_more_than_ten_seconds_is_none() {
    let start = Instant::now();
    let mut session = talking(start);
    let mut out = [0; MAX_PACKET_LEN];
    let len = (0..400)
        .find_map(|_| {
            tick(&mut session, start);
            session.poll_rtcp(start, &mut out)
        })
        .expect("a report within 8 s")
        .len;
    let last_sr = (reports::read(&out[..len]).0.unwrap() >> 16) as u32;
    let mut rtt_max = |after_s: u64, delay_s: u32| {
        let block = Block { last_sr, delay: delay_s << 16, ..block() };
        let bytes = reports::receiver_report(THEIRS, Some(block));
        let now = start + Duration::from_secs(after_s);
        assert_eq!(session.receive_rtcp(now, far_rtcp(), &bytes), Ok(()));
        session.quality().far.unwrap().rtt_max_ms
    };
    // On hold for minutes, and then answered as if it had just been heard.
    assert_eq!([(600, 0), (600, 1), (3_600, 3_500), (11, 0)].map(|(s, d)| rtt_max(s, d)), [None; 4]);
    assert_eq!(rtt_max(10, 0), Some(10_000.0));
    assert_eq!(rtt_max(605, 600), Some(10_000.0), "a report that was kept for as long is well answered");
}

/// Bytes that look more and more like reports.
fn datagrams() -> impl Strategy<Value = Vec<u8>> {
    let noise = proptest::collection::vec(any::<u8>(), 0..200);
    let header = (any::<u8>(), 198..=208u8, 0..40u16);
    let packet =
        (header, proptest::collection::vec(any::<u8>(), 0..120)).prop_map(|((flags, kind, words), body)| {
            [vec![0x80 | (flags & 0x3F), kind], words.to_be_bytes().to_vec(), body].concat()
        });
    let block = (any::<[u32; 4]>(), any::<u8>(), prop_oneof![Just(0), Just(2), any::<i32>()], any::<bool>());
    let report = (any::<bool>(), any::<u64>(), block, any::<prop::sample::Index>(), any::<u8>()).prop_map(
        |(sender, ntp, ([ssrc, jitter, last_sr, delay], fraction_lost, lost, to_us), at, byte)| {
            let ssrc = if to_us { OURS } else { ssrc };
            let block = Some(Block { ssrc, fraction_lost, lost, jitter, last_sr, delay, ..Block::default() });
            let mut bytes = if sender {
                reports::sender_report(THEIRS, ntp, block)
            } else {
                reports::receiver_report(THEIRS, block)
            };
            // Every other one is spoiled in one byte.
            if byte & 1 == 1 {
                let at = at.index(bytes.len());
                bytes[at] ^= byte;
            }
            bytes
        },
    );
    prop_oneof![1 => noise, 2 => packet, 3 => report]
}

proptest! {
    #[test]
    fn any_bytes_are_taken_whole_or_not_at_all(
        inputs in proptest::collection::vec((datagrams(), any::<bool>()), 1..60)
    ) {
        let now = Instant::now();
        let mut session = talking(now);
        let mut taken = 0;
        for (bytes, beside) in &inputs {
            let before = trace(&session);
            let result = if *beside || !rtcp::is_rtcp(bytes) {
                session.receive_rtcp(now, far_rtcp(), bytes)
            } else {
                match session.receive(now, far(), bytes) {
                    Received::Rtcp(result) => result,
                    other => panic!("{other:?}"),
                }
            };
            match result {
                Ok(()) => taken += 1,
                Err(_) => prop_assert_eq!(trace(&session), before),
            }
            let quality = session.quality();
            prop_assert_eq!((quality.received, quality.sent), (10, 50));
            if let Some(far) = quality.far {
                prop_assert!(far.lost <= 50 && far.jitter_max_ms <= 10_000.0 && far.rtt_ms.is_none());
            }
        }
        prop_assert_eq!(session.quality().reports_received, taken);
        // And it still reports.
        let mut out = [0; MAX_PACKET_LEN];
        let due = (0..400).any(|_| {
            tick(&mut session, now);
            session.poll_rtcp(now, &mut out).is_some()
        });
        prop_assert!(due);
    }
}
