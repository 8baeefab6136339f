//! A POST with a key is done once.

use axum::{
    body::Body,
    http::{StatusCode, header::CONTENT_TYPE},
};
use serde_json::{Value, json};

use crate::world::{Answer, World};

async fn keyed(world: &World, key: &str, path: &str, body: &Value) -> Answer {
    let request =
        World::request("POST", path).header(CONTENT_TYPE, "application/json").header("Idempotency-Key", key);
    world.send(request.body(Body::from(body.to_string())).expect("a request")).await
}

#[tokio::test]
async fn a_repetition_gets_the_same_answer() {
    let world = World::new().await;
    let first = keyed(&world, "k", "/lists", &json!({ "name": "l" })).await;
    let second = keyed(&world, "k", "/lists", &json!({ "name": "l" })).await;
    assert_eq!((first.replayed, second.replayed), (false, true));
    assert_eq!((first.status, &first.kind, &first.body), (second.status, &second.kind, &second.body));
    assert_eq!(first.status, StatusCode::CREATED);
    let lists = world.get("/lists").await.expect(StatusCode::OK);
    assert_eq!(lists["items"].as_array().map(Vec::len), Some(1));

    let refused = keyed(&world, "r", "/lists", &json!({ "name": "" })).await;
    let again = keyed(&world, "r", "/lists", &json!({ "name": "" })).await;
    refused.problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
    again.problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
    assert!(again.replayed);
}

#[tokio::test]
async fn a_key_stands_for_one_request() {
    let world = World::new().await;
    keyed(&world, "k", "/lists", &json!({ "name": "l" })).await.expect(StatusCode::CREATED);
    for (path, name) in [("/lists", "m"), ("/scripts", "l")] {
        let other = keyed(&world, "k", path, &json!({ "name": name })).await;
        other.problem(StatusCode::CONFLICT, "key_reused");
    }
    for wrong in ["", &"k".repeat(201)] {
        let answer = keyed(&world, wrong, "/lists", &json!({ "name": "m" })).await;
        assert_eq!(answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "Idempotency-Key");
    }
    let gets = World::request("GET", "/lists").header("Idempotency-Key", "k").body(Body::empty());
    assert!(!world.send(gets.expect("a request")).await.replayed, "only POSTs have keys");
}

#[tokio::test]
async fn a_fault_of_ours_leaves_the_key_free() {
    let world = World::new().await;
    // The clock is read for the key, and breaks in the handler.
    world.readings.store(1, std::sync::atomic::Ordering::Relaxed);
    let failed = keyed(&world, "k", "/lists", &json!({ "name": "l" })).await;
    failed.problem(StatusCode::INTERNAL_SERVER_ERROR, "internal");
    let made = keyed(&world, "k", "/lists", &json!({ "name": "l" })).await;
    assert!(!made.replayed);
    made.expect(StatusCode::CREATED);
}
