//! What a server would refuse is refused, in its manner; what it would answer is answered, byte for byte.

mod common;

use common::{ask, engine, post, url};
use peal_embedded_clickhouse::Child;

#[tokio::test]
async fn requests_get_what_a_server_gives() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(folder.path()).await;
    wrong_sql_gets_the_exception(&engine).await;
    nobody_enters_without_the_password(&engine).await;
    a_get_changes_nothing(&engine).await;
    settings_last_for_one_query(&engine).await;
    every_format_is_one_document(&engine).await;
    a_body_that_breaks_off_inserts_nothing(&engine).await;
    a_query_ends_with_its_client(&engine).await;
    engine.stop().await;
}

async fn wrong_sql_gets_the_exception(engine: &Child) {
    for (sql, status, code) in [
        ("SELEC 1", 400, "62"),
        ("SELECT * FROM nowhere", 404, "60"),
        ("SELECT 1; SELECT 2", 400, "62"),
        ("SELECT 1 INTO OUTFILE '/tmp/never'", 501, "48"),
        ("", 400, "62"),
    ] {
        let response = post(engine, &[]).body(sql).send().await.expect("an answer");
        assert_eq!(response.status(), status, "{sql}");
        assert_eq!(response.headers()["x-clickhouse-exception-code"], code, "{sql}");
        let text = response.text().await.expect("a text");
        assert!(text.starts_with(&format!("Code: {code}. DB::Exception: ")), "{sql}: {text}");
    }
    let unknown = post(engine, &[("no_such_setting", "1")]).body("SELECT 1").send().await.expect("an answer");
    assert_eq!(unknown.status(), 404);
}

async fn nobody_enters_without_the_password(engine: &Child) {
    for (user, password) in
        [("default", ""), (engine.access().user.as_str(), "wrong"), ("", &engine.access().password)]
    {
        let query = [("user", user), ("password", password), ("query", "SELECT 1")];
        let response = reqwest::get(url(engine, &query)).await.expect("an answer");
        assert_eq!(response.status(), 403, "{user}");
    }
    let ping = reqwest::get(format!("{}/ping", engine.url())).await.expect("an answer");
    assert_eq!(ping.text().await.expect("a text"), "Ok.\n");
}

async fn a_get_changes_nothing(engine: &Child) {
    let (user, password) = (engine.access().user.as_str(), engine.access().password.as_str());
    let get = async |sql: &str| {
        let query = [("user", user), ("password", password), ("query", sql)];
        reqwest::get(url(engine, &query)).await.expect("an answer")
    };
    assert_eq!(get("SELECT 40 + 2").await.text().await.expect("a text"), "42\n");
    let refused = get("CREATE TABLE never (n UInt8) ENGINE = Memory").await;
    assert_eq!(refused.headers()["x-clickhouse-exception-code"], "164");
}

async fn settings_last_for_one_query(engine: &Child) {
    let asked = "SELECT getSetting('max_threads')";
    let set = post(engine, &[("max_threads", "3")]).body(asked).send().await.expect("an answer");
    assert_eq!(set.text().await.expect("a text"), "3\n");
    assert_ne!(ask(engine, asked).await, "3\n");
    let limited = post(engine, &[("max_result_rows", "5")]).body("SELECT number FROM numbers(10)");
    assert_eq!(limited.send().await.expect("an answer").headers()["x-clickhouse-exception-code"], "396");
}

/// A streamed result comes from the engine in pieces that are documents of their own.
async fn every_format_is_one_document(engine: &Child) {
    let formats = [
        "TSV",
        "TSVWithNames",
        "TSVWithNamesAndTypes",
        "CSV",
        "CSVWithNames",
        "CSVWithNamesAndTypes",
        "JSON",
        "JSONCompact",
        "JSONEachRow",
        "JSONCompactEachRowWithNamesAndTypes",
        "RowBinary",
        "RowBinaryWithNames",
        "RowBinaryWithNamesAndTypes",
        "Native",
        "Values",
        "PrettyCompact",
        "Markdown",
        "XML",
        "Parquet",
    ];
    let sql =
        "SELECT number AS `a\nb\"c`, toString(number) AS s FROM numbers(200000) SETTINGS max_threads = 1";
    let get = async |query: &[(&str, &str)]| {
        let response = post(engine, query).body(sql).send().await.expect("an answer");
        assert_eq!(response.status(), 200, "{query:?}");
        response.bytes().await.expect("a body")
    };
    for format in formats {
        let streamed = get(&[("default_format", format)]).await;
        let whole = get(&[("default_format", format), ("wait_end_of_query", "1")]).await;
        assert!(
            without_times(&streamed) == without_times(&whole),
            "{format}: {} {}",
            streamed.len(),
            whole.len()
        );
    }
}

/// The statistics at the end of JSON and XML hold the time that the query took.
fn without_times(bytes: &[u8]) -> String {
    let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    text.lines().filter(|line| !line.contains("elapsed")).collect()
}

async fn a_body_that_breaks_off_inserts_nothing(engine: &Child) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    ask(engine, "CREATE TABLE broken (n UInt32) ENGINE = MergeTree ORDER BY n").await;
    let mut connection = tokio::net::TcpStream::connect(engine.address()).await.expect("connects");
    let head = format!(
        "POST /?query=INSERT+INTO+broken+FORMAT+CSV&user={}&password={} HTTP/1.1\r\nHost: x\r\n\
         Transfer-Encoding: chunked\r\n\r\n4\r\n1\n2\n\r\n",
        engine.access().user,
        engine.access().password
    );
    connection.write_all(head.as_bytes()).await.expect("sends");
    connection.shutdown().await.expect("ends early");
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).await.expect("the other side ends too");
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
    assert_eq!(ask(engine, "SELECT count() FROM broken").await, "0\n");
}

async fn a_query_ends_with_its_client(engine: &Child) {
    let running = "SELECT count() FROM system.processes WHERE query LIKE '%hundred_years%' AND query NOT LIKE '%processes%'";
    let endless = "SELECT sum(sleepEachRow(1)) AS hundred_years FROM numbers(3000000000) SETTINGS max_block_size = 1, \
                   function_sleep_max_microseconds_per_block = 0";
    let client = tokio::spawn(post(engine, &[]).body(endless).send());
    while ask(engine, running).await == "0\n" {
        assert!(!client.is_finished(), "the endless query ended");
    }
    client.abort();
    while ask(engine, running).await != "0\n" {}
}
