//! `kill -9` of shipper and engine at any moment loses nothing and doubles nothing.

mod common;

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use common::{analytics, engine, example, hasty, physical, rows, spool, url};
use peal_analytics::{Count, Scope, Shipper};

#[tokio::test(flavor = "multi_thread")]
async fn a_shipper_killed_between_insert_and_cursor_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spool");
    let engine = engine(&folder.path().join("clickhouse")).await;
    let analytics = analytics(&engine);
    analytics.migrate().await.expect("migrates");
    let count = 12_000;
    let first = spool(&path);
    for part in rows(0..count).chunks(500) {
        first.append(part).expect("room");
    }
    drop(first);

    // Each process is killed when the table has grown past another mark, wherever it is then.
    for mark in 1..=5_u64 {
        let mut shipper = Command::new(example("ship"))
            .args(["--batch-rows", "500", "--url", &url(&engine), "--spool"])
            .arg(&path)
            .stdout(Stdio::null())
            .spawn()
            .expect("starts");
        while physical(&analytics).await < mark * u64::from(count) / 6 {
            assert!(shipper.try_wait().expect("a status").is_none(), "the shipper ended by itself");
        }
        shipper.kill().expect("kills");
        shipper.wait().expect("ends");
    }
    let last = spool(&path);
    let shipper = Shipper::start(last.clone(), analytics.clone(), hasty());
    shipper.shipped(last.end()).await;
    shipper.stop().await;
    assert_eq!(physical(&analytics).await, u64::from(count));
    let expected = Count { rows: u64::from(count), attempts: u64::from(count) };
    assert_eq!(analytics.count(&Scope::default()).await.expect("a count"), expected);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_killed_while_it_inserts_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut engine = engine(&folder.path().join("clickhouse")).await;
    let (analytics, spool) = (analytics(&engine), spool(&folder.path().join("spool")));
    let shipper = Shipper::start(spool.clone(), analytics.clone(), hasty());
    let count = 12_000;
    for part in rows(0..count).chunks(500) {
        spool.append(part).expect("room");
    }
    for round in 1..=3_u64 {
        while shipper.stats().rows < round * u64::from(count) / 4 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let process = engine.process_id().expect("it runs").to_string();
        assert!(Command::new("kill").args(["-9", &process]).status().expect("kill runs").success());
        engine.started(round + 1).await;
    }
    shipper.shipped(spool.end()).await;
    assert!(shipper.stats().failures > 0);
    shipper.stop().await;
    assert_eq!(physical(&analytics).await, u64::from(count));
    let expected = Count { rows: u64::from(count), attempts: u64::from(count) };
    assert_eq!(analytics.count(&Scope::default()).await.expect("a count"), expected);
    engine.stop().await;
}
