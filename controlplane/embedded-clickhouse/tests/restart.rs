//! Data outlive the process, however it ends, and a child that dies is started again at the same address.

mod common;

use common::{ask, engine, launch};
use peal_embedded_clickhouse::{Child, ChildError};

#[tokio::test]
async fn data_outlive_an_orderly_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = engine(folder.path()).await;
    ask(&first, "CREATE TABLE t (n UInt32) ENGINE = MergeTree ORDER BY n").await;
    ask(&first, "INSERT INTO t SELECT number FROM numbers(1000)").await;
    first.stop().await;
    let second = engine(folder.path()).await;
    assert_eq!(ask(&second, "SELECT count(), sum(n) FROM t").await, "1000\t499500\n");
    second.stop().await;
}

#[tokio::test]
async fn committed_data_outlive_kill_9_again_and_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut engine = engine(folder.path()).await;
    let address = engine.address();
    ask(&engine, "CREATE TABLE t (n UInt32) ENGINE = MergeTree ORDER BY n").await;
    for round in 1..=3_u32 {
        ask(&engine, &format!("INSERT INTO t SELECT number FROM numbers({})", 100 * round)).await;
        let process = engine.process_id().expect("it runs");
        let killed = std::process::Command::new("kill").args(["-9", &process.to_string()]).status();
        assert!(killed.expect("kill runs").success());
        engine.started(u64::from(round) + 1).await;
        let rows = 100 * round * (round + 1) / 2;
        assert_eq!(ask(&engine, "SELECT count() FROM t").await, format!("{rows}\n"), "round {round}");
    }
    assert_eq!(engine.address(), address);
    engine.stop().await;
}

#[tokio::test]
async fn a_folder_in_use_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = engine(folder.path()).await;
    let second = Child::start(launch(folder.path())).await;
    assert!(matches!(second.err(), Some(ChildError::NotReady(_))));
    assert_eq!(ask(&first, "SELECT 1").await, "1\n");
    first.stop().await;
}
