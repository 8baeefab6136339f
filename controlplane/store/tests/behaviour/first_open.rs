//! A file is made, opened again, and refused when it is not ours.

use std::os::unix::fs::PermissionsExt;

use peal_store::{Store, StoreError, StoreOptions};

use crate::world::{NOW, TENANT, World};

#[tokio::test]
async fn opening_twice_changes_nothing() {
    let world = World::new().await;
    world.list("l", [1, 2, 3]).await;
    world.store.clone().close().await;
    let again = world.reopened().await;
    assert_eq!(again.lists(TENANT, None, 10).await.expect("lists").items[0].contacts, 3);
    assert_eq!(again.tenant(TENANT).await.expect("comes with the schema").name, "default");
}

#[tokio::test]
async fn the_file_is_its_owners_alone() {
    let world = World::new().await;
    for entry in std::fs::read_dir(world.folder.path()).expect("folder") {
        let entry = entry.expect("entry");
        let mode = entry.metadata().expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_its_version() {
    let world = World::new().await;
    world.store.clone().close().await;
    execute(
        &world.options(),
        "INSERT INTO _sqlx_migrations VALUES (9999, 'later', CURRENT_TIMESTAMP, 1, x'00', 0)",
    )
    .await;
    let error = Store::open(&world.options()).await.expect_err("from the future");
    assert!(matches!(error, StoreError::NewerSchema { found: 9999, known: 4 }), "{error}");
}

#[tokio::test]
async fn an_altered_schema_is_refused() {
    let world = World::new().await;
    world.store.clone().close().await;
    execute(&world.options(), "UPDATE _sqlx_migrations SET checksum = x'00'").await;
    let error = Store::open(&world.options()).await.expect_err("not what we wrote");
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
}

#[tokio::test]
async fn a_file_of_somebody_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("folder");
    let options = StoreOptions::new(folder.path().join("other.db"));
    std::fs::write(&options.path, "no database, but long enough to be looked at ".repeat(100)).expect("file");
    let before = std::fs::read(&options.path).expect("file");
    let error = Store::open(&options).await.expect_err("text");
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
    assert_eq!(std::fs::read(&options.path).expect("file"), before);

    let options = StoreOptions::new(folder.path().join("diary.db"));
    std::fs::write(&options.path, "").expect("file");
    execute(&options, "CREATE TABLE diary (page TEXT)").await;
    let error = Store::open(&options).await.expect_err("a diary");
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
}

#[tokio::test]
async fn a_folder_that_is_missing_is_an_io_error() {
    let folder = tempfile::tempdir().expect("folder");
    let options = StoreOptions::new(folder.path().join("missing").join("peal.db"));
    assert!(matches!(Store::open(&options).await, Err(StoreError::Io(_))));
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let world = World::new().await;
    world.store.clone().close().await;
    let error = world.store.create_list(TENANT, "l", NOW).await.expect_err("closed");
    assert!(matches!(error, StoreError::Closed), "{error}");
}

async fn execute(options: &StoreOptions, sql: &'static str) {
    use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
    let mut connection =
        SqliteConnectOptions::new().filename(&options.path).connect().await.expect("connection");
    sqlx::query(sql).execute(&mut connection).await.expect("statement");
    connection.close().await.expect("close");
}
