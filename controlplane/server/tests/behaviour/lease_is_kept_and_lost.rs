//! Nodes get a lease each second while this process plans, and none any more once another planner has taken over.

use std::time::Duration;

use crate::support::{Node, Plane, hello, now, set_up, soon};
use common::UnixMicros;
use proto::v1::to_node;
use store::Acquired;

#[tokio::test]
async fn another_planner_ends_the_streams() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    for _ in 0..3 {
        let lease = node
            .wait_for("a lease", |message| match message {
                to_node::Message::Lease(lease) => Some(*lease),
                _ => None,
            })
            .await;
        assert_eq!((lease.epoch, lease.valid_ms), (node.epoch, 5_000));
    }
    // The other one's clock says that ours is long over.
    let later = UnixMicros(now().0 + 3_600_000_000);
    let other = plane.store().acquire_planner_lease("another", later, Duration::from_secs(10)).await;
    assert!(matches!(other, Ok(Acquired::Ours(_))));
    while node.message().await.is_some() {}
    plane.status("it plans no more", |status| !status.planner).await;
    let mut refused = Node::connect(plane.link(), hello("n1")).await;
    match refused.message().await {
        Some(to_node::Message::Refused(reason)) => assert!(reason.contains("does not plan"), "{reason}"),
        other => panic!("a refusal was due, not {other:?}"),
    }
}

#[tokio::test]
async fn an_orderly_stop_leaves_the_lease_to_the_next() {
    let data = tempfile::tempdir().expect("a folder");
    let mut plane = Plane::start(data.path()).await;
    set_up(plane.store(), &[1], 0, "").await;
    let node = Node::attach_when_it_plans(&plane, "n1").await;
    let running = plane.running.take().expect("it runs");
    soon("the end", running.stop()).await;
    drop(plane);
    let mut config = crate::support::config(data.path());
    config.holder = "another".into();
    let plane = Plane::with(config).await;
    let next = Node::attach_when_it_plans(&plane, "n1").await;
    assert!(next.epoch > node.epoch);
}
