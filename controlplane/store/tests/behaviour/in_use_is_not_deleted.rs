//! What something else needs stays; what is deleted goes with all that it had.

use common::Outcome;
use peal_core::model::{CampaignState, Move};
use peal_store::{AttemptFilter, StoreError};

use crate::world::{NOW, TENANT, World, line_spec};

fn in_use<T: std::fmt::Debug>(result: Result<T, StoreError>, by_what: &str) {
    assert!(matches!(&result, Err(StoreError::InUse { by, .. }) if by.contains(by_what)), "{result:?}");
}

#[tokio::test]
async fn everything_a_campaign_stands_on_is_in_use() {
    let world = World::new().await;
    let list = world.list("l", [1]).await;
    let campaign = world.running("c", &[list]).await;
    in_use(world.store.delete_line(TENANT, world.line).await, "line group");
    in_use(world.store.delete_line_group(TENANT, world.line_group).await, "campaign");
    in_use(world.store.delete_script(TENANT, world.script).await, "campaign");
    in_use(world.store.delete_list(TENANT, list, NOW).await, "campaign");
    let error = world.store.delete_campaign(TENANT, campaign, NOW).await.expect_err("running");
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");

    world.store.move_campaign(TENANT, campaign, Move::Cancel).await.expect("cancel");
    world.store.delete_campaign(TENANT, campaign, NOW).await.expect("campaign");
    world.store.delete_list(TENANT, list, NOW).await.expect("list");
    world.store.delete_script(TENANT, world.script).await.expect("script");
    world.store.delete_line_group(TENANT, world.line_group).await.expect("line group");
    world.store.delete_line(TENANT, world.line).await.expect("line");
    let gone = world.store.delete_line(TENANT, world.line).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })));
}

#[tokio::test]
async fn a_line_with_a_call_on_it_stays() {
    let mut world = World::new().await;
    let list = world.list("l", [1]).await;
    let campaign = world.running("c", &[list]).await;
    let intents = world.dial(campaign, NOW, 1).await;
    let other = world.store.create_line(TENANT, &line_spec("b")).await.expect("line").id;
    let mut spec = world.store.line_group(TENANT, world.line_group).await.expect("group").spec;
    spec.lines = vec![other];
    world.store.update_line_group(TENANT, world.line_group, &spec).await.expect("group");
    in_use(world.store.delete_line(TENANT, world.line).await, "calls");
    world.end(&intents, Outcome::Answered, NOW).await;
    world.store.delete_line(TENANT, world.line).await.expect("no call");
}

#[tokio::test]
async fn a_deleted_campaign_takes_its_attempts_with_it_and_its_name_is_free() {
    let mut world = World::new().await;
    let list = world.list("l", 0..3).await;
    let campaign = world.running("c", &[list]).await;
    let intents = world.dial(campaign, NOW, 9).await;
    world.store.move_campaign(TENANT, campaign, Move::Cancel).await.expect("cancel");
    in_use(world.store.delete_campaign(TENANT, campaign, NOW).await, "calls");
    world.end(&intents, Outcome::Canceled, NOW).await;
    world.store.delete_campaign(TENANT, campaign, NOW).await.expect("delete");
    let left = world.store.attempts(&AttemptFilter::default(), None, 9).await.expect("attempts").items;
    assert_eq!(left, []);
    assert!(matches!(world.store.campaign(TENANT, campaign).await, Err(StoreError::NotFound { .. })));
    let again = world.running("c", &[list]).await;
    assert!(again > campaign);
    let state = world.store.campaign(TENANT, again).await.expect("campaign").state;
    assert_eq!(state, CampaignState::Running);
    assert_eq!(world.dial(again, NOW, 9).await.len(), 3, "from the beginning");
}
