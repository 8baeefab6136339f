//! A control plane that crashed asks the nodes what became of the intents without an end.

use crate::support::{Node, Plane, answered, attempt, begun, set_up};
use common::Outcome;
use proto::v1::{Forgotten, NeverSeen, event, to_node};

/// Two contacts ordered on a line with room for both, then a crash; gives the orders and the restarted control plane.
#[tokio::test]
async fn each_open_attempt_gets_the_end_that_the_node_tells() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[3], 3, "").await;
    plane.tell(peal_core::command::Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let (up, lost, forgotten) = (node.order().await, node.order().await, node.order().await);
    let begun_seq = node.tell(&up, begun()).await;
    node.acknowledged(begun_seq).await;
    let (first_epoch, next_seq) = (node.epoch, node.next_seq);
    plane.crash().await;
    drop(node);

    let plane = Plane::start(data.path()).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    assert!(node.epoch > first_epoch, "a new planner has a new epoch");
    assert_eq!(node.welcome_seq, begun_seq, "what was acknowledged is still known");
    node.next_seq = next_seq;
    let inquiry = node
        .wait_for("an inquiry", |message| match message {
            to_node::Message::Inquiry(inquiry) => Some(inquiry.clone()),
            _ => None,
        })
        .await;
    let mut asked: Vec<_> =
        inquiry.attempts.iter().map(|asked| (asked.attempt.clone(), asked.route_try)).collect();
    asked.sort();
    let mut expected: Vec<_> = [&up, &lost, &forgotten].map(|order| (order.attempt.clone(), 1)).to_vec();
    expected.sort();
    assert_eq!(asked, expected);

    // All three slots are still held: nothing may be ordered.
    plane.status("three calls on the line", |status| status.lines[0].calls == 3).await;
    node.tell(&up, begun()).await;
    node.end(&up, answered()).await;
    node.tell(&forgotten, event::Event::Forgotten(Forgotten {})).await;
    let told = node.tell(&lost, event::Event::NeverSeen(NeverSeen {})).await;
    node.acknowledged(told).await;

    let again = node.order().await;
    assert_ne!(again.attempt, lost.attempt, "another attempt");
    assert_eq!(again.dial, lost.dial, "at the contact whose order never arrived");
    node.end(&again, answered()).await;
    let ended = |outcome| move |counts: &store::CampaignCounts| counts.outcomes.get(&outcome).copied();
    let last = node.tell(&again, event::Event::Released(proto::v1::Released {})).await;
    node.acknowledged(last).await;
    let counts = plane.counts(setup.campaign).await;
    assert_eq!(ended(Outcome::Answered)(&counts), Some(2));
    assert_eq!(ended(Outcome::Unknown)(&counts), Some(1));
    assert_eq!(ended(Outcome::Expired)(&counts), Some(1));
    let unknown = plane.store().attempt(attempt(&forgotten)).await.expect("kept");
    assert_eq!(unknown.end.expect("ended").outcome, Outcome::Unknown);
    assert_eq!(counts.exhausted, 1, "nobody redials what nobody knows");
    plane.status("its slot stays held", |status| status.lines[0].calls == 1).await;
}

#[tokio::test]
async fn an_intent_whose_node_never_comes_back_is_unknown_after_its_longest_life() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[1], 2, r#","max_ring_ms":5000,"max_call_ms":1000"#).await;
    plane.tell(peal_core::command::Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let order = node.order().await;
    plane.crash().await;
    drop(node);
    // 5 s of ringing, 1 s of talking and 64 s of retransmissions, an hour ago.
    crate::support::age_slots(data.path()).await;

    let plane = Plane::start(data.path()).await;
    plane
        .status("a planner without open attempts", |status| status.planner && status.attempts_open == 0)
        .await;
    let kept = plane.store().attempt(attempt(&order)).await.expect("kept");
    assert_eq!(kept.end.expect("ended").outcome, Outcome::Unknown);
    plane.status("no slot is held", |status| status.lines[0].calls == 0).await;
    // The slot serves the other contact; the first is not called again.
    let mut node = Node::attach_when_it_plans(&plane, "n2").await;
    assert_ne!(node.order().await.dial, order.dial);
}
