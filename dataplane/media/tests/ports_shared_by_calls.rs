//! Calls on shared ports find their packets, strangers find nobody, and what has ended rests.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use peal_media::ports::REST;
use peal_media::*;

fn shared(ports: u16) -> (Ports, Instant) {
    (Ports::new(PortsConfig { mode: PortMode::Shared, ports, seed: 42 }), Instant::now())
}

fn far(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], port))
}

#[test]
fn a_port_carries_one_pending_call_and_many_settled_ones() {
    let (mut ports, now) = shared(1);
    let mut leases = vec![];
    for call in 0..100u16 {
        let mut lease = ports.reserve(now, call.into()).unwrap();
        assert_eq!(ports.lookup(lease.port(), far(9)), Lookup::Pending(call.into()));
        assert_eq!(ports.reserve(now, 1000).unwrap_err(), PortsExhausted { ports: 1 });
        ports.expect(now, &mut lease, far(1000 + call)).unwrap();
        assert_eq!(ports.lookup(lease.port(), far(1000 + call)), Lookup::Call(call.into()));
        ports.settle(now, &mut lease, far(1000 + call)).unwrap();
        leases.push(lease);
    }
    assert_eq!(ports.lookup(PortIndex(0), far(9)), Lookup::Stranger);
    for call in 0..100u16 {
        assert_eq!(ports.lookup(PortIndex(0), far(1000 + call)), Lookup::Call(call.into()));
    }
    assert_eq!((ports.strangers(), ports.exhausted(), ports.collisions()), (1, 100, 0));
}

#[test]
fn calls_spread_over_the_pool() {
    let (mut ports, now) = shared(8);
    let mut used = [0; 8];
    for call in 0..800u16 {
        let mut lease = ports.reserve(now, call.into()).unwrap();
        ports.settle(now, &mut lease, far(1000 + call)).unwrap();
        used[usize::from(lease.port().0)] += 1;
    }
    assert_eq!(used, [100; 8]);
}

#[test]
fn the_same_far_address_twice_on_a_port_is_refused_and_counted() {
    let (mut ports, now) = shared(1);
    let mut first = ports.reserve(now, 1).unwrap();
    ports.settle(now, &mut first, far(5000)).unwrap();
    let mut second = ports.reserve(now, 2).unwrap();
    assert_eq!(ports.expect(now, &mut second, far(5000)), Err(Collision::Live { other: 1 }));
    assert_eq!(ports.settle(now, &mut second, far(5000)), Err(Collision::Live { other: 1 }));
    // Nothing changed: the first call hears its packets, the second is still pending.
    assert_eq!(ports.lookup(PortIndex(0), far(5000)), Lookup::Call(1));
    assert_eq!(ports.lookup(PortIndex(0), far(5001)), Lookup::Pending(2));
    assert_eq!(ports.collisions(), 2);
    // On another port the same address is no trouble.
    let (mut ports, now) = shared(2);
    for call in [1, 2] {
        let mut lease = ports.reserve(now, call).unwrap();
        ports.settle(now, &mut lease, far(5000)).unwrap();
        assert_eq!(ports.lookup(lease.port(), far(5000)), Lookup::Call(call));
    }
}

#[test]
fn addresses_rest_after_the_call() {
    let (mut ports, start) = shared(1);
    let mut lease = ports.reserve(start, 1).unwrap();
    ports.expect(start, &mut lease, far(5000)).unwrap();
    ports.settle(start, &mut lease, far(5002)).unwrap();
    ports.release(start, lease);
    let mut next = ports.reserve(start, 2).unwrap();
    // Late packets of the first call reach nobody, though a pending call holds the port.
    for port in [5000, 5002] {
        assert_eq!(ports.lookup(PortIndex(0), far(port)), Lookup::Resting);
        assert_eq!(ports.expect(start, &mut next, far(port)), Err(Collision::Resting));
    }
    let over = start + REST;
    assert_eq!(ports.expect(over - Duration::from_millis(1), &mut next, far(5000)), Err(Collision::Resting));
    ports.settle(over, &mut next, far(5000)).unwrap();
    assert_eq!(ports.lookup(PortIndex(0), far(5000)), Lookup::Call(2));
    assert_eq!((ports.late(), ports.collisions()), (2, 3));
}

#[test]
fn a_call_that_ends_while_pending_frees_its_port() {
    let (mut ports, now) = shared(1);
    for call in 0..5 {
        let lease = ports.reserve(now, call).unwrap();
        ports.release(now, lease);
    }
    assert_eq!((ports.free(), ports.lookup(PortIndex(0), far(1))), (1, Lookup::Stranger));
}

#[test]
fn addresses_of_many_renegotiations_are_bounded() {
    let (mut ports, now) = shared(1);
    let mut lease = ports.reserve(now, 1).unwrap();
    for port in 5000..5010 {
        ports.expect(now, &mut lease, far(port)).unwrap();
    }
    let found: Vec<_> =
        (5000..5010).filter(|&p| ports.lookup(lease.port(), far(p)) == Lookup::Call(1)).collect();
    assert_eq!(found, [5007, 5008, 5009]);
    ports.release(now, lease);
    assert_eq!(ports.lookup(PortIndex(0), far(5009)), Lookup::Resting);
}

#[test]
fn a_port_of_its_own_takes_every_source_and_rests_itself() {
    let start = Instant::now();
    let mut ports = Ports::new(PortsConfig { mode: PortMode::Own, ports: 2, seed: 1 });
    let mut one = ports.reserve(start, 1).unwrap();
    let mut two = ports.reserve(start, 2).unwrap();
    // Both calls have the same far address: no collision here.
    ports.settle(start, &mut one, far(6000)).unwrap();
    ports.settle(start, &mut two, far(6000)).unwrap();
    assert_eq!(ports.lookup(one.port(), far(6000)), Lookup::Call(1));
    assert_eq!(ports.lookup(two.port(), far(1)), Lookup::Call(2));
    let port = one.port();
    ports.release(start, one);
    assert_eq!(ports.lookup(port, far(6000)), Lookup::Stranger);
    assert!(ports.reserve(start + REST - Duration::from_millis(1), 3).is_err());
    assert_eq!(ports.reserve(start + REST, 3).unwrap().port(), port);
}

#[test]
fn a_port_that_is_not_of_the_pool_is_a_strangers() {
    let (mut ports, _) = shared(1);
    assert_eq!(ports.lookup(PortIndex(7), far(1)), Lookup::Stranger);
}
