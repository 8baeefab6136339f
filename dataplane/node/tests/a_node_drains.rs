//! Promise P9: a node that is told to stop starts nothing, lets calls end, and leaves with everything told.

mod world;

use std::time::Duration;

use call::voice::{Told, Wish};
use call::{Event, HungUpBy, Mail};
use peal_node::dispatch::{Input, Phase};
use proto::v1::refused::Reason;
use script::Sentence;
use world::World;

fn hung_up(world: &World) -> usize {
    let all = |mail: &Mail| matches!(mail, Mail::HangUpAll { by: HungUpBy::Drain });
    world.mailed.iter().filter(|(_, _, mail)| all(mail)).count()
}

#[test]
fn calls_end_by_themselves() {
    let mut world = World::ready();
    world.acks = true;
    world.lines(&[world::line(1, 1_000, 2)]);
    world.run(world::GATES_OPEN);
    for n in 1..=4 {
        world.order(n);
    }
    world.run(Duration::from_millis(600));
    let started = world.orders().len();
    assert_eq!(started, 2);
    world.feed(Input::Stop);
    for n in 3..=4 {
        assert_eq!(world.refusal_of(n), Some(Reason::Draining));
    }
    world.order(9);
    assert_eq!(world.refusal_of(9), Some(Reason::Draining));
    world.run(Duration::from_secs(30));
    assert!(matches!(world.dispatch.phase(), Phase::Draining { .. }));
    world.end(1);
    world.end(2);
    world.run(Duration::from_millis(100));
    assert_eq!(*world.dispatch.phase(), Phase::Left);
    assert_eq!(hung_up(&world), 0);
    assert_eq!(world.sent.last().expect("events").seq, world.journal.last().expect("events").seq);
}

#[test]
fn what_does_not_end_is_hung_up() {
    let mut world = World::ready();
    world.acks = true;
    world.order(1);
    world.run(Duration::from_millis(100));
    world.feed(Input::Stop);
    world.run(Duration::from_secs(61));
    assert_eq!(hung_up(&world), 2, "each shard is told");
    world.end(1);
    world.run(Duration::from_millis(100));
    assert_eq!(*world.dispatch.phase(), Phase::Left);
}

#[test]
fn a_far_end_that_does_not_answer_holds_nobody_up() {
    let mut world = World::ready();
    world.acks = true;
    world.order(1);
    world.run(Duration::from_millis(100));
    world.feed(Input::Stop);
    world.feed(Input::Stop);
    assert_eq!(hung_up(&world), 2, "told twice, it does not wait");
    world.run(Duration::from_secs(3));
    assert_eq!(*world.dispatch.phase(), Phase::Left);
}

#[test]
fn events_that_nobody_acknowledges_stay_in_the_journal() {
    let mut world = World::ready();
    world.order(1);
    world.run(Duration::from_millis(100));
    world.feed(Input::Stop);
    world.end(1);
    world.run(Duration::from_secs(4));
    assert!(matches!(world.dispatch.phase(), Phase::Settling { .. }));
    world.run(Duration::from_secs(2));
    assert_eq!(*world.dispatch.phase(), Phase::Left);
    let recovered = world.crash();
    assert_eq!(recovered.events.back().map(world::kind), Some("released"));
}

#[test]
fn without_a_link_it_leaves_when_the_disk_has_everything() {
    let mut world = World::ready();
    world.order(1);
    world.run(Duration::from_millis(100));
    world.detach();
    world.feed(Input::Stop);
    world.end(1);
    world.run(Duration::from_millis(50));
    assert_eq!(*world.dispatch.phase(), Phase::Left);
}

#[test]
fn last_words_are_waited_for() {
    let mut world = World::ready();
    world.acks = true;
    for n in 1..=2 {
        world.order(n);
    }
    world.run(Duration::from_millis(100));
    world.feed(Input::Stop);
    for n in 1..=2 {
        end_of_speech(&mut world, n);
    }
    world.run(Duration::from_secs(10));
    assert!(matches!(world.dispatch.phase(), Phase::HearingOut { .. }));
    let (at, said) = (world.now.at, "stop calling me".to_owned());
    world.shard_says(Event::VoiceDone { call: world::name(2) });
    world.run(Duration::from_millis(100));
    assert!(
        matches!(world.dispatch.phase(), Phase::HearingOut { .. }),
        "the first may have said something too"
    );
    world.shard_says(Event::OptedOut { call: world::name(1), at, said });
    world.shard_says(Event::VoiceDone { call: world::name(1) });
    world.run(Duration::from_millis(100));
    assert_eq!(*world.dispatch.phase(), Phase::Left);
    assert_eq!(world.sent.last().map(world::kind), Some("opted_out"));
}

/// A call is over in which the callee has just said something.
fn end_of_speech(world: &mut World, n: u32) {
    world.shard_says(Event::Voice { call: world::name(n), wish: Wish::End { opted_out: false } });
    world.end(n);
}

#[test]
fn last_words_that_nobody_understands_hold_nobody_up() {
    // As in a drain; then told twice to stop; then after the limit of a drain.
    for (stops, drains, within_s) in [(1, false, 16), (2, false, 2), (1, true, 16)] {
        let mut world = World::ready();
        world.acks = true;
        world.order(1);
        world.run(Duration::from_millis(100));
        if drains {
            world.feed(Input::Stop);
            world.run(Duration::from_secs(61));
        }
        end_of_speech(&mut world, 1);
        (0..stops - u32::from(drains)).for_each(|_| world.feed(Input::Stop));
        world.run(Duration::from_secs(within_s - 2));
        assert!(matches!(world.dispatch.phase(), Phase::HearingOut { .. }), "{stops} {drains}");
        world.run(Duration::from_secs(2));
        assert_eq!(*world.dispatch.phase(), Phase::Left, "{stops} {drains}");
    }
}

#[test]
fn a_voice_thread_that_is_gone_is_not_waited_for() {
    let mut world = World::ready();
    world.acks = true;
    for n in 1..=2 {
        world.order(n);
    }
    world.run(Duration::from_millis(100));
    end_of_speech(&mut world, 1);
    world.feed(Input::VoiceGone);
    assert!(matches!(world.mailed.last(), Some((_, _, Mail::VoiceGone))), "bots are gone too");
    let sentence = Sentence { text: "Hello.".to_owned(), voice: None, language: "en".to_owned() };
    world.shard_says(Event::Voice { call: world::name(2), wish: Wish::Speak { number: 1, sentence } });
    let answer = world.mailed.last().map(|(_, _, mail)| mail);
    assert!(
        matches!(answer, Some(Mail::Voice { told: Told::Speechless { number: 1 }, .. })),
        "calls are told: {answer:?}"
    );
    end_of_speech(&mut world, 2);
    world.feed(Input::Stop);
    world.run(Duration::from_millis(100));
    assert_eq!(*world.dispatch.phase(), Phase::Left);
}
