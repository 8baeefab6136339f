//! A request with a key is done once.

use peal_store::{Claim, StoreError};

use crate::world::{NOW, TENANT, World, after};

#[tokio::test]
async fn the_answer_is_replayed_for_a_day() {
    let world = World::new().await;
    let store = &world.store;
    assert_eq!(store.claim_key(TENANT, "k", b"h1", NOW).await.expect("claim"), Claim::Fresh);
    assert_eq!(store.claim_key(TENANT, "k", b"h1", after(1)).await.expect("claim"), Claim::Busy);
    store.settle_key(TENANT, "k", 201, b"{}").await.expect("settle");
    let replay = Claim::Replay { status: 201, body: b"{}".to_vec() };
    assert_eq!(store.claim_key(TENANT, "k", b"h1", after(86_000)).await.expect("claim"), replay);
    assert_eq!(store.claim_key(TENANT, "k", b"h2", after(1)).await.expect("claim"), Claim::Different);
    assert_eq!(store.claim_key(TENANT, "k", b"h2", after(86_401)).await.expect("claim"), Claim::Fresh);
}

#[tokio::test]
async fn a_request_that_did_nothing_or_died_may_be_tried_again() {
    let world = World::new().await;
    let store = &world.store;
    store.claim_key(TENANT, "k", b"h", NOW).await.expect("claim");
    store.abandon_key(TENANT, "k").await.expect("abandon");
    assert_eq!(store.claim_key(TENANT, "k", b"h", after(1)).await.expect("claim"), Claim::Fresh);
    assert_eq!(store.claim_key(TENANT, "k", b"h", after(62)).await.expect("claim"), Claim::Fresh);
    let error = store.claim_key(TENANT, "", b"h", NOW).await.expect_err("no key");
    assert!(matches!(error, StoreError::Invalid(_)), "{error}");
}

#[tokio::test]
async fn settings_are_kept() {
    let world = World::new().await;
    assert_eq!(world.store.setting("a").await.expect("setting"), None);
    for value in ["1", "2"] {
        world.store.put_setting("a", value).await.expect("put");
        assert_eq!(world.store.setting("a").await.expect("setting").as_deref(), Some(value));
    }
}
