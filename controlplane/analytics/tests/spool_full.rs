//! A full spool refuses, keeps what it has, and takes rows again when ClickHouse has taken some.

mod common;

use common::{analytics, engine, hasty, rows};
use peal_analytics::{Count, Scope, Shipper, Spool, SpoolConfig, SpoolError};

#[tokio::test]
async fn a_full_spool_refuses_until_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = SpoolConfig {
        bytes_max: 256 << 10,
        segment_bytes: 32 << 10,
        ..SpoolConfig::new(folder.path().join("spool"))
    };
    let spool = Spool::open(config).expect("opens");
    assert!(spool.fill() < 0.01);
    let mut taken = 0;
    let refused = loop {
        match spool.append(&rows(taken..taken + 10)) {
            Ok(_) => taken += 10,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, SpoolError::Full { bytes, bytes_max } if bytes <= bytes_max), "{refused}");
    assert!((0.95..=1.0).contains(&spool.fill()), "{}", spool.fill());

    let engine = engine(&folder.path().join("clickhouse")).await;
    let shipper = Shipper::start(spool.clone(), analytics(&engine), hasty());
    shipper.shipped(spool.end()).await;
    // Segments go when the cursor is stored, which follows the last batch.
    while spool.fill() > 0.2 {
        tokio::task::yield_now().await;
    }
    spool.append(&rows(taken..taken + 10)).expect("room again");
    shipper.shipped(spool.end()).await;
    shipper.stop().await;
    let total = u64::from(taken) + 10;
    let expected = Count { rows: total, attempts: total };
    assert_eq!(analytics(&engine).count(&Scope::default()).await.expect("a count"), expected);
    engine.stop().await;
}
