//! A campaign calls a number once, however many of its lists have it.

use common::Outcome;
use peal_core::model::Move;
use peal_store::ContactRef;

use crate::world::{NOW, TENANT, World, number};

#[tokio::test]
async fn the_second_list_gives_only_what_the_first_has_not() {
    let mut world = World::new().await;
    let first = world.list("l1", 0..4).await;
    let second = world.list("l2", 2..6).await;
    let campaign = world.running("c", &[first, second]).await;
    assert_eq!(world.store.campaign_counts(campaign).await.expect("counts").contacts, 8, "not drawn yet");
    let drawn = world.store.draw(campaign, NOW, 100).await.expect("draw");
    let mut numbers: Vec<_> = drawn.contacts.iter().map(|ready| ready.number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..6).map(number).collect::<Vec<_>>());
    let counts = world.store.campaign_counts(campaign).await.expect("counts");
    assert_eq!((counts.contacts, counts.duplicates, counts.new), (6, 2, 6));

    let intents: Vec<_> = drawn.contacts.iter().map(|ready| world.intent(campaign, ready)).collect();
    world.store.commit_intents(world.epoch, NOW, &intents).await.expect("commit");
    world.end(&intents, Outcome::Answered, NOW).await;
    world.store.move_campaign(TENANT, campaign, Move::AllSettled).await.expect("duplicates are settled");

    let page = world.store.list_contacts(second, None, 10).await.expect("contacts");
    let status = world.store.contact_status(campaign, ContactRef::Id(page.items[0].id)).await;
    let kept = world.store.list_contacts(first, None, 10).await.expect("contacts").items[2].id;
    assert_eq!(status.expect("status").duplicate_of, Some(kept));
}

#[tokio::test]
async fn a_list_of_nothing_but_duplicates_does_not_hold_up_the_next() {
    let world = World::new().await;
    let first = world.list("l1", 0..50).await;
    let second = world.list("l2", 0..50).await;
    let third = world.list("l3", 50..52).await;
    let campaign = world.running("c", &[first, second, third]).await;
    let mut drawn = 0;
    loop {
        // Bites of one contact: more of them are fruitless than one draw looks at.
        let draw = world.store.draw(campaign, NOW, 1).await.expect("draw");
        drawn += draw.contacts.len();
        if draw.lists_drawn {
            break;
        }
    }
    assert_eq!(drawn, 52);
    assert_eq!(world.store.campaign_counts(campaign).await.expect("counts").duplicates, 50);
}
