//! A file that ends half-way: what was read stays, and the answer says so.

use axum::{
    body::{Body, Bytes},
    http::StatusCode,
};
use common::ListId;
use futures_util::{StreamExt, stream};
use peal_core::command::Command;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::world::{World, id};

/// More than one chunk of rows, then half a row, then nothing.
fn broken() -> Body {
    let rows: String = (0..25_000_u64).map(|n| format!("+{}\n", 8_613_800_000_000 + n)).collect();
    let pieces = [
        Ok(Bytes::from("number\n")),
        Ok(rows.into()),
        Ok("+86138".into()),
        Err(std::io::Error::other("reset")),
    ];
    Body::from_stream(stream::iter(pieces))
}

#[tokio::test]
async fn the_rows_before_are_kept() {
    let world = World::new().await;
    let list = world.list("l").await;
    let answer = world.csv(&list, "", broken()).await;
    answer.problem(StatusCode::BAD_REQUEST, "bad_body");
    let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert!(detail.contains("25000 rows were taken before, 25000 of them as new"), "{detail}");
    assert_eq!(world.get(&list).await.expect(StatusCode::OK)["contacts"], 25_000);

    let again = world.csv(&list, "", "+8613800000000\n+8613800025000\n").await.expect(StatusCode::OK);
    assert_eq!((&again["imported"], &again["duplicates"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_sender_that_goes_away_loses_nothing_that_came() {
    let mut world = World::new().await;
    let list = world.list("l").await;
    let (sender, body) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let body = Body::from_stream(ReceiverStream::new(body).boxed());
    let request = World::request("POST", &format!("{list}/contacts")).body(body).expect("a request");
    let router = world.router.clone();
    let handler = tokio::spawn(tower::ServiceExt::oneshot(router, request));
    let rows = |from: u64| {
        (from..from + 25_000).map(|n| format!("+{}\n", 8_613_800_000_000 + n)).collect::<String>()
    };
    sender.send(Ok(rows(0).into())).await.expect("it is being read");
    sender.send(Ok(rows(25_000).into())).await.expect("the first piece was taken");
    // The server drops the handler of a connection that is gone, and its body ends in an error.
    handler.abort();
    assert!(handler.await.expect_err("aborted").is_cancelled());
    sender.send(Err(std::io::Error::other("gone"))).await.expect("it is still being read");
    for _ in 0..3 {
        assert_eq!(world.commands.recv().await, Some(Command::ContactsAdded(ListId(id(&list)))));
    }
    assert_eq!(world.get(&list).await.expect(StatusCode::OK)["contacts"], 50_000);
}

#[tokio::test]
async fn a_list_that_is_deleted_meanwhile_ends_the_import() {
    let mut world = World::new().await;
    let list = world.list("l").await;
    let (sender, body) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let body = Body::from_stream(ReceiverStream::new(body).boxed());
    let request = World::request("POST", &format!("{list}/contacts")).body(body).expect("a request");
    let handler = tokio::spawn(tower::ServiceExt::oneshot(world.router.clone(), request));
    let rows = |from: u64| {
        (from..from + 20_000).map(|n| format!("+{}\n", 8_613_800_000_000 + n)).collect::<String>()
    };
    sender.send(Ok(rows(0).into())).await.expect("it is being read");
    world.commands.recv().await.expect("the first chunk is in the store");
    world.delete(&list).await.expect(StatusCode::NO_CONTENT);
    sender.send(Ok(rows(20_000).into())).await.expect("it is being read");
    drop(sender);
    let response = handler.await.expect("an answer").expect("infallible");
    let answer = crate::world::Answer::of(response).await;
    assert!(!answer.status.is_success(), "{answer:?}");
    let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert!(detail.contains("20000 rows were taken before"), "{detail}");
}
