//! A campaign moves as its states allow, and is completed only when everybody is settled.

use common::Outcome;
use peal_core::model::{CampaignState, Move, Scripts};
use peal_store::StoreError;

use crate::world::{NOW, TENANT, World, after};

#[tokio::test]
async fn a_move_that_is_not_allowed_changes_nothing() {
    let world = World::new().await;
    let list = world.list("l", [1]).await;
    let spec = world.spec("c", &[list]);
    let id = world.store.create_campaign(TENANT, &spec, NOW).await.expect("campaign").id;
    let error = world.store.move_campaign(TENANT, id, Move::Resume).await.expect_err("a draft");
    assert!(matches!(&error, StoreError::Conflict(text) if text.contains("draft")), "{error}");
    let moved = world.store.move_campaign(TENANT, id, Move::Start).await.expect("start");
    assert_eq!(moved.state, CampaignState::Pending);
    assert_eq!(world.store.campaign(TENANT, id).await.expect("campaign"), moved);
}

#[tokio::test]
async fn it_is_not_completed_while_anybody_is_left() {
    let mut world = World::new().await;
    let list = world.list("l", 0..2).await;
    let campaign = world.running("c", &[list]).await;
    let conflict = |world: &World| {
        let store = world.store.clone();
        async move {
            let error = store.move_campaign(TENANT, campaign, Move::AllSettled).await.expect_err("left");
            assert!(matches!(error, StoreError::Conflict(_)), "{error}");
        }
    };
    conflict(&world).await;
    let intents = world.dial(campaign, NOW, 2).await;
    conflict(&world).await;
    world.end(&intents[..1], Outcome::Answered, NOW).await;
    world.end(&intents[1..], Outcome::Busy, NOW).await;
    conflict(&world).await;
    let retry = world.dial(campaign, after(100), 2).await;
    world.end(&retry, Outcome::Declined, after(100)).await;
    let moved = world.store.move_campaign(TENANT, campaign, Move::AllSettled).await.expect("all settled");
    assert_eq!(moved.state, CampaignState::Completed);
    assert_eq!(world.store.planner_config().await.expect("config").campaigns, []);
}

#[tokio::test]
async fn a_started_campaign_keeps_its_lists_and_takes_more() {
    let world = World::new().await;
    let first = world.list("l1", [1]).await;
    let second = world.list("l2", [2]).await;
    let campaign = world.running("c", &[first]).await;
    assert_eq!(world.store.draw(campaign, NOW, 9).await.expect("draw").contacts.len(), 1);
    let error = world.store.update_campaign(TENANT, campaign, &world.spec("c", &[second])).await;
    assert!(matches!(error, Err(StoreError::Conflict(_))));
    let mut spec = world.spec("c", &[second, first]);
    spec.priority = 1;
    world.store.update_campaign(TENANT, campaign, &spec).await.expect("one more list");
    let drawn = world.store.draw(campaign, NOW, 9).await.expect("draw").contacts;
    assert_eq!(
        drawn.iter().map(|ready| ready.list).collect::<Vec<_>>(),
        [second],
        "the first is not drawn again"
    );
    assert_eq!(world.store.planner_config().await.expect("config").campaigns[0].spec, spec);
}

#[tokio::test]
async fn what_it_names_must_be_there() {
    let world = World::new().await;
    let list = world.list("l", [1]).await;
    let other = world.store.create_tenant("other", NOW).await.expect("tenant").id;
    let field = |result: Result<_, StoreError>| match result {
        Err(StoreError::Invalid(invalid)) => invalid.field,
        other => panic!("{other:?}"),
    };
    let spec = world.spec("c", &[list, common::ListId(99)]);
    assert_eq!(field(world.store.create_campaign(TENANT, &spec, NOW).await), "lists[1]");
    let spec = world.spec("c", &[list]);
    assert_eq!(field(world.store.create_campaign(other, &spec, NOW).await), "line_group");
    let mut spec = world.spec("c", &[list]);
    spec.script = Scripts::One(common::ScriptId(99));
    assert_eq!(field(world.store.create_campaign(TENANT, &spec, NOW).await), "script");
    spec.max_ring_ms = 1;
    assert_eq!(field(world.store.create_campaign(TENANT, &spec, NOW).await), "max_ring_ms");
    assert_eq!(world.store.campaigns(TENANT, None, 9).await.expect("campaigns").items, []);
}
