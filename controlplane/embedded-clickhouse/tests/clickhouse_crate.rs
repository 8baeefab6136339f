//! The official Rust client, with its compression and its checks of names and types, works as with a server.

mod common;

use clickhouse::{Client, Row, error::Error};
use common::engine;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Row)]
struct Pair {
    number: u64,
    text: String,
}

#[tokio::test]
async fn the_official_client_inserts_and_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(folder.path()).await;
    let client = Client::default()
        .with_url(engine.url())
        .with_user(&engine.access().user)
        .with_password(&engine.access().password);
    client.query("CREATE DATABASE d").execute().await.expect("makes a database");
    let client = client.with_database("d");
    let create = "CREATE TABLE pair (number UInt64, text String) ENGINE = MergeTree ORDER BY number \
                  SETTINGS non_replicated_deduplication_window = 100";
    client.query(create).execute().await.expect("makes a table");

    // More than one block of 65,409 rows, so that the result comes in pieces, each with a header to cut off.
    let rows: Vec<Pair> =
        (0..150_000).map(|number| Pair { number, text: format!("line\n\n{number}") }).collect();
    // The same token twice inserts once.
    for _ in 0..2 {
        let client = client.clone().with_setting("insert_deduplication_token", "it's one");
        let mut insert = client.insert::<Pair>("pair").await.expect("an insert");
        for row in &rows {
            insert.write(row).await.expect("takes a row");
        }
        insert.end().await.expect("commits");
    }
    let read =
        client.query("SELECT ?fields FROM pair ORDER BY number").fetch_all::<Pair>().await.expect("rows");
    assert_eq!(read.len(), rows.len());
    assert!(read == rows);

    let bound = client
        .query("SELECT ?fields FROM pair WHERE text = {wanted:String} AND number < ?")
        .param("wanted", "line\n\n77")
        .bind(1000)
        .fetch_one::<Pair>()
        .await
        .expect("one row");
    assert_eq!(bound, rows[77]);

    let error =
        client.query("SELECT nothing FROM pair").fetch_all::<u64>().await.expect_err("no such column");
    assert!(
        matches!(&error, Error::BadResponse(text) if text.starts_with("Code: 47. DB::Exception:")),
        "{error}"
    );

    let late = "SELECT if(number < 400000, number, throwIf(1, 'late')) FROM numbers(500000)";
    let error = client.query(late).fetch_all::<u64>().await.expect_err("fails half-way");
    assert!(matches!(&error, Error::BadResponse(text) if text.contains("late")), "{error}");
    engine.stop().await;
}
