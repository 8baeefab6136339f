//! A shard that declines an order gets no other for a while, so that the order finds a shard with room, though the
//! overloaded one has the fewest calls.

mod world;

use std::time::Duration;

use call::Mail;
use call::admission::Overload;
use peal_node::dispatch::Input;
use proto::v1::refused::Reason;
use world::World;

/// Takes the one order that was mailed since; which shard it went to.
fn mailed(world: &mut World) -> (u16, Box<call::Order>) {
    world.run(Duration::from_millis(100));
    let (_, shard, Mail::Order(order)) = world.mailed.pop().expect("an order") else { panic!("an order") };
    assert!(world.mailed.is_empty());
    (shard, order)
}

fn decline(world: &mut World, shard: u16, order: Box<call::Order>) {
    world.feed(Input::Shard { shard, event: call::Event::Declined { order, why: Overload::Busy } });
}

#[test]
fn the_other_shard_gets_its_orders() {
    let mut world = World::ready();
    world.order(1);
    let (busy, order) = mailed(&mut world);
    let first = order.send_at;
    decline(&mut world, busy, order);
    let (other, order) = mailed(&mut world);
    assert!(other != busy && order.attempt == world::attempt(1));
    assert!(order.send_at > first, "in a slot of its own");
    for n in 2..5 {
        world.order(n);
        assert_eq!(mailed(&mut world).0, other, "though it has more calls");
    }
    assert_eq!(world.dispatch.active_calls(), 4);
    world.run(Duration::from_secs(1));
    world.order(5);
    assert_eq!(mailed(&mut world).0, busy, "it is asked again");
    assert_eq!(world.kinds_of(1), ["begun"]);
}

#[test]
fn an_order_that_every_shard_declines_is_refused() {
    let mut world = World::ready();
    world.order(1);
    for _ in 0..2 {
        assert_eq!(world.refusal_of(1), None);
        let (shard, order) = mailed(&mut world);
        decline(&mut world, shard, order);
    }
    assert_eq!(world.refusal_of(1), Some(Reason::Full));
    assert_eq!(world.dispatch.active_calls(), 0);
    world.order(2);
    let (shard, order) = mailed(&mut world);
    decline(&mut world, shard, order);
    assert_eq!(world.refusal_of(2), Some(Reason::Full), "asked once, since no shard has room");
}

/// A line so slow that a shard is passed over no more when the order's next slot comes: the order remembers it.
#[test]
fn an_order_is_not_given_twice_to_a_shard_that_declined_it() {
    let mut world = World::ready();
    world.lines(&[world::line(1, 1_000, 1)]);
    world.run(Duration::from_secs(2));
    world.order(1);
    let (busy, order) = mailed(&mut world);
    decline(&mut world, busy, order);
    world.run(Duration::from_secs(2));
    let (other, _) = mailed(&mut world);
    assert_ne!(other, busy);
}
