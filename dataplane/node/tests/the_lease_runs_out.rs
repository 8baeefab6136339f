//! Promise P8: without a valid lease no call is started; those that are up go on.

mod world;

use std::time::Duration;

use proto::v1::refused::Reason;
use world::World;

#[test]
fn waiting_orders_are_refused_and_calls_go_on() {
    let mut world = World::ready();
    world.lines(&[world::line(1, 1_000, 1)]);
    world.lease(1, Duration::from_secs(5));
    world.run(world::GATES_OPEN);
    for n in 1..=9 {
        world.order(n);
    }
    world.run(Duration::from_millis(100));
    world.detach();
    world.run(Duration::from_secs(6));
    let started = world.orders().len();
    assert!((1..=5).contains(&started), "{started} started at 1/s before the lease ran out");
    for n in started as u32 + 1..=9 {
        assert_eq!(world.refusal_of(n), Some(Reason::NoLease), "{n}");
    }
    assert!(
        world.mailed.iter().all(|(_, _, mail)| matches!(mail, call::Mail::Order(_))),
        "nobody is hung up"
    );
    assert_eq!(world.dispatch.active_calls(), started);
    world.order(20);
    assert_eq!(world.refusal_of(20), Some(Reason::NoLease));
    world.lease(1, Duration::from_secs(5));
    world.order(21);
    world.run(Duration::from_secs(2));
    assert_eq!(world.orders().len(), started + 1, "a fresh lease starts calls again");
}

#[test]
fn old_epochs_are_fenced() {
    let mut world = World::ready();
    world.lease(7, Duration::from_secs(5));
    world.order(1);
    assert_eq!(world.refusal_of(1), Some(Reason::OldEpoch));
    world.order_as(proto::v1::Order { epoch: 8, ..world::order(2) });
    assert_eq!(world.refusal_of(2), Some(Reason::NoLease), "there is no lease of that epoch yet");
    world.order_as(proto::v1::Order { epoch: 7, ..world::order(3) });
    // A planner that has lost its lease prolongs nothing.
    world.lease(6, Duration::from_secs(3_600));
    world.run(Duration::from_secs(6));
    world.order_as(proto::v1::Order { epoch: 7, ..world::order(4) });
    assert_eq!(world.refusal_of(4), Some(Reason::NoLease));
    assert_eq!(world.orders().len(), 1);
}

#[test]
fn an_order_is_not_sent_after_its_time() {
    let mut world = World::ready();
    world.lines(&[world::line(1, 1, 10)]);
    world.run(world::GATES_OPEN);
    world.order(1);
    world.order(2);
    world.run(Duration::from_secs(9));
    assert_eq!(world.orders().len(), 1, "the line has one place");
    world.run(Duration::from_secs(2));
    assert_eq!(world.refusal_of(2), Some(Reason::Expired));
    world.order_as(proto::v1::Order { expires_at_us: world.now.wall.0 - 1, ..world::order(3) });
    assert_eq!(world.refusal_of(3), Some(Reason::Expired));
}
