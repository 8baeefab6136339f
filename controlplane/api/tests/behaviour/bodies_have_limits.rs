//! JSON up to 1 MiB, prompts up to 50 MiB, lists without an end: each limit where it belongs, and said aloud.

use axum::{
    body::{Body, Bytes},
    http::{StatusCode, header::CONTENT_TYPE},
};
use futures_util::stream;

use crate::world::World;

const MIB: usize = 1 << 20;

#[tokio::test]
async fn json_may_have_a_mebibyte() {
    let world = World::new().await;
    let padded = |length: usize| {
        let body = r#"{"name":"l"}"#;
        format!("{body}{}", " ".repeat(length - body.len()))
    };
    world.json("POST", "/lists", padded(MIB)).await.expect(StatusCode::CREATED);
    for path in ["/lists", "/lines", "/line-groups", "/scripts", "/campaigns", "/analytics/query"] {
        let answer = world.json("POST", path, padded(MIB + 1)).await;
        answer.problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large");
    }
    for path in ["/lines/1", "/line-groups/1", "/campaigns/1"] {
        world.json("PUT", path, padded(MIB + 1)).await.problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large");
    }
    let keyed = World::request("POST", "/lists").header(CONTENT_TYPE, "application/json");
    let keyed = keyed.header("Idempotency-Key", "k").body(Body::from(padded(MIB + 1)));
    world.send(keyed.expect("a request")).await.problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large");
}

#[tokio::test]
async fn a_prompt_may_have_fifty() {
    let world = World::new().await;
    let piece = Bytes::from(vec![0; MIB]);
    let prompt = |pieces: usize| {
        let pieces = std::iter::repeat_n(piece.clone(), pieces).map(Ok::<_, std::io::Error>);
        let request = World::request("POST", "/prompts?name=p").header(CONTENT_TYPE, "audio/wav");
        request.body(Body::from_stream(stream::iter(pieces))).expect("a request")
    };
    // The right size and no audio: judged, and not cut off before.
    world.send(prompt(50)).await.problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
    world.send(prompt(51)).await.problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large");
    let mut keyed = prompt(51);
    keyed.headers_mut().insert("Idempotency-Key", "k".parse().expect("text"));
    world.send(keyed).await.problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large");
}

#[tokio::test]
async fn a_list_has_no_limit() {
    let world = World::new().await;
    let list = world.list("l").await;
    // More than any other body may have. A key is no reason to gather a stream.
    let row = format!("+8613800138000,{}\n", "x".repeat(4_000));
    let rows = Bytes::from(row.repeat(250));
    let pieces = std::iter::once(Bytes::from("number,note\n")).chain(std::iter::repeat_n(rows, 60));
    let body = Body::from_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)));
    let request = World::request("POST", &format!("{list}/contacts")).header("Idempotency-Key", "k");
    let report = world.send(request.body(body).expect("a request")).await.expect(StatusCode::OK);
    assert_eq!(report["imported"], 1);
    assert_eq!(report["duplicates"].as_u64(), Some(60 * 250 - 1));
}
