//! A caller that goes away in the middle leaves nothing half done, and the store goes on.

use std::{future::Future, task::Poll};

use crate::world::{NOW, World};

#[tokio::test]
async fn intents_are_all_or_none() {
    let mut world = World::new().await;
    let list = world.list("l", 0..40).await;
    let campaign = world.running("c", &[list]).await;
    let drawn = world.store.draw(campaign, NOW, 100).await.expect("draw").contacts;
    let intents: Vec<_> = drawn.iter().map(|ready| world.intent(campaign, ready)).collect();
    for polls in [1, 2, 5, 20, 60] {
        let commit = world.store.commit_intents(world.epoch, NOW, &intents);
        let finished = finishes_within(polls, commit).await;
        // How many polls a commit takes is the scheduler's; what it leaves is all of it or nothing.
        let kept = if finished { 40 } else { 0 };
        assert_eq!(world.store.open_attempts().await.expect("open").len(), kept, "{polls} polls");
        assert_eq!(world.store.campaign_counts(campaign).await.expect("counts").in_flight, kept as u64);
        if finished {
            return;
        }
    }
    let committed = world.store.commit_intents(world.epoch, NOW, &intents).await.expect("commit");
    assert_eq!(committed.refused, []);
    assert_eq!(world.store.open_attempts().await.expect("open").len(), 40);
}

/// Polls a future that often and drops it.
async fn finishes_within(polls: u32, future: impl Future) -> bool {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if future.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        left -= 1;
        if left == 0 { Poll::Ready(false) } else { Poll::Pending }
    })
    .await
}
