//! Nothing is ordered while records cannot be kept, the node drains, or a required recording cannot be written.

use crate::support::{Node, Plane, answered, set_up};
use peal_core::command::Command;
use proto::v1::Heartbeat;

async fn stopped(plane: &Plane, reason: &str) {
    plane.status(reason, |status| status.passed_over.iter().any(|passed| passed.reason == reason)).await;
}

#[tokio::test]
async fn a_full_spool_stops_dialling_and_loses_nothing() {
    let data = tempfile::tempdir().expect("a folder");
    let mut config = crate::support::config(data.path());
    // Room for some rows of about half a KiB, and not for nine.
    config.spool_bytes_max = 2_000;
    let plane = Plane::with(config).await;
    let setup = set_up(plane.store(), &[9], 20, "").await;
    plane.tell(Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let mut orders = Vec::new();
    while orders.len() < 9 {
        orders.push(node.order().await);
    }
    let kept = node.tell(&orders[0], answered()).await;
    node.acknowledged(kept).await;
    for order in &orders[1..] {
        node.end(order, answered()).await;
    }
    stopped(&plane, "spool_full").await;
    node.no_order_until_leases(2).await;
    let attempts = plane.attempts(setup.campaign).await;
    assert_eq!(attempts.len(), 9);
    let ended = attempts.iter().filter(|attempt| attempt.end.is_some()).count();
    assert!((1..9).contains(&ended), "{ended} of 9: what is in no spool has not ended");
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
