//! A link that breaks frees nothing: the calls go on, and so do their slots.

use crate::support::{Node, Plane, answered, begun, set_up};
use proto::v1::{event, to_node};

#[tokio::test]
async fn a_line_that_is_full_stays_full_until_the_release() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[1], 2, "").await;
    plane.tell(peal_core::command::Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let first = node.order().await;
    let seq = node.tell(&first, begun()).await;
    node.acknowledged(seq).await;
    let next_seq = node.next_seq;
    drop(node);
    plane.status("the node is gone", |status| status.nodes.is_empty()).await;

    let mut node = Node::attach(plane.link(), "n1").await;
    node.next_seq = next_seq;
    let asked = node
        .wait_for("an inquiry", |message| match message {
            to_node::Message::Inquiry(inquiry) => Some(inquiry.attempts.clone()),
            _ => None,
        })
        .await;
    assert_eq!(asked.len(), 1);
    node.tell(&first, answered()).await;
    node.no_order_until_leases(2).await;
    node.tell(&first, event::Event::Released(proto::v1::Released {})).await;
    assert_ne!(node.order().await.dial, first.dial);
}

#[tokio::test]
async fn a_second_stream_of_a_node_replaces_the_first() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    set_up(plane.store(), &[5], 0, "").await;
    let mut first = Node::attach_when_it_plans(&plane, "n1").await;
    let mut second = Node::attach(plane.link(), "n1").await;
    while first.message().await.is_some() {}
    second.no_order_until_leases(2).await;
    plane.status("one node", |status| status.nodes.len() == 1).await;
}
