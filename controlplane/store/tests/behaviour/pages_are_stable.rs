//! A page neither skips nor repeats a row while others come and go.

use crate::world::{NOW, TENANT, World, line_spec};

#[tokio::test]
async fn rows_that_come_and_go_do_not_move_the_others() {
    let world = World::new().await;
    let store = &world.store;
    let mut ids = Vec::new();
    for i in 0..10 {
        ids.push(store.create_line(TENANT, &line_spec(&format!("line {i}"))).await.expect("line").id);
    }
    let first = store.lines(TENANT, Some(world.line), 4).await.expect("page");
    assert_eq!(first.items.iter().map(|line| line.id).collect::<Vec<_>>(), ids[..4]);
    // The row of the cursor itself and one ahead of it go, one comes.
    store.delete_line(TENANT, ids[3]).await.expect("delete");
    store.delete_line(TENANT, ids[6]).await.expect("delete");
    let last = store.create_line(TENANT, &line_spec("late")).await.expect("line").id;
    assert!(ids.iter().all(|id| *id < last), "ids are never used twice");
    let mut seen = Vec::new();
    let mut after = first.next;
    while after.is_some() {
        let page = store.lines(TENANT, after, 4).await.expect("page");
        seen.extend(page.items.iter().map(|line| line.id));
        after = page.next;
    }
    assert_eq!(seen, [ids[4], ids[5], ids[7], ids[8], ids[9], last]);
}

#[tokio::test]
async fn a_last_page_that_is_just_full_has_no_next() {
    let world = World::new().await;
    let list = world.list("l", 0..6).await;
    let page = world.store.list_contacts(list, None, 3).await.expect("page");
    let page = world.store.list_contacts(list, page.next, 3).await.expect("page");
    assert_eq!((page.items.len(), page.next), (3, None));
}

#[tokio::test]
async fn limits_are_bounded() {
    let world = World::new().await;
    let list = world.list("l", 0..1_200).await;
    assert_eq!(world.store.list_contacts(list, None, 0).await.expect("page").items.len(), 1);
    assert_eq!(world.store.list_contacts(list, None, u32::MAX).await.expect("page").items.len(), 1_000);
    assert_eq!(world.store.lists(TENANT, None, 10).await.expect("page").items[0].created_at, NOW);
}
