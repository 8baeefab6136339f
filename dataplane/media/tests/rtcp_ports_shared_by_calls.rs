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

    // A re-negotiation names another in its place, which rests after the call.
    ports.expect_rtcp(now, &mut two, addr("192.0.2.1:8888"));
    assert_eq!(ports.lookup_rtcp(port, addr("192.0.2.1:7777")), Lookup::Stranger);
    ports.release(now, two);
    assert_eq!(ports.lookup_rtcp(port, addr("192.0.2.1:8888")), Lookup::Resting);
    assert_eq!(ports.lookup_rtcp(port, addr("192.0.2.1:6001")), Lookup::Resting);
    assert_eq!(ports.rtcp_astray(), (4, 2));

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
fn an_address_that_is_named_again_is_the_calls_again() {
    let (mut ports, now) = (ports(PortMode::Shared), Instant::now());
    let mut lease = ports.reserve(now, 1).unwrap();
    ports.settle(now, &mut lease, addr("192.0.2.1:5000")).unwrap();
    for named in ["192.0.2.1:7777", "192.0.2.1:8888", "192.0.2.1:7777"] {
        ports.expect_rtcp(now, &mut lease, addr(named));
        assert_eq!(ports.lookup_rtcp(lease.port(), addr(named)), Lookup::Call(1), "{named}");
    }
}

#[test]
fn who_names_address_after_address_takes_room_for_one() {
    let (mut ports, now) = (ports(PortMode::Shared), Instant::now());
    let mut lease = ports.reserve(now, 1).unwrap();
    ports.settle(now, &mut lease, addr("192.0.2.1:5000")).unwrap();
    let named = |n: u16| SocketAddr::from(([192, 0, 2, 2], 10_000 + n));
    for n in 0..1_000 {
        ports.expect_rtcp(now, &mut lease, named(n));
    }
    let port = lease.port();
    let held = |ports: &mut Ports, kind: Lookup| {
        (0..1_000).filter(|n| ports.lookup_rtcp(port, named(*n)) == kind).count()
    };
    assert_eq!((held(&mut ports, Lookup::Call(1)), held(&mut ports, Lookup::Resting)), (1, 0));
    ports.release(now, lease);
    assert_eq!((held(&mut ports, Lookup::Call(1)), held(&mut ports, Lookup::Resting)), (0, 1));
}

#[test]
fn a_call_that_is_up_comes_before_its_neighbours_that_have_ended() {
    let (mut ports, now) = (ports(PortMode::Shared), Instant::now());
    // One call ends whose RTP came from 5000 and whose RTCP from 7777.
    let mut ended = ports.reserve(now, 1).unwrap();
    ports.settle(now, &mut ended, addr("192.0.2.1:5000")).unwrap();
    ports.expect_rtcp(now, &mut ended, addr("192.0.2.1:7777"));
    let port = ended.port();
    ports.release(now, ended);
    assert_eq!(ports.lookup_rtcp(port, addr("192.0.2.1:5001")), Lookup::Resting);

    // Another begins on the port above, and a third with the RTCP address of the first.
    let mut beside = ports.reserve(now, 2).unwrap();
    ports.settle(now, &mut beside, addr("192.0.2.1:5001")).unwrap();
    assert_eq!(ports.lookup_rtcp(port, addr("192.0.2.1:5001")), Lookup::Call(2));
    let mut after = ports.reserve(now, 3).unwrap();
    ports.settle(now, &mut after, addr("192.0.2.1:6000")).unwrap();
    ports.expect_rtcp(now, &mut after, addr("192.0.2.1:7777"));
    assert_eq!(ports.lookup_rtcp(port, addr("192.0.2.1:7777")), Lookup::Call(3));

    // The rest of the first ends nothing of the third.
    let later = now + REST + Duration::from_millis(1);
    let another = ports.reserve(later, 4).unwrap();
    ports.expect_rtcp(later, &mut after, addr("192.0.2.1:7777"));
    assert_eq!(ports.lookup_rtcp(port, addr("192.0.2.1:7777")), Lookup::Call(3));
    ports.release(later, another);
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
