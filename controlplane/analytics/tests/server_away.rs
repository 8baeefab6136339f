//! A ClickHouse that is away: rows wait, the numbers say so, and when it is back everything arrives.

mod common;

use common::{analytics, config, engine, hasty, launch, rows, spool};
use embedded_clickhouse::Child;
use peal_analytics::{Analytics, Count, Scope, Shipper};

#[tokio::test]
async fn rows_wait_for_a_server_that_is_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("clickhouse");
    let first = engine(&data).await;
    let (address, mut there) = (first.address(), config(&first));
    first.stop().await;

    // 1. Nobody listens: rows are taken all the same.
    let spool = spool(&folder.path().join("spool"));
    let shipper = Shipper::start(spool.clone(), Analytics::new(&there), hasty());
    spool.append(&rows(0..700)).expect("room");
    while shipper.stats().failures < 3 {
        tokio::task::yield_now().await;
    }
    assert!(shipper.stats().last_error.is_some());
    assert_eq!(shipper.stats().rows, 0);
    shipper.stop().await;

    // 2. It is back (with another password, so another shipper).
    let mut again = launch(&data);
    again.listen = address;
    let second = Child::start(again).await.expect("starts at the same port");
    there = config(&second);
    let shipper = Shipper::start(spool.clone(), Analytics::new(&there), hasty());
    spool.append(&rows(700..1000)).expect("room");
    shipper.shipped(spool.end()).await;
    let stats = shipper.stats();
    assert_eq!((stats.rows, stats.last_error), (1000, None));
    shipper.stop().await;
    let expected = Count { rows: 1000, attempts: 1000 };
    assert_eq!(analytics(&second).count(&Scope::default()).await.expect("a count"), expected);
    second.stop().await;
}
