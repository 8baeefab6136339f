//! To whom a callee may be given, over which line, and that a second call keeps the line's limits.

mod world;

use std::time::Duration;

use call::{Event, Mail, Target};
use common::LineId;
use peal_node::dispatch::{Input, Phase};
use script::TransferMode;
use world::World;

/// What the shard is answered.
fn asks(world: &mut World, n: u32, to: &str, mode: TransferMode) -> Option<Target> {
    ask(world, n, to, mode);
    answer(world, n)
}

fn ask(world: &mut World, n: u32, to: &str, mode: TransferMode) {
    world.shard_says(Event::Transfer { call: world::name(n), number: 1, to: to.to_owned(), mode });
}

fn answer(world: &World, n: u32) -> Option<Target> {
    match world.mailed.last() {
        Some((_, 0, Mail::Transfer { call, target, .. })) if *call == world::name(n) => target.clone(),
        other => panic!("{other:?}"),
    }
}

/// A line of so many calls, with call 1 up.
fn with_line(max_calls: u32) -> World {
    let mut world = World::ready();
    world.lines(&[world::line(1, max_calls, 10)]);
    world.run(world::GATES_OPEN);
    world.order(1);
    world.run(Duration::from_secs(2));
    assert_eq!(world.orders().len(), 1);
    world
}

#[test]
fn a_referred_callee_needs_no_place() {
    let mut world = with_line(1);
    let target = asks(&mut world, 1, "+4930123456", TransferMode::Refer).expect("it can be done");
    assert_eq!((target.uri.as_str(), target.leg.is_none()), ("sip:+4930123456@127.0.0.1", true));
}

#[test]
fn a_second_call_takes_a_place_and_gives_it_back() {
    let mut world = with_line(2);
    let leg = asks(&mut world, 1, "+4930123456", TransferMode::Bridge).and_then(|target| target.leg);
    let leg = leg.expect("there is a place");
    assert!(leg.on_line && leg.send_at >= world.now.at);
    assert!(asks(&mut world, 1, "+4930123456", TransferMode::Bridge).is_none(), "the line is full");
    world.order(2);
    world.run(Duration::from_secs(2));
    assert_eq!(world.orders().len(), 1, "for orders too");
    world.shard_says(Event::LegOver { call: world::name(1), on_line: true });
    world.run(Duration::from_secs(2));
    assert_eq!(world.orders().len(), 2);
}

#[test]
fn second_calls_are_told_of_and_waited_for() {
    let mut world = with_line(5);
    world.acks = true;
    let to = "sip:a@93.184.216.35";
    for to in ["+4930123456", "+4930123457", to] {
        asks(&mut world, 1, to, TransferMode::Bridge).expect("there is a place");
    }
    world.run(Duration::from_secs(2));
    let told = |world: &World| (world.heartbeat.legs, world.heartbeat.line_legs.get(&1).copied());
    assert_eq!(told(&world), (3, Some(2)));
    world.feed(Input::Stop);
    world.end(1);
    for on_line in [true, true, false] {
        world.run(Duration::from_secs(2));
        assert!(matches!(world.dispatch.phase(), Phase::Draining { .. }), "one more hangs up");
        world.shard_says(Event::LegOver { call: world::name(1), on_line });
    }
    world.run(Duration::from_secs(2));
    assert_eq!((told(&world), *world.dispatch.phase()), ((0, None), Phase::Left));
}

#[test]
fn second_calls_and_orders_share_the_rate() {
    let mut world = with_line(100);
    let mut starts = Vec::new();
    for n in 2..=12 {
        world.order(n);
        let leg = asks(&mut world, 1, "+4930123456", TransferMode::Bridge).and_then(|target| target.leg);
        starts.push(leg.expect("there is a place").send_at);
    }
    world.run(Duration::from_secs(5));
    starts.extend(world.orders().iter().skip(1).map(|order| order.send_at));
    starts.sort();
    assert_eq!(starts.len(), 22);
    assert!(starts.windows(11).all(|slots| slots[10] - slots[0] > Duration::from_secs(1)), "10 a second");
}

