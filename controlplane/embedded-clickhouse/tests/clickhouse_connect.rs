//! Python's clickhouse-connect, a client that we did not write, works as with a server.

mod common;

use std::path::Path;

use common::engine;

#[tokio::test]
async fn pythons_client_inserts_and_reads() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = here.join("../../.deps/python/bin/python");
    assert!(python.exists(), "{} is missing: run `make setup` (or setup/python.sh)", python.display());
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(folder.path()).await;
    let output = tokio::process::Command::new(python)
        .arg(here.join("tests/clickhouse_connect.py"))
        .env("PEAL_TEST_HOST", engine.address().ip().to_string())
        .env("PEAL_TEST_PORT", engine.address().port().to_string())
        .env("PEAL_TEST_USER", &engine.access().user)
        .env("PEAL_TEST_PASSWORD", &engine.access().password)
        .output()
        .await
        .expect("Python runs");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("all is well"), "{said}");
    engine.stop().await;
}
