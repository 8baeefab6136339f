//! Two processes under one node's name: the first is kept for as long as it lives.

use crate::support::{Node, Plane, hello, until};
use proto::v1::{Heartbeat, Hello, to_node};

fn other_process() -> Hello {
    Hello { boot: b"boot-2".to_vec(), ..hello("n1") }
}

/// Connects as the other process until it is taken.
async fn attach_other(plane: &Plane) {
    until("a welcome", async || {
        let mut node = Node::connect(plane.link(), other_process()).await;
        match node.message().await {
            Some(to_node::Message::Welcome(_)) => Some(()),
            Some(to_node::Message::Refused(why)) if why.contains("node.name") => None,
            other => panic!("a welcome or a refusal was due, not {other:?}"),
        }
    })
    .await;
}

#[tokio::test]
async fn the_second_process_is_refused_until_the_first_is_gone() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let mut first = Node::attach_when_it_plans(&plane, "n1").await;
    first.heartbeat(Heartbeat { active_calls: 7, ..Heartbeat::default() }).await;
    plane.status("its heartbeat", |status| status.nodes.iter().any(|node| node.active_calls == 7)).await;

    let mut second = Node::connect(plane.link(), other_process()).await;
    match second.message().await {
        Some(to_node::Message::Refused(why)) => assert!(why.contains("node.name"), "{why}"),
        other => panic!("a refusal was due, not {other:?}"),
    }
    assert!(second.message().await.is_none(), "the stream ends");
    first.no_order_until_leases(2).await;

    drop(first);
    attach_other(&plane).await;
}

#[tokio::test]
async fn a_process_that_fell_silent_gives_way_though_its_stream_is_open() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let mut silent = Node::attach_when_it_plans(&plane, "n1").await;
    attach_other(&plane).await;
    while silent.message().await.is_some() {}
}