#[test]
fn a_host_elsewhere_is_looked_up_and_is_not_the_lines_business() {
    let mut world = with_line(1);
    let to = "sip:queue@pbx.example:5062";
    ask(&mut world, 1, to, TransferMode::Bridge);
    let address = "pbx.example:5062".to_owned();
    assert_eq!(world.look_ups.last(), Some(&(LineId(1), address.clone())));
    let found = Ok("93.184.216.34:5062".parse().expect("an address"));
    world.feed(Input::LookedUp { line: LineId(1), address: address.clone(), found });
    let leg = answer(&world, 1).and_then(|target| target.leg).expect("it was found");
    assert!(!leg.on_line && leg.credentials.is_none());
    assert_eq!(leg.destination, "93.184.216.34:5062".parse().expect("an address"));
    world.shard_says(Event::LegOver { call: world::name(1), on_line: false });

    ask(&mut world, 1, to, TransferMode::Bridge);
    world.feed(Input::LookedUp { line: LineId(1), address, found: Err("no such host".to_owned()) });
    assert!(answer(&world, 1).is_none());
    assert!(
        asks(&mut world, 1, "sip:a@[2001:db8::1]", TransferMode::Bridge).is_none(),
        "our sockets are IPv4"
    );
    let leg = asks(&mut world, 1, "sip:a@93.184.216.35", TransferMode::Bridge).and_then(|target| target.leg);
    assert_eq!(leg.map(|leg| leg.destination.port()), Some(5060));
}

#[test]
fn without_a_lease_no_second_call_is_made() {
    let mut world = with_line(10);
    world.lease(1, Duration::from_millis(10));
    world.run(Duration::from_millis(20));
    assert!(asks(&mut world, 1, "+4930123456", TransferMode::Bridge).is_none());
    assert!(asks(&mut world, 1, "+4930123456", TransferMode::Refer).is_some());
    assert!(asks(&mut world, 1, "a number", TransferMode::Refer).is_none());
}

#[test]
fn whoever_waits_for_the_same_host_waits_together_and_few_hosts_are_looked_up_at_once() {
    let mut world = with_line(1);
    let to = |host: u32| format!("sip:queue@pbx{host}.example");
    for _ in 0..2 {
        (1..=4).for_each(|host| ask(&mut world, 1, &to(host), TransferMode::Bridge));
    }
    assert_eq!(world.look_ups.len(), 4);
    assert!(asks(&mut world, 1, &to(5), TransferMode::Bridge).is_none(), "the fifth");
    let found = Ok("93.184.216.34:5060".parse().expect("an address"));
    let before = world.mailed.len();
    world.feed(Input::LookedUp { line: LineId(1), address: "pbx1.example".to_owned(), found });
    assert_eq!(world.mailed.len() - before, 2);
    ask(&mut world, 1, &to(5), TransferMode::Bridge);
    assert_eq!(world.look_ups.len(), 5);
}

#[test]
fn no_call_goes_where_scripts_must_not_reach() {
    let mut world = with_line(1);
    for host in ["127.0.0.1", "10.0.0.7:5070", "169.254.169.254"] {
        let to = format!("sip:a@{host}");
        assert!(asks(&mut world, 1, &to, TransferMode::Bridge).is_none(), "{host}");
    }
    ask(&mut world, 1, "sip:a@pbx.example", TransferMode::Bridge);
    let found = Ok("10.0.0.7:5060".parse().expect("an address"));
    world.feed(Input::LookedUp { line: LineId(1), address: "pbx.example".to_owned(), found });
    assert!(answer(&world, 1).is_none(), "a name for an address inside");
    assert!(asks(&mut world, 1, "sip:a@127.0.0.1:5060", TransferMode::Refer).is_some(), "the carrier's");
}
