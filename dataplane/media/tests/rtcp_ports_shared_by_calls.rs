//! RTCP beside a port that calls share is told by the far address, as RTP is, and rests as long.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use peal_media::ports::REST;
use peal_media::*;

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ports(mode: PortMode) -> Ports {
    Ports::new(PortsConfig { mode, ports: 1, seed: 1 })
}

#[test]
fn the_port_above_the_audio_and_a_named_one_are_the_calls() {
    let (mut ports, now) = (ports(PortMode::Shared), Instant::now());
    let mut one = ports.reserve(now, 1).unwrap();
    ports.settle(now, &mut one, addr("192.0.2.1:5000")).unwrap();
    ports.expect_rtcp(now, &mut one, addr("192.0.2.1:5001"));
    let mut two = ports.reserve(now, 2).unwrap();
    ports.settle(now, &mut two, addr("192.0.2.1:6000")).unwrap();
    ports.expect_rtcp(now, &mut two, addr("192.0.2.1:7777"));

    let port = one.port();
    for (from, call) in
        [("192.0.2.1:5001", 1), ("192.0.2.1:5000", 1), ("192.0.2.1:6001", 2), ("192.0.2.1:7777", 2)]
    {
        assert_eq!(ports.lookup_rtcp(port, addr(from)), Lookup::Call(call), "{from}");
    }
    for stranger in ["192.0.2.1:5002", "192.0.2.2:5001", "192.0.2.1:0"] {
        assert_eq!(ports.lookup_rtcp(port, addr(stranger)), Lookup::Stranger, "{stranger}");
    }
    // What is named for RTCP opens no door for RTP.
    assert_eq!(ports.lookup(port, addr("192.0.2.1:7777")), Lookup::Stranger);

    // A re-negotiation names another; the one before rests, as all do after the call.
    ports.expect_rtcp(now, &mut two, addr("192.0.2.1:8888"));
    assert_eq!(ports.lookup_rtcp(port, addr("192.0.2.1:7777")), Lookup::Resting);
    ports.release(now, two);
    assert_eq!(ports.lookup_rtcp(port, addr("192.0.2.1:8888")), Lookup::Resting);
    assert_eq!(ports.lookup_rtcp(port, addr("192.0.2.1:6001")), Lookup::Resting);
    assert_eq!(ports.rtcp_astray(), (3, 3));

    let later = now + REST + Duration::from_millis(1);
    let mut three = ports.reserve(later, 3).unwrap();
    ports.settle(later, &mut three, addr("192.0.2.1:9000")).unwrap();
    ports.expect_rtcp(later, &mut three, addr("192.0.2.1:8888"));
    assert_eq!(ports.lookup_rtcp(port, addr("192.0.2.1:8888")), Lookup::Call(3));
    assert_eq!(ports.lookup_rtcp(port, addr("192.0.2.1:6001")), Lookup::Stranger);
}

#[test]
fn a_pending_call_hears_no_strangers_reports() {
    let (mut ports, now) = (ports(PortMode::Shared), Instant::now());
    let lease = ports.reserve(now, 1).unwrap();
    assert_eq!(ports.lookup(lease.port(), addr("192.0.2.9:5000")), Lookup::Pending(1));
    assert_eq!(ports.lookup_rtcp(lease.port(), addr("192.0.2.9:5001")), Lookup::Stranger);
}

#[test]
fn of_two_calls_with_one_address_the_first_has_it() {
    let (mut ports, now) = (ports(PortMode::Shared), Instant::now());
    let mut leases = Vec::new();
    for call in 1..=2 {
        let mut lease = ports.reserve(now, call).unwrap();
        ports.settle(now, &mut lease, addr(&format!("192.0.2.1:{}000", 4 + call))).unwrap();
        ports.expect_rtcp(now, &mut lease, addr("192.0.2.1:7777"));
        leases.push(lease);
    }
    let port = leases[0].port();
    assert_eq!(ports.lookup_rtcp(port, addr("192.0.2.1:7777")), Lookup::Call(1));
    // The end of the second takes nothing from the first.
    ports.release(now, leases.pop().unwrap());
    assert_eq!(ports.lookup_rtcp(port, addr("192.0.2.1:7777")), Lookup::Call(1));
}

#[test]
fn a_port_of_its_own_is_the_calls() {
    let (mut ports, now) = (ports(PortMode::Own), Instant::now());
    let lease = ports.reserve(now, 1).unwrap();
    let port = lease.port();
    assert_eq!(ports.lookup_rtcp(port, addr("192.0.2.9:5001")), Lookup::Call(1));
    ports.release(now, lease);
    assert_eq!(ports.lookup_rtcp(port, addr("192.0.2.9:5001")), Lookup::Stranger);
}
