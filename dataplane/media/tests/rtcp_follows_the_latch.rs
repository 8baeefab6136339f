//! RTCP goes to, and is taken from, the negotiated address until another source is latched; then that one's.

mod common;
#[path = "common/rtcp.rs"]
mod reports;

use std::net::SocketAddr;
use std::time::Instant;

use common::*;
use peal_media::*;

const LATCHED: &str = "203.0.113.5:47000";

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Where the next report goes.
#[track_caller]
fn destination(session: &mut MediaSession, now: Instant) -> SocketAddr {
    let mut out = [0; MAX_PACKET_LEN];
    let sent = (0..400).find_map(|_| {
        tick(session, now);
        session.poll_rtcp(now, &mut out)
    });
    sent.expect("a report within 8 s").to
}

fn hears(session: &mut MediaSession, now: Instant, from: &str) -> bool {
    let bytes = reports::receiver_report(9, None);
    session.receive_rtcp(now, addr(from), &bytes).is_ok()
}

fn latch(session: &mut MediaSession, now: Instant) {
    let mut far_end = FarEnd::new();
    for _ in 0..2 {
        session.receive(now, addr(LATCHED), &far_end.audio(&[1; 160]));
    }
    assert_eq!(session.quality().received, 1);
}

#[test]
fn beside_the_rtp_port() {
    let (mut session, now) = (answered(), Instant::now());
    session.set_remote(MediaPlan { latching: Latching::Any, remote_rtcp: addr("192.0.2.7:9"), ..plan() });
    assert_eq!(destination(&mut session, now), addr("192.0.2.7:9"));
    assert!(!hears(&mut session, now, "203.0.113.5:47001"));
    latch(&mut session, now);
    assert_eq!(destination(&mut session, now), addr("203.0.113.5:47001"));
    for (from, heard) in [
        ("203.0.113.5:47001", true),
        (LATCHED, true),
        ("192.0.2.7:9", true),
        ("203.0.113.5:47002", false),
        ("203.0.113.5:46999", false),
        ("192.0.2.7:30000", false),
    ] {
        assert_eq!(hears(&mut session, now, from), heard, "{from}");
    }
}

#[test]
fn on_the_rtp_port() {
    let (mut session, now) = (answered(), Instant::now());
    session.set_remote(MediaPlan { latching: Latching::Any, remote_rtcp: far(), rtcp_mux: true, ..plan() });
    assert_eq!(destination(&mut session, now), far());
    latch(&mut session, now);
    assert_eq!(destination(&mut session, now), addr(LATCHED));
}

#[test]
fn a_report_latches_nothing() {
    let (mut session, now) = (answered(), Instant::now());
    session.set_remote(MediaPlan { latching: Latching::Any, ..plan() });
    for _ in 0..5 {
        assert!(!hears(&mut session, now, LATCHED));
        let report = reports::sender_report(9, 1, None);
        let refused = Received::Rtcp(Err(RtcpDrop::ForeignSource));
        assert_eq!(session.receive(now, addr(LATCHED), &report), refused);
    }
    assert_eq!(events(&mut session), []);
    assert_eq!(tick(&mut session, now).unwrap().0, far());
}
