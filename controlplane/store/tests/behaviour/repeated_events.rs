//! Events that come again change nothing.

use common::{NodeId, Outcome};
use peal_store::{Intake, NodeSeq, Recording, Stage, StageNote};

use crate::world::{NOW, World, after};

#[tokio::test]
async fn the_first_end_holds_and_is_counted_once() {
    let mut world = World::new().await;
    let list = world.list("l", 0..3).await;
    let campaign = world.running("c", &[list]).await;
    let intents = world.dial(campaign, NOW, 3).await;
    let batch = world.ended(&intents, Outcome::Busy, after(1));
    let first = world.store.take_in(&batch).await.expect("intake");
    assert_eq!((first.finished.len(), first.released.len(), first.ignored), (3, 3, 0));
    let counts = world.store.campaign_counts(campaign).await.expect("counts");
    let attempt = world.store.attempt(intents[0].attempt).await.expect("attempt");

    let again = world.store.take_in(&batch).await.expect("intake");
    assert_eq!((again.finished.len(), again.released.len(), again.ignored), (0, 0, 6));
    let other =
        world.store.take_in(&world.ended(&intents, Outcome::Answered, after(2))).await.expect("intake");
    assert_eq!(other.finished, []);
    assert_eq!(world.store.campaign_counts(campaign).await.expect("counts"), counts);
    assert_eq!(counts.outcomes.get(&Outcome::Busy), Some(&3));
    assert_eq!(world.store.attempt(intents[0].attempt).await.expect("attempt"), attempt);
}

#[tokio::test]
async fn a_stage_never_goes_backwards() {
    let mut world = World::new().await;
    let list = world.list("l", [1]).await;
    let campaign = world.running("c", &[list]).await;
    let attempt = world.dial(campaign, NOW, 1).await[0].attempt;
    let note = |stage, s| StageNote { attempt, route_try: 1, stage, at: after(s) };
    let stages = vec![note(Stage::Invited, 1), note(Stage::Ringing, 2), note(Stage::Invited, 3)];
    let taken = world.store.take_in(&Intake { stages, ..Intake::default() }).await.expect("intake");
    assert_eq!(taken.ignored, 1);
    let kept = world.store.attempt(attempt).await.expect("attempt");
    assert_eq!(
        (kept.stage, kept.invited_at, kept.ringing_at),
        (Stage::Ringing, Some(after(1)), Some(after(2)))
    );
}

#[tokio::test]
async fn the_number_of_a_node_never_goes_back() {
    let world = World::new().await;
    let node = NodeId("n1".into());
    assert_eq!(world.store.node_seq(&node).await.expect("seq"), 0);
    for (seq, kept) in [(7, 7), (5, 7), (9, 9)] {
        let node_seq = Some(NodeSeq { node: node.clone(), boot: vec![1], seq });
        world.store.take_in(&Intake { node_seq, ..Intake::default() }).await.expect("intake");
        assert_eq!(world.store.node_seq(&node).await.expect("seq"), kept);
    }
}

#[tokio::test]
async fn a_recording_that_closes_late_joins_the_facts() {
    let mut world = World::new().await;
    let list = world.list("l", [1]).await;
    let campaign = world.running("c", &[list]).await;
    let intents = world.dial(campaign, NOW, 1).await;
    world.end(&intents, Outcome::Answered, after(1)).await;
    let recording = Recording {
        attempt: intents[0].attempt,
        route_try: 1,
        path: "2027/a \"b\".wav".into(),
        bytes: 160_044,
        duration_ms: 10_000,
        error: String::new(),
    };
    let batch = Intake { recordings: vec![recording], ..Intake::default() };
    world.store.take_in(&batch).await.expect("intake");
    let end = world.store.attempt(intents[0].attempt).await.expect("attempt").end.expect("ended");
    assert_eq!((&*end.facts.recording, end.facts.recording_bytes), ("2027/a \"b\".wav", 160_044));
    assert_eq!(end.facts.sip_status, 486, "what was known stays");
}
