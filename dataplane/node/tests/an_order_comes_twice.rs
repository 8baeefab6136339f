//! Promise P1: a node takes each route try of an attempt once, also after a restart.

mod world;

use std::time::Duration;

use proto::v1::refused::Reason;
use world::World;

#[test]
fn the_second_is_refused() {
    let mut world = World::ready();
    world.order(1);
    world.order(1);
    world.run(Duration::from_secs(1));
    assert_eq!(world.orders().len(), 1);
    assert_eq!(world.refusal_of(1), Some(Reason::SeenBefore));
    world.end(1);
    world.order(1);
    world.run(Duration::from_secs(1));
    assert_eq!(world.orders().len(), 1, "an ended attempt is not begun again");
}

#[test]
fn a_refused_order_is_not_taken_later() {
    let mut world = World::ready();
    world.order_as(proto::v1::Order { line: 9, ..world::order(1) });
    assert_eq!(world.refusal_of(1), Some(Reason::LineUnknown));
    world.order(1);
    assert_eq!(world.refusal_of(1), Some(Reason::SeenBefore));
}

#[test]
fn another_route_try_waits_for_the_release_of_the_one_before() {
    let mut world = World::ready();
    world.order(1);
    world.run(Duration::from_millis(100));
    world.order_as(proto::v1::Order { route_try: 2, ..world::order(1) });
    world.run(Duration::from_millis(100));
    assert_eq!(world.orders().len(), 1);
    world.end(1);
    world.run(Duration::from_millis(100));
    assert_eq!(world.orders().iter().map(|o| o.route_try).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_restart_forgets_no_attempt() {
    let mut world = World::ready();
    world.order(1);
    world.run(Duration::from_secs(1));
    let mut world = World::recovered(world.crash());
    world.attach(0);
    world.lease(1, Duration::from_secs(60));
    world.lines(&[world::line(1, 10, 10)]);
    world.order(1);
    assert_eq!(world.refusal_of(1), Some(Reason::SeenBefore));
    // The journal does not know this one: it was made before the node began, and may have been told to its predecessor.
    let old = common::AttemptId::new(world::START_MS - 1_000, &[7; 10]);
    world.order_as(proto::v1::Order { attempt: old.as_bytes().to_vec(), ..world::order(2) });
    let last = world.journal.last().expect("a refusal");
    assert_eq!((world::kind(last), last.attempt.as_slice()), ("refused", old.as_bytes().as_slice()));
}
