//! A CSV file becomes contacts: good rows are kept, the others reported by line.

use axum::{
    body::{Body, Bytes},
    http::StatusCode,
};
use common::ListId;
use futures_util::stream;
use peal_core::command::Command;
use serde_json::json;

use crate::world::{World, id};

#[tokio::test]
async fn a_file_as_spreadsheets_write_it() {
    let mut world = World::new().await;
    let list = world.list("l").await;
    let file = "\u{feff}name;phone;note\r\n\
                Ann;+8613800138000;\"two\r\nlines; one cell\"\r\n\
                Bob;13800138001;\r\n\
                Cid;not a number;\r\n\
                Dot;+86 138-0013-8000;\r\n\
                Eve;+8613800138002\r\n\
                ;;\r\n\
                Fay;+8613800138003;=cmd|' /C calc'!A0\r\n";
    let report = world.csv(&list, "?default_region=CN", file).await.expect(StatusCode::OK);
    let counts = ["rows", "imported", "duplicates", "rejected"].map(|count| report[count].as_u64());
    assert_eq!(counts, [6, 3, 1, 2].map(Some), "{report}");
    let lines: Vec<_> = report["problems"].as_array().expect("problems").iter().map(|p| &p["line"]).collect();
    assert_eq!(lines, [5, 6, 7]);
    assert_eq!(report["problems"][1]["reason"], json!({ "kind": "duplicate", "first_line": 2 }));

    let problems = world.get(&format!("{list}/problems?limit=2")).await.expect(StatusCode::OK);
    assert_eq!(problems["items"][0]["kind"], "number");
    let rest = format!("{list}/problems?limit=2&after={}", problems["next"].as_str().expect("another page"));
    let rest = world.get(&rest).await.expect(StatusCode::OK);
    assert_eq!((&rest["items"][0]["kind"], &rest["next"]), (&json!("columns"), &json!(null)));
    let shown = world.get(&list).await.expect(StatusCode::OK);
    let counts = ["contacts", "duplicate_rows", "rejected_rows"].map(|count| shown[count].as_u64());
    assert_eq!(counts, [3, 1, 2].map(Some));
    let kept = world.store.list_contacts(ListId(id(&list)), None, 10).await.expect("contacts").items;
    assert!(kept[0].fields.contains("two\\nlines; one cell"), "{}", kept[0].fields);
    assert_eq!(world.told(), [Command::ContactsAdded(ListId(id(&list)))]);

    let again = world.csv(&list, "?default_region=CN", file).await.expect(StatusCode::OK);
    assert_eq!((&again["imported"], &again["duplicates"]), (&json!(0), &json!(4)));
}

#[tokio::test]
async fn files_without_rows() {
    let world = World::new().await;
    let list = world.list("l").await;
    world.csv(&list, "", "number\n").await.expect(StatusCode::OK);
    for file in [&b""[..], b"\xff\xfen\0u\0m\0", &[b','; 300]] {
        let field = world.csv(&list, "", file).await.problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
        assert_eq!(field, "body");
    }
    // Binary garbage is rows that cannot be used, and no fault of ours.
    let garbage: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let answer = world.csv(&list, "", garbage).await;
    assert!(!answer.status.is_server_error(), "{answer:?}");
    assert_eq!(world.get(&list).await.expect(StatusCode::OK)["contacts"], 0);
}

#[tokio::test]
async fn a_hundred_thousand_rows_come_as_a_stream() {
    let world = World::new().await;
    let list = world.list("l").await;
    // Cut anywhere, in rows too, as a network does.
    let rows = (0..100_000_u64).map(|n| match n % 1_000 {
        998 => "bad row\n".to_owned(),
        999 => "+8613800000000\n".to_owned(),
        _ => format!("+{}\n", 8_613_800_000_000 + n),
    });
    let bytes: Vec<u8> =
        std::iter::once("number\n".to_owned()).chain(rows).flat_map(String::into_bytes).collect();
    let pieces: Vec<_> =
        bytes.chunks(1_009).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
    let report = world.csv(&list, "", Body::from_stream(stream::iter(pieces))).await.expect(StatusCode::OK);
    let counts = ["rows", "imported", "duplicates", "rejected"].map(|count| report[count].as_u64());
    assert_eq!(counts, [100_000, 99_800, 100, 100].map(Some));
    assert_eq!(report["problems"].as_array().map(Vec::len), Some(200));
    assert_eq!(world.get(&list).await.expect(StatusCode::OK)["contacts"], 99_800);
}
