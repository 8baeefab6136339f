//! Everything that can be wrong with an order, its line, its script or the node, by its name.

mod world;

use std::time::Duration;

use call::{HungUpBy, Mail};
use peal_node::dispatch::Input;
use proto::v1::refused::Reason;
use proto::v1::{self as wire, to_node};
use world::World;

#[test]
fn a_bad_order() {
    let spoils: [fn(&mut wire::Order); 7] = [
        |o| o.route_try = 0,
        |o| o.dial = String::new(),
        |o| o.dial = "1@evil.example".to_owned(),
        |o| o.caller_id = "a\r\nVia: b".to_owned(),
        |o| o.max_ring_ms = 0,
        |o| o.max_call_ms = u32::MAX,
        |o| (o.record, o.recording) = (true, "../../etc/passwd".to_owned()),
    ];
    let mut world = World::ready();
    for (n, spoil) in (1..).zip(spoils) {
        let mut order = world::order(n);
        spoil(&mut order);
        world.order_as(order);
        assert_eq!(world.refusal_of(n), Some(Reason::BadOrder), "{n}");
    }
    world.order_as(wire::Order { attempt: vec![1, 2, 3], ..world::order(50) });
    assert!(world.mailed.is_empty());
}

#[test]
fn a_line_that_does_not_resolve() {
    let mut world = World::ready();
    let named = wire::Line { address: "carrier.example:5070".to_owned(), ..world::line(2, 10, 10) };
    world.lines(&[world::line(1, 10, 10), named.clone()]);
    let (line, address) = world.look_ups.last().cloned().expect("the name is looked up");
    let on_two = |n| wire::Order { line: 2, ..world::order(n) };
    world.order_as(on_two(1));
    assert_eq!(world.refusal_of(1), None, "the answer may still come");
    let answer = |found| Input::LookedUp { line, address: address.clone(), found };
    world.feed(answer(Err("no such name".to_owned())));
    assert_eq!(world.refusal_of(1), Some(Reason::LineUnusable));
    world.order_as(on_two(2));
    assert_eq!(world.refusal_of(2), Some(Reason::LineUnusable));
    world.feed(answer(Ok("192.0.2.1:5070".parse().expect("an address"))));
    world.order_as(on_two(3));
    world.run(Duration::from_secs(2));
    assert_eq!(world.orders()[0].destination.to_string(), "192.0.2.1:5070");
    assert_eq!(world.orders()[0].request_uri, "sip:+8613800000003@carrier.example");
    world.feed(answer(Err("server failure".to_owned())));
    world.order_as(on_two(4));
    world.run(Duration::from_secs(1));
    assert_eq!(world.orders().len(), 2, "the last good address is kept");
    let asked = world.look_ups.len();
    world.run(Duration::from_secs(61));
    assert!(world.look_ups.len() > asked, "and looked up again");
    world.lines(&[world::line(1, 10, 10)]);
    world.order_as(on_two(5));
    assert_eq!(world.refusal_of(5), Some(Reason::LineUnknown));
}

#[test]
fn an_address_of_the_other_family() {
    let mut world = World::ready();
    world.lines(&[wire::Line { address: "[2001:db8::1]:5060".to_owned(), ..world::line(1, 10, 10) }]);
    world.order(1);
    assert_eq!(world.refusal_of(1), Some(Reason::LineUnusable));
}

#[test]
fn a_script_that_cannot_be_had() {
    let mut world = World::ready();
    world.order_as(wire::Order { script: 5, ..world::order(1) });
    assert_eq!(world.asked.last(), Some(&wire::asset_request::Asset::Script(5)));
    world.say(to_node::Message::Script(wire::Script {
        id: 5,
        error: "gone".to_owned(),
        ..wire::Script::default()
    }));
    assert_eq!(world.refusal_of(1), Some(Reason::ScriptUnusable));
}

#[test]
fn a_full_node_a_full_journal_a_failing_disk() {
    let mut world = World::ready();
    world.feed(Input::RecordingFailed(true));
    world.order_as(wire::Order { record: true, recording: "a".to_owned(), ..world::order(1) });
    assert_eq!(world.refusal_of(1), Some(Reason::RecordingFailed));
    world.feed(Input::Journal { usable: false, fill: 0.95 });
    world.order(2);
    assert_eq!(world.refusal_of(2), Some(Reason::JournalFull));
    world.feed(Input::Journal { usable: true, fill: 0.1 });
    for n in 100..1_100 {
        world.order(n);
    }
    world.order(3);
    assert_eq!(world.refusal_of(3), Some(Reason::Full));
}

#[test]
fn a_tap_where_nobody_listens() {
    let mut world = World::ready();
    let callee = wire::order::Tap::Callee.into();
    world.order_as(wire::Order { tap: callee, ..world::order(1) });
    assert_eq!(world.refusal_of(1), Some(Reason::BadOrder));
    world.order_as(wire::Order { tap: 77, ..world::order(2) });
    assert_eq!(world.refusal_of(2), Some(Reason::BadOrder));
}

#[test]
fn a_shard_whose_queue_is_full() {
    let mut world = World::ready();
    world.order(1);
    world.run(Duration::from_millis(100));
    let (_, _, Mail::Order(order)) = world.mailed.pop().expect("an order") else { panic!("an order") };
    world.feed(Input::MailRefused(order));
    assert_eq!(world.refusal_of(1), Some(Reason::Full));
    assert_eq!(world.dispatch.active_calls(), 0);
}

#[test]
fn a_hang_up_finds_the_attempt_wherever_it_is() {
    let mut world = World::ready();
    world.lines(&[world::line(1, 1_000, 1)]);
    world.run(world::GATES_OPEN);
    let hang_up = |n| {
        let attempt = world::attempt(n).as_bytes().to_vec();
        to_node::Message::Hangup(wire::Hangup { attempt, reason: "operator".to_owned() })
    };
    // Parked, waiting, journalling.
    world.order_as(wire::Order { script: 9, ..world::order(1) });
    world.say(hang_up(1));
    assert_eq!(world.refusal_of(1), Some(Reason::HungUp));
    world.order(2);
    world.order(3);
    assert_eq!(world.kinds_of(2), ["begun"]);
    world.say(hang_up(2));
    world.say(hang_up(3));
    assert_eq!((world.refusal_of(2), world.refusal_of(3)), (Some(Reason::HungUp), Some(Reason::HungUp)));
    // With a shard, before its slot: handed back, it is not sent again.
    world.order(4);
    world.run(Duration::from_millis(100));
    world.say(hang_up(4));
    let (_, shard, Mail::HangUp { by: HungUpBy::Operator, .. }) = world.mailed.pop().expect("a hang-up")
    else {
        panic!("a hang-up")
    };
    let (_, _, Mail::Order(order)) = world.mailed.pop().expect("an order") else { panic!("an order") };
    world.feed(Input::Shard { shard, event: call::Event::Missed(order) });
    assert_eq!(world.refusal_of(4), Some(Reason::HungUp));
    assert_eq!(world.dispatch.active_calls(), 0);
}
