//! Readers see whole transactions and never wait; writers take turns.

use crate::world::{NOW, TENANT, World, after, row};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_sees_half_a_chunk_and_nobody_is_refused() {
    let mut world = World::new().await;
    let first = world.list("first", 0..2_000).await;
    let campaign = world.running("c", &[first]).await;
    let list = world.list("l", []).await;

    let store = world.store.clone();
    let import = tokio::spawn(async move {
        let mut import = store.import(list, NOW).await.expect("import");
        for chunk in 0..40u64 {
            let rows: Vec<_> = (chunk * 500..(chunk + 1) * 500).map(|n| row(n + 2, n)).collect();
            import.push(&rows).await.expect("rows");
        }
    });
    let store = world.store.clone();
    let reader = tokio::spawn(async move {
        let mut seen = 0;
        while seen < 20_000 {
            let now = store.list(TENANT, list).await.expect("list").contacts;
            assert!(now >= seen && now.is_multiple_of(500), "{now} after {seen}");
            seen = now;
        }
    });
    for second in 0..20 {
        let intents = world.dial(campaign, after(second), 50).await;
        world.end(&intents, common::Outcome::Answered, after(second)).await;
    }
    import.await.expect("import");
    reader.await.expect("reader");
    assert_eq!(world.store.campaign_counts(campaign).await.expect("counts").reached, 1_000);
}
