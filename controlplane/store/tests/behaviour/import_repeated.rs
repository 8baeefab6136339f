//! An import that died is repeated; one into a finished campaign wakes it.

use peal_core::model::{CampaignState, Move};

use crate::world::{NOW, TENANT, World, row};

#[tokio::test]
async fn what_is_there_already_is_absorbed() {
    let world = World::new().await;
    let list = world.store.create_list(TENANT, "l", NOW).await.expect("list").id;
    let rows: Vec<_> = (0..30_000).map(|i| row(i + 2, i)).collect();
    let mut import = world.store.import(list, NOW).await.expect("import");
    import.push(&rows[..15_000]).await.expect("the first half");
    drop(import);

    let mut import = world.store.import(list, NOW).await.expect("import");
    import.push(&rows).await.expect("the whole");
    let report = import.finish(NOW).await.expect("report");
    assert_eq!((report.imported, report.duplicates), (15_000, 15_000));
    assert_eq!(world.store.list(TENANT, list).await.expect("list").contacts, 30_000);
}

#[tokio::test]
async fn a_completed_campaign_is_pending_again_and_calls_only_the_new() {
    let mut world = World::new().await;
    let list = world.list("l", [1]).await;
    let campaign = world.running("c", &[list]).await;
    let intents = world.dial(campaign, NOW, 10).await;
    world.end(&intents, common::Outcome::Answered, NOW).await;
    world.store.move_campaign(TENANT, campaign, Move::AllSettled).await.expect("all are settled");

    let mut import = world.store.import(list, NOW).await.expect("import");
    let chunk = import.push(&[row(2, 1)]).await.expect("a duplicate");
    assert_eq!(chunk.revived, [], "nobody new");
    let chunk = import.push(&[row(3, 2)]).await.expect("a new number");
    assert_eq!(chunk.revived, [campaign]);
    let state = world.store.campaign(TENANT, campaign).await.expect("campaign").state;
    assert_eq!(state, CampaignState::Pending);

    world.store.move_campaign(TENANT, campaign, Move::ScheduleReached).await.expect("running");
    let drawn = world.store.draw(campaign, NOW, 10).await.expect("draw").contacts;
    assert_eq!(drawn.iter().map(|r| r.number).collect::<Vec<_>>(), [crate::world::number(2)]);
}
