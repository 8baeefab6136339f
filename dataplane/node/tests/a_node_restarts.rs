//! What a node tells about the calls of the process before it, and what the journal keeps for that.

mod world;

use std::time::Duration;

use proto::v1::{self as wire, event, to_node};
use world::World;

#[test]
fn calls_begun_and_not_ended_are_forgotten_once() {
    let mut world = World::ready();
    for n in 1..=3 {
        world.order(n);
    }
    world.run(Duration::from_millis(200));
    world.end(1);
    world.shard_says(world::ended(2, world.now.at));
    world.run(Duration::from_millis(200));
    let last = world.journal.last().expect("events").seq;

    let mut world = World::recovered(world.crash());
    assert_eq!(world.journal.len(), 1, "only call 3 is forgotten: {:?}", world.journal);
    assert_eq!(world.kinds_of(3), ["forgotten"]);
    assert_eq!(world.journal[0].seq, last + 1, "numbers go on");
    world.attach(0);
    world.run(Duration::from_millis(100));
    let seqs: Vec<_> = world.sent.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=last + 1).collect::<Vec<_>>(), "all that is not acknowledged is sent, in order");
    world.run(Duration::from_secs(33));
    assert_eq!(world.kinds_of(2), ["released"], "its far end has given up by now");

    let again = World::recovered(Recovered2::of(&world));
    assert!(again.journal.is_empty(), "nothing is told twice: {:?}", again.journal);
}

/// The journal of two processes in a row.
struct Recovered2;

impl Recovered2 {
    fn of(world: &World) -> peal_node::dispatch::Recovered {
        let events = world.sent.iter().cloned().collect();
        peal_node::dispatch::Recovered {
            last_seq: world.sent.last().expect("events").seq,
            events,
            has_gaps: false,
        }
    }
}

#[test]
fn begun_outlives_its_acknowledgement() {
    let mut world = World::ready();
    world.acks = true;
    world.order(1);
    world.order(2);
    world.run(Duration::from_millis(200));
    world.end(2);
    world.run(Duration::from_millis(200));
    assert!(world.truncated < world.journal[0].seq + 10);
    let world = World::recovered(world.crash());
    assert_eq!(world.kinds_of(1), ["forgotten"]);
    assert!(world.kinds_of(2).is_empty());
}

#[test]
fn the_journal_is_forgotten_once_nothing_needs_it() {
    let mut world = World::ready();
    world.acks = true;
    for n in 1..=5 {
        world.order(n);
    }
    world.run(Duration::from_millis(200));
    for n in 1..=5 {
        world.end(n);
    }
    world.run(Duration::from_millis(200));
    assert_eq!(world.truncated, world.journal.last().expect("events").seq);
}

#[test]
fn a_long_call_does_not_keep_the_journal() {
    let mut world = World::ready();
    world.acks = true;
    world.order(1);
    world.run(Duration::from_millis(200));
    for _ in 0..110_000 {
        let stage = call::Stage::Ringing { status: 180 };
        world.shard_says(call::Event::Progress { call: world::name(1), at: world.now.at, stage });
    }
    world.run(Duration::from_millis(100));
    assert_eq!(world.kinds_of(1).iter().filter(|kind| **kind == "begun").count(), 2);
    assert!(world.truncated > 100_000, "{}", world.truncated);
    let world = World::recovered(world.crash());
    assert_eq!(world.kinds_of(1), ["forgotten"]);
}

#[test]
fn an_inquiry_gets_an_answer_for_everything() {
    let mut world = World::ready();
    world.acks = true;
    for n in 1..=2 {
        world.order(n);
    }
    world.run(Duration::from_millis(200));
    world.end(2);
    world.run(Duration::from_millis(200));
    world.acks = false;
    world.order(3);
    world.run(Duration::from_millis(200));
    world.end(3);
    let before = world.journal.len();
    let ask = |n| wire::AttemptTry { attempt: world::attempt(n).as_bytes().to_vec(), route_try: 1 };
    world.say(to_node::Message::Inquiry(wire::Inquiry { attempts: (1..=4).map(ask).collect() }));
    let answers: Vec<_> =
        world.journal[before..].iter().map(|e| (e.attempt.clone(), world::kind(e))).collect();
    let of = |n: u32| world::attempt(n).as_bytes().to_vec();
    assert_eq!(answers, [(of(1), "begun"), (of(2), "forgotten"), (of(4), "never_seen")]);
    world.order(4);
    assert_eq!(
        world.refusal_of(4),
        Some(wire::refused::Reason::SeenBefore),
        "what was denied is not begun later"
    );
}

#[test]
fn a_journal_that_lags_behind_the_control_plane_gives_no_number_twice() {
    let mut world = World::recovered(Default::default());
    world.attach(500);
    world.lease(1, Duration::from_secs(60));
    world.lines(&[world::line(1, 10, 10)]);
    world.order_as(wire::Order { line: 9, ..world::order(1) });
    assert_eq!(world.journal.last().expect("a refusal").seq, 501);
    assert!(matches!(world.journal[0].event, Some(event::Event::Refused(_))));
}
