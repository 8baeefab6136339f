//! A campaign whose script listens has no more calls at a node than the node's recogniser has sessions.

use crate::support::{Node, Plane, TENANT, answered, set_up};
use peal_core::{command::Command, model::Scripts};
use proto::v1::Heartbeat;

fn heartbeat(free: &[(&str, u32)]) -> Heartbeat {
    let free_recognisers = free.iter().map(|(name, free)| ((*name).to_owned(), *free)).collect();
    Heartbeat { free_recognisers, ..Heartbeat::default() }
}

#[tokio::test]
async fn calls_wait_for_a_session() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[20], 5, "").await;
    let text = r#"{"name":"asks","steps":[{"do":"listen","ask":"Well?"},{"do":"listen","recogniser":"zh"}]}"#;
    let asks = script::read(text).expect("a script");
    let asks = plane.store().put_script(TENANT, &asks).await.expect("created").id;
    let mut spec = plane.store().campaign(TENANT, setup.campaign).await.expect("kept").spec;
    spec.script = Scripts::One(asks);
    plane.store().update_campaign(TENANT, setup.campaign, &spec).await.expect("changed");
    plane.tell(Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    plane
        .status("a reason", |status| status.passed_over.iter().any(|held| held.reason == "no_recogniser"))
        .await;

    node.heartbeat(heartbeat(&[("", 4), ("default", 4), ("zh", 2)])).await;
    let first = node.order().await;
    node.order().await;
    plane.status("free sessions", |status| status.nodes[0].free_recognisers.get("zh") == Some(&2)).await;
    node.no_order_until_leases(2).await;
    // One call is over; the other may listen at any time.
    node.end(&first, answered()).await;
    node.order().await;
    node.no_order_until_leases(1).await;
    assert_eq!(plane.counts(setup.campaign).await.in_flight, 2);
}
