//! Nothing is ordered while records cannot be kept, the node drains, or a required recording cannot be written.

mod support;

use peal_core::command::Command;
use proto::v1::Heartbeat;
use support::{Node, Plane, answered, set_up};

async fn stopped(plane: &Plane, reason: &str) {
    plane.status(reason, |status| status.passed_over.iter().any(|passed| passed.reason == reason)).await;
}

#[tokio::test]
async fn a_full_spool_stops_dialling_and_loses_nothing() {
    let data = tempfile::tempdir().expect("a folder");
    let mut config = support::config(data.path());
    // Room for one row, and not for two.
    config.spool_bytes_max = 700;
    let plane = Plane::with(config).await;
    let setup = set_up(plane.store(), &[2], 9, "").await;
    plane.tell(Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let (first, second) = (node.order().await, node.order().await);
    let kept = node.tell(&first, answered()).await;
    node.acknowledged(kept).await;
    node.tell(&second, answered()).await;
    stopped(&plane, "spool_full").await;
    node.no_order_until_leases(2).await;
    let open =
        plane.attempts(setup.campaign).await.into_iter().filter(|attempt| attempt.end.is_none()).count();
    assert_eq!(open, 1, "what is in no spool has not ended");
}

#[tokio::test]
async fn a_draining_node_gets_no_orders_until_it_stops_draining() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    node.heartbeat(Heartbeat { draining: true, ..Heartbeat::default() }).await;
    plane.status("it drains", |status| status.nodes.iter().any(|node| node.draining)).await;
    let setup = set_up(plane.store(), &[1], 1, "").await;
    plane.tell(Command::CampaignChanged(setup.campaign)).await;
    stopped(&plane, "no_node").await;
    node.heartbeat(Heartbeat::default()).await;
    node.order().await;
}

#[tokio::test]
async fn what_must_be_recorded_is_not_dialled_when_it_cannot_be() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    node.heartbeat(Heartbeat { recording_failed: true, ..Heartbeat::default() }).await;
    plane.status("it cannot record", |status| status.nodes.iter().any(|node| node.recording_failed)).await;
    let setup = set_up(plane.store(), &[1], 1, r#","record":true"#).await;
    plane.tell(Command::CampaignChanged(setup.campaign)).await;
    stopped(&plane, "cannot_record").await;
    node.heartbeat(Heartbeat::default()).await;
    assert!(node.order().await.record);
}
