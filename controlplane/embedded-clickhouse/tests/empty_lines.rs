//! Data with empty lines survive. The library's plain query call cuts inlined data at the first 0A 0A, binary formats
//! included, so a count of rows alone would not do.

mod common;

use common::{ask, engine, post};

const AWKWARD: &str = "a\n\nb\r\n\r\n\0;'\\\n\n";

#[tokio::test]
async fn rows_with_empty_lines_survive_in_every_way_of_inserting() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(folder.path()).await;
    ask(&engine, "CREATE TABLE t (n UInt32, s String) ENGINE = MergeTree ORDER BY n").await;

    // The number 10 is 0A 00 00 00, and 2570 is 0A 0A 00 00.
    let mut binary = Vec::new();
    for number in [10_u32, 2570, 0x0A0A_0A0A] {
        binary.extend_from_slice(&number.to_le_bytes());
        binary.push(u8::try_from(AWKWARD.len()).expect("short"));
        binary.extend_from_slice(AWKWARD.as_bytes());
    }
    let csv = format!("1,\"{AWKWARD}\"\n2,\"{AWKWARD}\"\n");
    let values = r"(3, 'a\n\nb\r\n\r\n\0;\'\\\n\n'), (4, 'x

y')";
    let in_url = [("query", "INSERT INTO t FORMAT RowBinary")];
    insert(post(&engine, &in_url).body(binary.clone())).await;
    insert(post(&engine, &[("query", "INSERT INTO t (n, s) FORMAT CSV")]).body(csv.clone())).await;
    insert(post(&engine, &[]).body(format!("INSERT INTO t VALUES {values}"))).await;
    let in_body =
        [b"INSERT INTO t SETTINGS async_insert = 1 FORMAT RowBinary\n".as_slice(), &binary].concat();
    insert(post(&engine, &[]).body(in_body)).await;

    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02X}")).collect::<String>();
    let row = |number: u32| format!("{number}\t{}\n", hex(AWKWARD));
    let expected = [1, 2, 3]
        .map(row)
        .into_iter()
        .chain([format!("4\t{}\n", hex("x\n\ny"))])
        .chain([10, 10, 2570, 2570, 0x0A0A_0A0A, 0x0A0A_0A0A].map(row))
        .collect::<String>();
    assert_eq!(ask(&engine, "SELECT n, hex(s) FROM t ORDER BY n").await, expected);
    engine.stop().await;
}

async fn insert(request: reqwest::RequestBuilder) {
    let response = request.send().await.expect("an answer");
    let status = response.status();
    assert_eq!(status, 200, "{}", response.text().await.expect("a text"));
}
