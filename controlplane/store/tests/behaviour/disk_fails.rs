//! A file system that refuses writes: a typed error, nothing half done.
//!
//! The child may not make files longer than some KiB (`ulimit -f`), and ignores the signal that comes with it, so that the
//! write fails as it does on a failing disk.

use std::process::Command;

use peal_store::{Store, StoreError, StoreOptions};

use crate::world::{NOW, TENANT, World, row};

/// Set in the child: the file to work on.
const FILE: &str = "PEAL_STORE_LIMITED_FILE";

#[tokio::test]
async fn the_error_is_typed_and_the_rest_is_whole() {
    if let Some(path) = std::env::var_os(FILE) {
        return import_until_refused(&StoreOptions::new(path)).await;
    }
    let world = World::new().await;
    let list = world.list("l", []).await;
    world.store.clone().close().await;
    let output = Command::new("bash")
        .arg("-c")
        .arg("trap '' XFSZ; ulimit -f 1024; exec \"$0\" \"$@\"")
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", "disk_fails::the_error_is_typed_and_the_rest_is_whole", "--nocapture"])
        .env(FILE, world.options().path)
        .output()
        .expect("bash");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));

    let store = world.reopened().await;
    let contacts = store.list(TENANT, list).await.expect("list").contacts;
    assert!(text.contains(&format!("kept {contacts}\n")), "{contacts} contacts, but the child said {text}");
    assert_eq!(store.list_contacts(list, None, 1_000).await.expect("contacts").items.len(), 1_000);
}

async fn import_until_refused(options: &StoreOptions) {
    let store = Store::open(options).await.expect("the parent's store");
    let list = store.lists(TENANT, None, 1).await.expect("lists").items.remove(0).id;
    let mut import = store.import(list, NOW).await.expect("import");
    let mut next = 0;
    let error = loop {
        let rows: Vec<_> = (next..next + 1_000).map(|n| row(n + 2, n)).collect();
        match import.push(&rows).await {
            Ok(_) => next += 1_000,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Io(_) | StoreError::Full), "{error}");
    let contacts = store.list(TENANT, list).await.expect("readers go on").contacts;
    assert_eq!(contacts, next);
    println!("\nkept {contacts}");
}
