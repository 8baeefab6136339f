//! Cancelling a campaign ends its calls that nobody has answered; an operator can end any call.

use crate::support::{Node, Plane, TENANT, attempt, begun, failed, refused, set_up, stage};
use common::Outcome;
use peal_core::{command::Command, model::Move};
use proto::v1::{Hangup, progress::Stage, refused::Reason, to_node};

async fn hangup(node: &mut Node) -> Hangup {
    node.wait_for("a hang-up", |message| match message {
        to_node::Message::Hangup(hangup) => Some(hangup.clone()),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_cancelled_campaign_lets_answered_calls_finish() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[3, 3], 3, r#","max_concurrent_calls":3"#).await;
    plane.tell(Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let (talking, ringing, waiting) = (node.order().await, node.order().await, node.order().await);
    node.tell(&talking, stage(Stage::Answered)).await;
    node.tell(&ringing, begun()).await;
    let last = node.tell(&ringing, stage(Stage::Ringing)).await;
    node.acknowledged(last).await;

    plane.store().move_campaign(TENANT, setup.campaign, Move::Cancel).await.expect("cancelled");
    plane.tell(Command::CampaignChanged(setup.campaign)).await;
    let mut ended = [hangup(&mut node).await, hangup(&mut node).await];
    ended.sort_by_key(|hangup| hangup.attempt != ringing.attempt);
    assert_eq!(ended.each_ref().map(|hangup| &hangup.attempt), [&ringing.attempt, &waiting.attempt]);
    assert_eq!(ended[0].reason, "campaign_cancelled");

    node.tell(&waiting, refused(Reason::HungUp)).await;
    // The carrier's failure crossed the hang-up: no other line is tried.
    let last = node.end(&ringing, failed(Outcome::CarrierFailed, 500, false)).await;
    node.acknowledged(last).await;
    let outcome =
        async |order| plane.store().attempt(attempt(order)).await.expect("kept").end.map(|end| end.outcome);
    assert_eq!(outcome(&waiting).await, Some(Outcome::Canceled));
    assert_eq!(outcome(&ringing).await, Some(Outcome::CarrierFailed));
    assert_eq!(outcome(&talking).await, None);
    node.no_order_until_leases(2).await;
}

#[tokio::test]
async fn an_operator_ends_an_answered_call() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[1], 1, "").await;
    plane.tell(Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let order = node.order().await;
    let seq = node.tell(&order, stage(Stage::Answered)).await;
    node.acknowledged(seq).await;
    plane.tell(Command::HangUp(attempt(&order))).await;
    let hangup = hangup(&mut node).await;
    assert_eq!((hangup.attempt, hangup.reason.as_str()), (order.attempt, "operator"));
}
