//! A carrier's failure goes to the other line at once, and no further once the telephone may have rung.

use crate::support::{Node, Plane, answered, attempt, failed, refused, set_up, until};
use common::Outcome;
use proto::v1::{event, refused::Reason};

#[tokio::test]
async fn one_fail_over_then_the_end() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[1, 1], 1, "").await;
    plane.tell(peal_core::command::Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let first = node.order().await;
    node.end(&first, failed(Outcome::CarrierCongested, 503, false)).await;
    let second = node.order().await;
    assert_eq!((&second.attempt, second.route_try), (&first.attempt, 2));
    assert_ne!(second.line, first.line);
    let last = node.end(&second, failed(Outcome::CarrierFailed, 500, true)).await;
    node.acknowledged(last).await;
    let kept = plane.store().attempt(attempt(&first)).await.expect("kept");
    assert_eq!(kept.tries.len(), 2);
    assert_eq!(kept.end.expect("ended").outcome, Outcome::CarrierFailed);
    assert_eq!(plane.counts(setup.campaign).await.exhausted, 1);
    plane.status("no slot is held", |status| status.lines.iter().all(|line| line.calls == 0)).await;
}

#[tokio::test]
async fn without_another_line_the_first_try_decides() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[1], 1, "").await;
    plane.tell(peal_core::command::Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let order = node.order().await;
    node.end(&order, failed(Outcome::CarrierCongested, 503, false)).await;
    // The planner looks for another line first.
    let end =
        until("the end", async || plane.store().attempt(attempt(&order)).await.expect("kept").end).await;
    assert_eq!(end.outcome, Outcome::CarrierCongested);
    // Whether a plan was asked before the attempt was given up depends on when the end came in.
    assert!(["", "no other line: no_line"].contains(&end.facts.detail.as_str()), "{}", end.facts.detail);
    assert_eq!(plane.counts(setup.campaign).await.exhausted, 1);
}

#[tokio::test]
async fn a_refused_second_try_leaves_the_first_ones_outcome() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[1, 1], 1, "").await;
    plane.tell(peal_core::command::Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let first = node.order().await;
    node.end(&first, failed(Outcome::CarrierCongested, 503, false)).await;
    let second = node.order().await;
    let last = node.tell(&second, refused(Reason::Expired)).await;
    node.acknowledged(last).await;
    let kept = plane.store().attempt(attempt(&first)).await.expect("kept");
    assert_eq!(kept.end.expect("ended").outcome, Outcome::CarrierCongested);
    assert_eq!(kept.tries[1].outcome, Some(Outcome::Expired));
    assert_eq!(plane.counts(setup.campaign).await.exhausted, 1);
}

#[tokio::test]
async fn a_refused_order_costs_no_attempt() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[1], 1, "").await;
    plane.tell(peal_core::command::Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let first = node.order().await;
    node.tell(&first, refused(Reason::Full)).await;
    let second = node.order().await;
    assert_ne!(second.attempt, first.attempt);
    assert_eq!(second.dial, first.dial);
    // Seen before: the order that came first decides.
    let ignored = node.tell(&second, refused(Reason::SeenBefore)).await;
    node.acknowledged(ignored).await;
    assert_eq!(plane.store().attempt(attempt(&second)).await.expect("kept").end, None);
    node.tell(&second, answered()).await;
    let last = node.tell(&second, event::Event::Released(proto::v1::Released {})).await;
    node.acknowledged(last).await;
    let kept = plane.attempts(setup.campaign).await;
    assert_eq!(kept.iter().map(|attempt| attempt.attempt_no).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(plane.counts(setup.campaign).await.reached, 1);
}
