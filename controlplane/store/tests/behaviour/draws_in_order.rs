//! Retries first, by the time at which they were due; then new contacts, each once, through any restart.

use common::Outcome;
use peal_core::model::Move;

use crate::world::{NOW, TENANT, World, after, contacts, lease};

#[tokio::test]
async fn retries_that_are_due_come_before_new_contacts() {
    let mut world = World::new().await;
    let list = world.list("l", 0..10).await;
    let campaign = world.running("c", &[list]).await;
    let intents = world.dial(campaign, NOW, 3).await;
    // Ended in another order than they were called: due at 60 + 2, 60 + 1 and 60 + 9 s.
    world.end(&intents[0..1], Outcome::Busy, after(2)).await;
    world.end(&intents[1..2], Outcome::Busy, after(1)).await;
    world.end(&intents[2..3], Outcome::Busy, after(9)).await;

    let early = world.store.draw(campaign, after(30), 2).await.expect("draw");
    assert_eq!(contacts(&early.contacts).len(), 2);
    assert!(early.contacts.iter().all(|ready| ready.tally.attempts == 0), "no retry is due yet");
    assert_eq!(early.next_due_at, Some(after(61)));

    let drawn = world.store.draw(campaign, after(65), 100).await.expect("draw");
    let expected = [intents[1].contact, intents[0].contact];
    assert_eq!(contacts(&drawn.contacts)[..2], expected);
    assert_eq!(drawn.contacts[0].tally.by_outcome.get(&Outcome::Busy), Some(&1));
    assert_eq!(drawn.contacts.len(), 2 + 5);
    assert!(drawn.lists_drawn);
    assert_eq!(drawn.next_due_at, Some(after(69)));
}

#[tokio::test]
async fn each_is_drawn_once_until_it_is_put_back() {
    let world = World::new().await;
    let list = world.list("l", 0..5).await;
    let campaign = world.running("c", &[list]).await;
    let first = world.store.draw(campaign, NOW, 3).await.expect("draw");
    let second = world.store.draw(campaign, NOW, 3).await.expect("draw");
    assert_eq!((first.contacts.len(), second.contacts.len()), (3, 2));
    assert!(second.lists_drawn && !first.lists_drawn);
    assert_eq!(world.store.draw(campaign, NOW, 3).await.expect("draw").contacts, []);

    let back = first.contacts[1].contact;
    world.store.put_back(campaign, &[(back, after(5))]).await.expect("put back");
    assert_eq!(world.store.draw(campaign, after(4), 3).await.expect("draw").contacts, []);
    let drawn = world.store.draw(campaign, after(5), 3).await.expect("draw");
    assert_eq!(contacts(&drawn.contacts), [back]);
}

#[tokio::test]
async fn a_new_planner_draws_again_what_the_last_one_held_and_nothing_else() {
    let mut world = World::new().await;
    let list = world.list("l", 0..10).await;
    let campaign = world.running("c", &[list]).await;
    let called = world.dial(campaign, NOW, 2).await;
    let held = world.store.draw(campaign, NOW, 3).await.expect("draw");
    world.store.clone().close().await;

    let store = world.reopened().await;
    lease(&store, "here", NOW).await;
    let drawn = store.draw(campaign, after(1), 100).await.expect("draw");
    assert_eq!(contacts(&drawn.contacts)[..3], contacts(&held.contacts));
    assert_eq!(drawn.contacts.len(), 8, "all but those in flight");
    assert!(called.iter().all(|intent| drawn.contacts.iter().all(|r| r.contact != intent.contact)));
}

#[tokio::test]
async fn pausing_takes_back_what_was_drawn() {
    let world = World::new().await;
    let list = world.list("l", 0..4).await;
    let campaign = world.running("c", &[list]).await;
    let held = world.store.draw(campaign, NOW, 2).await.expect("draw");
    world.store.move_campaign(TENANT, campaign, Move::Pause).await.expect("pause");
    assert_eq!(world.store.draw(campaign, NOW, 9).await.expect("draw").contacts, [], "paused");
    world.store.move_campaign(TENANT, campaign, Move::Resume).await.expect("resume");
    world.store.move_campaign(TENANT, campaign, Move::ScheduleReached).await.expect("running");
    let drawn = world.store.draw(campaign, NOW, 9).await.expect("draw");
    assert_eq!(contacts(&drawn.contacts)[..2], contacts(&held.contacts));
    assert_eq!(drawn.contacts.len(), 4);
}

#[tokio::test]
async fn contacts_added_to_a_running_campaign_are_drawn_from_every_list_in_turn() {
    let world = World::new().await;
    let first = world.list("l1", 0..2).await;
    let second = world.list("l2", 100..102).await;
    let campaign = world.running("c", &[second, first]).await;
    let drawn = world.store.draw(campaign, NOW, 9).await.expect("draw");
    let lists: Vec<_> = drawn.contacts.iter().map(|ready| ready.list).collect();
    assert_eq!(lists, [second, second, first, first], "in the order of the campaign");
    world.add(second, [103]).await;
    let drawn = world.store.draw(campaign, NOW, 9).await.expect("draw");
    assert_eq!(drawn.contacts.iter().map(|ready| ready.list).collect::<Vec<_>>(), [second]);
}
