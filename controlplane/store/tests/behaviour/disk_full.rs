//! A full disk: a typed error, nothing half done, and work goes on once there is room.

use peal_store::{StoreError, StoreOptions};

use crate::world::{NOW, TENANT, World, after, row};

#[tokio::test]
async fn an_import_stops_whole_and_deleting_makes_room() {
    let world = World::with(|options| StoreOptions { max_bytes: Some(2 << 20), ..options }).await;
    let store = &world.store;
    let list = world.list("l", []).await;
    let mut import = store.import(list, NOW).await.expect("import");
    let mut next = 0;
    let error = loop {
        let rows: Vec<_> = (next..next + 2_000).map(|n| row(n + 2, n)).collect();
        match import.push(&rows).await {
            Ok(_) => next += 2_000,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full), "{error}");
    assert!(error.is_temporary());
    assert!(next > 0, "there was room at first");
    assert_eq!(store.list(TENANT, list).await.expect("list").contacts, next, "whole chunks");
    // Again and again: the connection that SQLite rolled back behind our back is not used any more.
    for _ in 0..3 {
        let rows: Vec<_> = (next..next + 20_000).map(|n| row(n + 2, n)).collect();
        assert!(matches!(import.push(&rows).await, Err(StoreError::Full)));
    }
    assert_eq!(store.list(TENANT, list).await.expect("list").contacts, next);

    store.delete_list(TENANT, list, NOW).await.expect("makes room");
    world.list("again", 0..2_000).await;
}

#[tokio::test]
async fn intents_are_refused_as_a_whole() {
    let mut world = World::with(|options| StoreOptions { max_bytes: Some(1 << 20), ..options }).await;
    let list = world.list("l", 0..4_000).await;
    let campaign = world.running("c", &[list]).await;
    let error = loop {
        let drawn = match world.store.draw(campaign, NOW, 200).await {
            Ok(draw) => draw.contacts,
            Err(error) => break error,
        };
        assert!(!drawn.is_empty(), "the disk is full before everybody is called");
        let intents: Vec<_> = drawn.iter().map(|ready| world.intent(campaign, ready)).collect();
        let before = world.store.open_attempts().await.expect("open").len();
        if let Err(error) = world.store.commit_intents(world.epoch, NOW, &intents).await {
            assert_eq!(world.store.open_attempts().await.expect("open").len(), before);
            break error;
        }
    };
    assert!(matches!(error, StoreError::Full), "{error}");
    let counts = world.store.campaign_counts(campaign).await.expect("counts");
    assert_eq!(counts.in_flight as usize, world.store.open_attempts().await.expect("open").len());

    // With more room the same store file goes on where it was.
    world.store.clone().close().await;
    world.store = world.reopened().await;
    world.epoch = crate::world::lease(&world.store, "here", after(9)).await;
    assert!(!world.dial(campaign, after(9), 100).await.is_empty());
}
