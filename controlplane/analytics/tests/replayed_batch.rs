//! A batch that ClickHouse already has is sent again, and is there once.

mod common;

use std::fs;

use common::{analytics, engine, hasty, physical, rows, spool};
use peal_analytics::{Count, Scope, Shipper};

#[tokio::test]
async fn a_batch_sent_twice_is_there_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spool");
    let engine = engine(&folder.path().join("clickhouse")).await;
    let analytics = analytics(&engine);

    // 1. Everything is shipped, and the cursor of each stage is kept.
    let first = spool(&path);
    first.append(&rows(0..900)).expect("room");
    let shipper = Shipper::start(first.clone(), analytics.clone(), hasty());
    shipper.shipped(first.end()).await;
    shipper.stop().await;
    let end = first.end();
    drop(first);
    assert_eq!(physical(&analytics).await, 900);

    // 2. The cursor is lost: the next shipper begins from the first segment that is left.
    let cursor = fs::read(path.join("cursor")).expect("a cursor");
    fs::write(path.join("cursor"), &cursor[..cursor.len() - 1]).expect("a torn cursor");
    let second = spool(&path);
    assert!(second.end() > end);
    let shipper = Shipper::start(second.clone(), analytics.clone(), hasty());
    second.append(&rows(900..1000)).expect("room");
    shipper.shipped(second.end()).await;
    assert!(shipper.stats().rows > 100, "something was sent again");
    shipper.stop().await;

    // 3. Not even the table itself, replaced rows included, has a row twice.
    assert_eq!(physical(&analytics).await, 1000);
    assert_eq!(
        analytics.count(&Scope::default()).await.expect("a count"),
        Count { rows: 1000, attempts: 1000 }
    );

    // 4. The same rows from another spool have other tokens: the table replaces them.
    let other = spool(&folder.path().join("other"));
    other.append(&rows(0..1000)).expect("room");
    let shipper = Shipper::start(other.clone(), analytics.clone(), hasty());
    shipper.shipped(other.end()).await;
    shipper.stop().await;
    assert_eq!(
        analytics.count(&Scope::default()).await.expect("a count"),
        Count { rows: 1000, attempts: 1000 }
    );
    engine.stop().await;
}
