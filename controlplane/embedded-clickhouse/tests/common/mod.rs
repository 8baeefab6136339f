//! A real engine as a child process, and plain HTTP to it.

// Each test file uses its own part of this.
#![allow(dead_code)]

use std::path::Path;

use peal_embedded_clickhouse::{Child, Launch};
use reqwest::{Client, RequestBuilder};

/// Starts an engine over `path` with everything else as usual.
pub async fn engine(path: &Path) -> Child {
    Child::start(launch(path)).await.expect("the engine starts; `make setup` installs it")
}

/// How [`engine`] is started.
pub fn launch(path: &Path) -> Launch {
    Launch {
        program: env!("CARGO_BIN_EXE_peal-embedded-clickhouse").into(),
        arguments: Vec::new(),
        path: path.into(),
        listen: "127.0.0.1:0".parse().expect("an address"),
        library: None,
        memory_bytes_max: Some(4 << 30),
    }
}

/// A POST with the engine's password; `query` is what stands in the URL.
pub fn post(engine: &Child, query: &[(&str, &str)]) -> RequestBuilder {
    Client::new()
        .post(url(engine, query))
        .header("X-ClickHouse-User", &engine.access().user)
        .header("X-ClickHouse-Key", &engine.access().password)
}

/// URL of `/` with `query`.
pub fn url(engine: &Child, query: &[(&str, &str)]) -> String {
    let mut encoded = form_urlencoded::Serializer::new(String::new());
    encoded.extend_pairs(query);
    format!("{}/?{}", engine.url(), encoded.finish())
}

/// The text that `sql` returns; fails on any other status than 200.
pub async fn ask(engine: &Child, sql: &str) -> String {
    let response = post(engine, &[]).body(sql.to_owned()).send().await.expect("an answer");
    let status = response.status();
    let text = response.text().await.expect("a text");
    assert_eq!(status, 200, "{sql}: {text}");
    text
}
