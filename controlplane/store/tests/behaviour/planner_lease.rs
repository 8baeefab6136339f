//! One planner at a time; an old one is stopped at its next write.

use common::Epoch;
use peal_store::{Acquired, RouteTry, StoreError};

use crate::world::{NOW, TTL, World, after, lease};

#[tokio::test]
async fn another_takes_it_over_only_when_it_is_over() {
    let world = World::new().await;
    let store = &world.store;
    let taken = store.acquire_planner_lease("there", after(4), TTL).await.expect("answer");
    assert!(matches!(taken, Acquired::Theirs(lease) if lease.holder == "here" && lease.until == after(5)));
    store.renew_planner_lease(world.epoch, after(4), TTL).await.expect("renewed");
    let taken = store.acquire_planner_lease("there", after(8), TTL).await.expect("answer");
    assert!(matches!(taken, Acquired::Theirs(_)), "renewed until 9 s");
    let taken = store.acquire_planner_lease("there", after(9), TTL).await.expect("answer");
    assert_eq!(taken, Acquired::Ours(Epoch(world.epoch.0 + 1)));
}

#[tokio::test]
async fn the_same_holder_started_again_gets_a_new_epoch_at_once() {
    let world = World::new().await;
    assert_eq!(lease(&world.store, "here", NOW).await, Epoch(world.epoch.0 + 1));
}

#[tokio::test]
async fn a_lease_given_up_is_free() {
    let world = World::new().await;
    world.store.release_planner_lease(world.epoch).await.expect("released");
    lease(&world.store, "there", NOW).await;
}

#[tokio::test]
async fn an_old_epoch_writes_nothing() {
    let mut world = World::new().await;
    let list = world.list("l", [1, 2]).await;
    let campaign = world.running("c", &[list]).await;
    let open = world.dial(campaign, NOW, 1).await;
    let ready = world.store.draw(campaign, NOW, 1).await.expect("draw").contacts.remove(0);
    let intent = world.intent(campaign, &ready);
    let old = world.epoch;
    let new = lease(&world.store, "there", after(60)).await;

    let stale = |error: StoreError| {
        assert!(
            matches!(error, StoreError::StaleEpoch { held, current } if held == old && current == new),
            "{error}"
        );
    };
    stale(world.store.commit_intents(old, NOW, &[intent]).await.expect_err("intents"));
    stale(world.store.renew_planner_lease(old, NOW, TTL).await.expect_err("renewal"));
    stale(world.store.release_planner_lease(old).await.expect_err("release"));
    let route_try = RouteTry {
        attempt: open[0].attempt,
        route_try: 2,
        line: world.line,
        caller_id: String::new(),
        node: open[0].node.clone(),
        slot_until: after(1),
    };
    stale(world.store.begin_route_try(old, NOW, &route_try).await.expect_err("route try"));
    assert_eq!(world.store.open_attempts().await.expect("open").len(), 1);
    assert_eq!(world.store.planner_lease().await.expect("lease").holder, "there");
}
