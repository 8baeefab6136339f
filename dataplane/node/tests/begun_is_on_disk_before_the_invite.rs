//! Promise P1: a shard hears of an order only once its `Begun` is durable.

mod world;

use std::time::Duration;

use proto::v1::refused::Reason;
use world::World;

#[test]
fn a_shard_gets_the_order_when_the_disk_has_begun() {
    let mut world = World::ready();
    world.disk = Some(Duration::from_millis(8));
    let ordered = world.now.at;
    world.order(1);
    assert_eq!(world.kinds_of(1), ["begun"]);
    assert!(world.mailed.is_empty());
    world.run(Duration::from_millis(100));
    let (mailed_at, ..) = world.mailed.first().expect("it is on its way");
    assert!(*mailed_at >= ordered + Duration::from_millis(8));
    let order = world.orders()[0];
    assert!(order.send_at >= *mailed_at || order.send_by > *mailed_at);
    assert_eq!(order.request_uri, "sip:+8613800000001@127.0.0.1");
}

#[test]
fn a_disk_that_takes_nothing_starts_no_call() {
    let mut world = World::ready();
    world.disk = None;
    for n in 1..=20 {
        world.order(n);
    }
    world.run(Duration::from_secs(11));
    assert!(world.mailed.is_empty());
    for n in 1..=20 {
        assert_eq!(world.refusal_of(n), Some(Reason::Expired));
    }
    assert_eq!(world.dispatch.active_calls(), 0, "every place was given back");
}

#[test]
fn a_slow_disk_delays_calls_and_wastes_no_slots() {
    let mut world = World::ready();
    world.lines(&[world::line(1, 1_000, 20)]);
    world.disk = Some(Duration::from_millis(35));
    for n in 1..=60 {
        world.order(n);
    }
    world.run(Duration::from_millis(1_050 + 2_000));
    let sent = world.orders().len();
    assert!((36..=40).contains(&sent), "{sent} of at most 40 in two seconds at 20/s");
}
