//! Attempts by campaign, contact, state, outcome and time, newest first.

use common::Outcome;
use peal_store::{AttemptFilter, StoreError};

use crate::world::{NOW, TENANT, World, after};

#[tokio::test]
async fn each_filter_lets_through_what_it_says() {
    let mut world = World::new().await;
    let list = world.list("l", 0..9).await;
    let other_list = world.list("m", 100..101).await;
    let campaign = world.running("c", &[list]).await;
    let other = world.running("d", &[other_list]).await;
    let intents = world.dial(campaign, NOW, 9).await;
    let elsewhere = world.dial(other, NOW, 9).await;
    world.end(&intents[..3], Outcome::Busy, after(1)).await;
    world.end(&intents[3..5], Outcome::Answered, after(1)).await;

    let of = |filter: AttemptFilter| {
        let store = world.store.clone();
        async move {
            let page = store.attempts(&filter, None, 100).await.expect("attempts");
            page.items.into_iter().map(|attempt| attempt.id).collect::<Vec<_>>()
        }
    };
    let newest_first = |from: usize, to: usize| {
        intents[from..to].iter().rev().map(|intent| intent.attempt).collect::<Vec<_>>()
    };
    let base = AttemptFilter { tenant: Some(TENANT), campaign: Some(campaign), ..AttemptFilter::default() };
    assert_eq!(of(base.clone()).await, newest_first(0, 9));
    assert_eq!(of(AttemptFilter { open: Some(true), ..base.clone() }).await, newest_first(5, 9));
    assert_eq!(of(AttemptFilter { open: Some(false), ..base.clone() }).await, newest_first(0, 5));
    assert_eq!(of(AttemptFilter { outcome: Some(Outcome::Busy), ..base.clone() }).await, newest_first(0, 3));
    let contact = Some(intents[4].contact);
    assert_eq!(of(AttemptFilter { contact, ..base.clone() }).await, newest_first(4, 5));
    // The ids of the test are a millisecond apart, from NOW + 1 ms on.
    let ms = |n: i64| Some(common::UnixMicros(NOW.0 + n * 1_000));
    assert_eq!(of(AttemptFilter { from: ms(3), until: ms(5), ..base.clone() }).await, newest_first(2, 4));
    assert_eq!(of(AttemptFilter { campaign: Some(other), ..base.clone() }).await, [elsewhere[0].attempt]);
    assert_eq!(of(AttemptFilter { tenant: Some(common::TenantId(9)), ..base }).await, []);
}

#[tokio::test]
async fn pages_go_back_in_time() {
    let mut world = World::new().await;
    let list = world.list("l", 0..5).await;
    let campaign = world.running("c", &[list]).await;
    let intents = world.dial(campaign, NOW, 9).await;
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = world.store.attempts(&AttemptFilter::default(), before, 2).await.expect("page");
        seen.extend(page.items.iter().map(|attempt| attempt.id));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, intents.iter().rev().map(|intent| intent.attempt).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_attempt_is_kept_as_it_was_committed() {
    let mut world = World::new().await;
    let list = world.list("l", [1]).await;
    let campaign = world.running("c", &[list]).await;
    let intent = world.dial(campaign, after(1), 1).await.remove(0);
    let kept = world.store.attempt(intent.attempt).await.expect("attempt");
    assert_eq!((kept.number, kept.contact, kept.list), (intent.number, intent.contact, list));
    assert_eq!((kept.intent_at, kept.planned_at, kept.epoch), (after(1), NOW, world.epoch));
    assert_eq!((kept.tries[0].line, &kept.tries[0].node), (world.line, &intent.node));
    assert_eq!(kept.end, None);
    let missing = world.attempt_id();
    assert!(matches!(world.store.attempt(missing).await, Err(StoreError::NotFound { .. })));
}
