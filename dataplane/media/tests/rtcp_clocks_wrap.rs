//! A call that lasts for weeks (P10): NTP time, LSR, DLSR and the counts of packets run over their ends, and the round trip
//! stays what it is. The 32 bits of LSR and DLSR wrap every 18.2 hours; signed milliseconds do so after 24.8 days, unsigned
//! ones after 49.7.

mod common;
#[path = "common/rtcp.rs"]
mod reports;

use std::time::{Duration, Instant};

use common::*;
use peal_media::rtcp::compound::Block;
use peal_media::*;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
const OURS: u32 = 0x5EA1;

/// Ticks until a report is due, all at `now`, and writes it.
#[track_caller]
fn next_report(session: &mut MediaSession, now: Instant) -> Vec<u8> {
    let mut out = [0; MAX_PACKET_LEN];
    for _ in 0..400 {
        session.tick(now, &mut out);
        if let Some(sent) = session.poll_rtcp(now, &mut out) {
            return out[..sent.len].to_vec();
        }
    }
    panic!("no report in 8 s of ticks");
}

#[test]
fn a_round_trip_is_the_same_on_any_day() {
    let (mut session, start) = (answered(), Instant::now());
    let mut far_end = FarEnd::new();
    next_report(&mut session, start);
    for at in [
        0,
        18 * HOUR + 12 * 60 + 15, // 65,535 s: the middle bits wrap before the answer comes
        DAY,
        24 * DAY + 20 * HOUR + 31 * 60 + 23,
        27 * DAY,
        49 * DAY + 17 * HOUR + 2 * 60 + 47,
        248 * DAY + 13 * HOUR + 13 * 60 + 56,
        1000 * DAY,
    ] {
        let now = start + Duration::from_secs(at);
        let (ntp, _) = reports::read(&next_report(&mut session, now));
        let sent = ntp.expect("silence is sent");
        // Out 1.2 s, kept for 3 s, back 0.3 s.
        let answer = Block { ssrc: OURS, last_sr: (sent >> 16) as u32, delay: 3 << 16, ..Block::default() };
        let bytes = reports::receiver_report(far_end.header.ssrc, Some(answer));
        assert_eq!(session.receive_rtcp(now + Duration::from_millis(4_500), far_rtcp(), &bytes), Ok(()));
        let told = session.quality().far.unwrap();
        assert!((told.rtt_ms.unwrap() - 1_500.0).abs() < 0.1, "{at} s: {told:?}");
        assert!((told.rtt_max_ms.unwrap() - 1_500.0).abs() < 0.1, "{at} s: {told:?}");

        // And theirs: a sender report that lies 2.5 s back.
        session.receive(now, far(), &far_end.audio(&[1; 160]));
        let theirs = reports::sender_report(far_end.header.ssrc, 0xFFFF_FFFF_8000_0000, None);
        assert_eq!(session.receive_rtcp(now + Duration::from_millis(4_500), far_rtcp(), &theirs), Ok(()));
        let (_, block) = reports::read(&next_report(&mut session, now + Duration::from_secs(7)));
        let block = block.expect("something was heard");
        assert_eq!((block.last_sr, block.delay), (0xFFFF_8000, 5 << 15), "{at} s");
    }
}

#[test]
fn a_sender_report_from_before_the_wrap_is_none() {
    let (mut session, start) = (answered(), Instant::now());
    let mut far_end = FarEnd::new();
    session.receive(start, far(), &far_end.audio(&[1; 160]));
    let theirs = reports::sender_report(far_end.header.ssrc, 1 << 32, None);
    session.receive_rtcp(start, far_rtcp(), &theirs).unwrap();
    for (seconds, expected) in
        [(1, (1 << 16, 1 << 16)), (65_535, (1 << 16, 65_535 << 16)), (65_536, (0, 0)), (27 * DAY, (0, 0))]
    {
        let now = start + Duration::from_secs(seconds);
        session.receive(now, far(), &far_end.audio(&[1; 160]));
        let (_, block) = reports::read(&next_report(&mut session, now));
        assert_eq!(block.map(|block| (block.last_sr, block.delay)), Some(expected), "{seconds} s");
    }
}

#[test]
fn the_highest_sequence_number_counts_its_wraps() {
    let (mut session, now) = (answered(), Instant::now());
    let mut far_end = FarEnd::new();
    far_end.header.sequence = 65_000;
    let first = far_end.header.sequence;
    let mut lost = 0;
    for n in 0..200_000u32 {
        let bytes = far_end.audio(&[1; 160]);
        if n % 100 == 50 {
            lost += 1;
        } else {
            session.receive(now, far(), &bytes);
        }
    }
    let (_, block) = reports::read(&next_report(&mut session, now));
    let block = block.expect("something was heard");
    let highest = u32::from(first) + 199_999;
    assert_eq!((block.highest, block.lost, block.fraction_lost), (highest, lost, 2));
}

#[test]
fn a_source_that_begins_anew_is_reported_on_anew() {
    let (mut session, now) = (answered(), Instant::now());
    let mut far_end = FarEnd::new();
    for n in 0..100 {
        let bytes = far_end.audio(&[1; 160]);
        if n % 2 == 0 {
            session.receive(now, far(), &bytes);
        }
    }
    let (_, block) = reports::read(&next_report(&mut session, now));
    assert_eq!(block.map(|block| (block.ssrc, block.lost)), Some((far_end.header.ssrc, 49)));
    far_end.header.ssrc += 1;
    for _ in 0..10 {
        session.receive(now, far(), &far_end.audio(&[1; 160]));
    }
    let (_, block) = reports::read(&next_report(&mut session, now));
    let block = block.expect("something was heard");
    assert_eq!((block.ssrc, block.lost, block.fraction_lost), (far_end.header.ssrc, 0, 0));
    // Nothing since then: no block.
    assert_eq!(reports::read(&next_report(&mut session, now)).1, None);
}
