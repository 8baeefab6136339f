//! "Why was this person not called?"

use common::Outcome;
use peal_core::model::ContactState;
use peal_store::{ContactRef, StoreError};

use crate::world::{NOW, World, after, number};

#[tokio::test]
async fn a_contact_is_followed_from_new_to_its_retry() {
    let mut world = World::new().await;
    let list = world.list("l", 0..3).await;
    let campaign = world.running("c", &[list]).await;
    let by_number = ContactRef::Number(number(0));
    let status = world.store.contact_status(campaign, by_number).await.expect("status");
    assert_eq!((status.state, status.queued), (ContactState::New, false));

    let ready = world.store.draw(campaign, NOW, 1).await.expect("draw").contacts.remove(0);
    let status = world.store.contact_status(campaign, by_number).await.expect("status");
    assert_eq!((status.state, status.queued), (ContactState::New, true));

    let intent = world.intent(campaign, &ready);
    world.store.commit_intents(world.epoch, NOW, std::slice::from_ref(&intent)).await.expect("commit");
    let by_id = ContactRef::Id(ready.contact);
    let status = world.store.contact_status(campaign, by_id).await.expect("status");
    assert_eq!((status.state, status.last_attempt), (ContactState::InFlight, Some(intent.attempt)));

    world.end(&[intent], Outcome::Busy, after(1)).await;
    let status = world.store.contact_status(campaign, by_id).await.expect("status");
    assert_eq!((status.state, status.due_at), (ContactState::RetryDue, Some(after(61))));
    assert_eq!((status.tally.attempts, status.last_outcome), (1, Some(Outcome::Busy)));
}

#[tokio::test]
async fn what_never_left_the_machine_costs_no_attempt() {
    let mut world = World::new().await;
    let list = world.list("l", [0]).await;
    let campaign = world.running("c", &[list]).await;
    let intents = world.dial(campaign, NOW, 1).await;
    world.end(&intents, Outcome::Shed, after(1)).await;
    let status = world.store.contact_status(campaign, ContactRef::Number(number(0))).await.expect("status");
    assert_eq!((status.state, status.tally.attempts), (ContactState::New, 0));
    assert_eq!(status.last_outcome, Some(Outcome::Shed));
    let end = world.store.attempt(intents[0].attempt).await.expect("attempt").end.expect("ended");
    assert!(!end.spent);
    let counts = world.store.campaign_counts(campaign).await.expect("counts");
    assert_eq!((counts.new, counts.retry, counts.in_flight), (1, 0, 0));
    let again = world.dial(campaign, after(10), 1).await;
    assert_eq!(again[0].attempt_no, 1);
}

#[tokio::test]
async fn a_stranger_is_not_found_and_not_named() {
    let world = World::new().await;
    let list = world.list("l", [0]).await;
    let campaign = world.running("c", &[list]).await;
    let error =
        world.store.contact_status(campaign, ContactRef::Number(number(5))).await.expect_err("nobody");
    assert!(matches!(error, StoreError::NotFound { .. }), "{error}");
    assert!(!error.to_string().contains(&number(5).expose()), "{error}");
}
