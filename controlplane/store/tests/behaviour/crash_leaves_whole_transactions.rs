//! `kill -9` in the middle of work: what was said to be done is there, nothing is half there.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
};

use peal_store::{Store, StoreOptions};
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};

use crate::world::{NOW, TENANT, World, row};

/// Set in the child: the file to work on.
const FILE: &str = "PEAL_STORE_CRASH_FILE";

#[tokio::test]
async fn every_chunk_that_was_acknowledged_survives() {
    if let Some(path) = std::env::var_os(FILE) {
        import_until_killed(path.into()).await;
    }
    let world = World::new().await;
    let list = world.list("l", []).await;
    world.store.clone().close().await;
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "crash_leaves_whole_transactions::every_chunk_that_was_acknowledged_survives"])
            .args(["--nocapture", "--test-threads=1"])
            .env(FILE, &world.options().path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut lines = stdout.lines().map_while(Result::ok).filter_map(|line| {
            // The harness prints the name of the test in front of the first.
            line.rsplit("acknowledged ").next().and_then(|count| count.parse::<u64>().ok())
        });
        let acknowledged = lines.nth(3 + round).expect("the child imports");
        child.kill().expect("SIGKILL");
        child.wait().expect("its end");

        let store = world.reopened().await;
        let contacts = store.list(TENANT, list).await.expect("list").contacts;
        assert!(contacts >= acknowledged, "{contacts} of {acknowledged}");
        let mut raw =
            SqliteConnectOptions::new().filename(world.options().path).connect().await.expect("raw");
        let counted: i64 =
            sqlx::query_scalar("SELECT count(*) FROM contact").fetch_one(&mut raw).await.expect("count");
        assert_eq!(counted as u64, contacts, "the counter and the contacts are of one transaction");
        assert_eq!(contacts % 700, 0, "whole chunks");
        let check: String =
            sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut raw).await.expect("check");
        assert_eq!(check, "ok");
        store.close().await;
    }
}

async fn import_until_killed(path: PathBuf) -> ! {
    let store = Store::open(&StoreOptions::new(path)).await.expect("the parent's store");
    let list = store.lists(TENANT, None, 1).await.expect("lists").items.remove(0);
    let mut import = store.import(list.id, NOW).await.expect("import");
    let mut next = list.contacts;
    loop {
        let rows: Vec<_> = (next..next + 700).map(|n| row(n + 2, n)).collect();
        import.push(&rows).await.expect("rows");
        next += 700;
        println!("\nacknowledged {next}");
    }
}
