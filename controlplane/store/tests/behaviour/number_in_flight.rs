//! One number is never called twice at the same time, and nobody is called who is not ready.

use common::Outcome;
use peal_core::model::Move;
use peal_store::Refusal;

use crate::world::{NOW, TENANT, World, after, contacts};

#[tokio::test]
async fn a_number_in_flight_for_another_campaign_waits() {
    let mut world = World::new().await;
    let first = world.list("l1", [1]).await;
    let second = world.list("l2", [1, 2]).await;
    let one = world.running("one", &[first]).await;
    let two = world.running("two", &[second]).await;
    let intents = world.dial(one, NOW, 9).await;

    let drawn = world.store.draw(two, NOW, 9).await.expect("draw").contacts;
    let wanted: Vec<_> = drawn.iter().map(|ready| world.intent(two, ready)).collect();
    let committed = world.store.commit_intents(world.epoch, NOW, &wanted).await.expect("commit");
    assert_eq!(committed.refused, [(wanted[0].attempt, Refusal::NumberInFlight)]);
    assert_eq!(world.store.open_attempts().await.expect("open").len(), 2, "the other one is committed");

    assert_eq!(world.store.draw(two, after(4), 9).await.expect("draw").contacts, []);
    world.end(&intents, Outcome::Busy, after(4)).await;
    let drawn = world.store.draw(two, after(5), 9).await.expect("draw").contacts;
    assert_eq!(contacts(&drawn), [wanted[0].contact]);
}

#[tokio::test]
async fn a_contact_is_not_called_twice() {
    let mut world = World::new().await;
    let list = world.list("l", [1]).await;
    let campaign = world.running("c", &[list]).await;
    let ready = world.store.draw(campaign, NOW, 9).await.expect("draw").contacts.remove(0);
    let twice = [world.intent(campaign, &ready), world.intent(campaign, &ready)];
    let committed = world.store.commit_intents(world.epoch, NOW, &twice).await.expect("commit");
    assert_eq!(committed.refused, [(twice[1].attempt, Refusal::ContactNotReady)]);

    world.end(&twice[..1], Outcome::Answered, NOW).await;
    let again = [world.intent(campaign, &ready)];
    let committed = world.store.commit_intents(world.epoch, NOW, &again).await.expect("commit");
    assert_eq!(committed.refused, [(again[0].attempt, Refusal::ContactNotReady)], "it is reached");
    let counts = world.store.campaign_counts(campaign).await.expect("counts");
    assert_eq!((counts.in_flight, counts.reached), (0, 1));
}

#[tokio::test]
async fn a_campaign_that_was_paused_meanwhile_calls_nobody() {
    let mut world = World::new().await;
    let list = world.list("l", [1]).await;
    let campaign = world.running("c", &[list]).await;
    let ready = world.store.draw(campaign, NOW, 9).await.expect("draw").contacts.remove(0);
    world.store.move_campaign(TENANT, campaign, Move::Pause).await.expect("pause");
    let intents = [world.intent(campaign, &ready)];
    let committed = world.store.commit_intents(world.epoch, NOW, &intents).await.expect("commit");
    assert_eq!(committed.refused, [(intents[0].attempt, Refusal::CampaignNotRunning)]);
    assert_eq!(world.store.open_attempts().await.expect("open"), []);
}
