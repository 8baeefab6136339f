//! Which source a call believes (promise P14).

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::*;
use peal_media::*;

const OTHER_PORT: &str = "192.0.2.7:31000";
const ELSEWHERE: &str = "203.0.113.5:30000";

fn with(latching: Latching) -> MediaSession {
    let mut session = answered();
    session.set_remote(MediaPlan { latching, ..plan() });
    session
}

fn hear(session: &mut MediaSession, now: Instant, from: &str, far_end: &mut FarEnd) -> Option<DropReason> {
    let bytes = far_end.audio(&[0xD5; 160]);
    match session.receive(now, from.parse().unwrap(), &bytes) {
        Received::Dropped(reason) => Some(reason),
        _ => None,
    }
}

fn latched(address: &str) -> Vec<MediaEvent> {
    vec![MediaEvent::Latched(address.parse().unwrap())]
}

#[test]
fn the_negotiated_source_is_believed_at_once_and_no_other_after_it() {
    for latching in [Latching::Negotiated, Latching::SameHost, Latching::Any] {
        let (mut session, now, mut far_end) = (with(latching), Instant::now(), FarEnd::new());
        assert_eq!(hear(&mut session, now, "192.0.2.7:30000", &mut far_end), None);
        assert_eq!(events(&mut session), latched("192.0.2.7:30000"));
        let mut intruder = FarEnd::new();
        for from in [OTHER_PORT, ELSEWHERE, OTHER_PORT, ELSEWHERE] {
            assert_eq!(hear(&mut session, now, from, &mut intruder), Some(DropReason::ForeignSource));
        }
        assert_eq!((session.quality().received, session.dropped(DropReason::ForeignSource)), (1, 4));
        assert_eq!(tick(&mut session, now).unwrap().0, far());
        assert_eq!(events(&mut session), []);
    }
}

#[test]
fn another_source_is_latched_by_its_second_packet_where_allowed() {
    for (latching, from, allowed) in [
        (Latching::Negotiated, OTHER_PORT, false),
        (Latching::SameHost, OTHER_PORT, true),
        (Latching::SameHost, ELSEWHERE, false),
        (Latching::Any, ELSEWHERE, true),
    ] {
        let (mut session, now, mut far_end) = (with(latching), Instant::now(), FarEnd::new());
        let first = if allowed { DropReason::Probation } else { DropReason::ForeignSource };
        assert_eq!(hear(&mut session, now, from, &mut far_end), Some(first), "{latching:?} {from}");
        let second = hear(&mut session, now, from, &mut far_end);
        assert_eq!(second, (!allowed).then_some(DropReason::ForeignSource));
        let to: SocketAddr = if allowed { from.parse().unwrap() } else { far() };
        assert_eq!(tick(&mut session, now).unwrap().0, to);
    }
}

#[test]
fn packets_that_do_not_follow_each_other_latch_nothing() {
    let (mut session, now) = (with(Latching::Any), Instant::now());
    for n in 0..50u16 {
        let mut spray = FarEnd::new();
        spray.header.sequence = n * 7;
        spray.header.ssrc = u32::from(n);
        assert_eq!(hear(&mut session, now, ELSEWHERE, &mut spray), Some(DropReason::Probation));
    }
    assert_eq!((session.quality().received, events(&mut session)), (0, vec![]));
}

#[test]
fn the_negotiated_source_takes_over_from_a_latched_one() {
    let (mut session, now, mut far_end) = (with(Latching::Any), Instant::now(), FarEnd::new());
    hear(&mut session, now, ELSEWHERE, &mut far_end);
    assert_eq!(hear(&mut session, now, ELSEWHERE, &mut far_end), None);
    events(&mut session);
    assert_eq!(hear(&mut session, now, "192.0.2.7:30000", &mut far_end), None);
    assert_eq!(events(&mut session), latched("192.0.2.7:30000"));
    assert_eq!(hear(&mut session, now, ELSEWHERE, &mut far_end), Some(DropReason::ForeignSource));
}

#[test]
fn a_source_that_fell_silent_may_be_succeeded() {
    let (mut session, start, mut far_end) = (with(Latching::SameHost), Instant::now(), FarEnd::new());
    hear(&mut session, start, "192.0.2.7:30000", &mut far_end);
    let soon = start + Duration::from_millis(1999);
    assert_eq!(hear(&mut session, soon, OTHER_PORT, &mut far_end), Some(DropReason::ForeignSource));
    let later = start + Duration::from_secs(2);
    assert_eq!(hear(&mut session, later, ELSEWHERE, &mut far_end), Some(DropReason::ForeignSource));
    assert_eq!(hear(&mut session, later, OTHER_PORT, &mut far_end), Some(DropReason::Probation));
    events(&mut session);
    assert_eq!(hear(&mut session, later, OTHER_PORT, &mut far_end), None);
    assert_eq!(events(&mut session), latched(OTHER_PORT));
}

#[test]
fn a_new_address_by_negotiation_opens_the_latch_and_the_same_one_keeps_it() {
    let (mut session, now, mut far_end) = (with(Latching::SameHost), Instant::now(), FarEnd::new());
    hear(&mut session, now, OTHER_PORT, &mut far_end);
    hear(&mut session, now, OTHER_PORT, &mut far_end);
    session.set_remote(MediaPlan { telephone_event: None, ..plan() });
    assert_eq!(tick(&mut session, now).unwrap().0, OTHER_PORT.parse().unwrap());
    session.set_remote(MediaPlan { remote: ELSEWHERE.parse().unwrap(), ..plan() });
    assert_eq!(tick(&mut session, now).unwrap().0, ELSEWHERE.parse().unwrap());
    assert_eq!(hear(&mut session, now, OTHER_PORT, &mut far_end), Some(DropReason::ForeignSource));
    assert_eq!(hear(&mut session, now, ELSEWHERE, &mut far_end), None);
}

#[test]
fn early_media_is_heard_before_the_answer() {
    let (mut session, now, mut far_end) = (session(), Instant::now(), FarEnd::new());
    session.set_remote(plan());
    assert_eq!(hear(&mut session, now, "192.0.2.7:30000", &mut far_end), None);
    assert_eq!((session.quality().received, session.quality().first_packet), (1, Some(now)));
    assert_eq!(tick(&mut session, now), None);
}
