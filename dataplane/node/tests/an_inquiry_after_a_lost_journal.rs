//! What a restarted node says of route tries from before its start: that they were never here only if its journal would
//! show them (promise P1).

mod world;

use std::time::Duration;

use common::AttemptId;
use peal_node::dispatch::Recovered;
use proto::v1::{self as wire, to_node};
use world::World;

/// An attempt from a minute before the node's start, of which its journal shows nothing.
fn earlier() -> AttemptId {
    AttemptId::new(world::START_MS - 60_000, &[7; 10])
}

/// What a node answers that starts on this journal while the control plane has acknowledged so much.
fn answer(recovered: Recovered, acknowledged_seq: u64) -> &'static str {
    let mut world = World::recovered(recovered);
    world.attach(acknowledged_seq);
    let asked = wire::AttemptTry { attempt: earlier().as_bytes().to_vec(), route_try: 1 };
    world.say(to_node::Message::Inquiry(wire::Inquiry { attempts: vec![asked] }));
    let told = world.journal.last().expect("every question is answered");
    assert_eq!(told.attempt, earlier().as_bytes());
    world::kind(told)
}

/// The journal of a node that made a call to its end.
fn journal() -> Recovered {
    let mut world = World::ready();
    world.order(1);
    world.run(Duration::from_millis(200));
    world.end(1);
    world.run(Duration::from_millis(200));
    world.crash()
}

#[test]
fn a_whole_journal_denies() {
    let recovered = journal();
    let last = recovered.last_seq;
    assert_eq!(answer(recovered.clone(), last), "never_seen");
    assert_eq!(answer(recovered, 0), "never_seen", "a journal that is ahead is whole too");
}

#[test]
fn a_lost_journal_denies_nothing() {
    assert_eq!(answer(Recovered::default(), 500), "forgotten");
    assert_eq!(
        answer(Recovered::default(), 0),
        "forgotten",
        "it may have been lost before the first word arrived"
    );
}

#[test]
fn an_old_copy_denies_nothing() {
    let recovered = journal();
    let beyond = recovered.last_seq + 1;
    assert_eq!(answer(recovered, beyond), "forgotten");
}

#[test]
fn a_journal_that_a_predecessor_began_anew_denies_nothing() {
    let recovered = Recovered { has_gaps: true, ..journal() };
    let last = recovered.last_seq;
    assert_eq!(answer(recovered, last), "forgotten");
}
