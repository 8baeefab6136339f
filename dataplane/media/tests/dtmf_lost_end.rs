//! One digit for each key, however its packets arrive.

mod common;

use std::time::{Duration, Instant};

use common::*;
use peal_media::*;

fn hear(session: &mut MediaSession, now: Instant, bytes: &[u8]) {
    session.receive(now, far(), bytes);
}

/// A key as peers send it: every 20 ms, and the end three times.
fn press(far_end: &mut FarEnd, timestamp: u32, code: u8) -> Vec<Vec<u8>> {
    let mut packets: Vec<_> = (1..=5).map(|n| far_end.event(timestamp, code, false, n * 160)).collect();
    packets.extend((0..3).map(|_| far_end.event(timestamp, code, true, 960)));
    packets
}

#[test]
fn any_one_packet_of_the_event_is_enough() {
    let all = press(&mut FarEnd::new(), 1000, 5);
    for (alone, bytes) in all.iter().enumerate() {
        let (mut session, now) = (answered(), Instant::now());
        hear(&mut session, now, bytes);
        tick(&mut session, now + Duration::from_millis(199));
        let early = symbols(&mut session);
        tick(&mut session, now + Duration::from_millis(200));
        let late = symbols(&mut session);
        let expected = if alone < 5 { ("", "5") } else { ("5", "") };
        assert_eq!((early.as_str(), late.as_str()), expected, "{alone}");
    }
}

#[test]
fn three_ends_are_one_digit_with_its_length() {
    let (mut session, now) = (answered(), Instant::now());
    for bytes in press(&mut FarEnd::new(), 1000, 11) {
        hear(&mut session, now, &bytes);
    }
    tick(&mut session, now + Duration::from_secs(1));
    assert_eq!(digits(&mut session), [Digit { symbol: '#', duration_ms: 120 }]);
}

#[test]
fn a_key_without_end_is_reported_before_the_next_one() {
    let (mut session, now, mut far_end) = (answered(), Instant::now(), FarEnd::new());
    for bytes in &press(&mut far_end, 1000, 1)[..5] {
        hear(&mut session, now, bytes);
    }
    for bytes in &press(&mut far_end, 3000, 2) {
        hear(&mut session, now, bytes);
    }
    assert_eq!(symbols(&mut session), "12");
}

#[test]
fn the_same_key_twice_is_two_digits() {
    let (mut session, now, mut far_end) = (answered(), Instant::now(), FarEnd::new());
    for timestamp in [1000, 2600] {
        press(&mut far_end, timestamp, 7).iter().for_each(|bytes| hear(&mut session, now, bytes));
    }
    assert_eq!(symbols(&mut session), "77");
}

#[test]
fn an_end_that_overtakes_and_a_copy_that_trails_change_nothing() {
    let (mut session, now, mut far_end) = (answered(), Instant::now(), FarEnd::new());
    let (first, second) = (press(&mut far_end, 1000, 1), press(&mut far_end, 3000, 2));
    let order = [&first[0], &first[5], &first[2], &second[0], &first[6], &second[5], &first[7], &second[1]];
    order.into_iter().for_each(|bytes| hear(&mut session, now, bytes));
    tick(&mut session, now + Duration::from_secs(1));
    assert_eq!(symbols(&mut session), "12");
}

#[test]
fn codes_that_are_no_keys_are_ignored() {
    let (mut session, now, mut far_end) = (answered(), Instant::now(), FarEnd::new());
    for (n, code) in [16u8, 36, 255].into_iter().enumerate() {
        hear(&mut session, now, &far_end.event(1000 * n as u32, code, true, 400));
    }
    tick(&mut session, now + Duration::from_secs(1));
    assert_eq!(symbols(&mut session), "");
}

#[test]
fn a_new_stream_may_use_old_timestamps() {
    let (mut session, now, mut far_end) = (answered(), Instant::now(), FarEnd::new());
    hear(&mut session, now, &far_end.event(90_000, 3, true, 400));
    far_end.header.ssrc += 1;
    hear(&mut session, now, &far_end.event(90_000, 4, true, 400));
    assert_eq!(symbols(&mut session), "34");
}
