//! A fault in a handler costs one request, and the answer tells nothing of it.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn of_one_request_only() {
    let world = World::new().await;
    world.readings.store(0, Ordering::Relaxed);
    let answer = world.post("/lists", &json!({ "name": "l" })).await;
    answer.problem(StatusCode::INTERNAL_SERVER_ERROR, "internal");
    assert!(!String::from_utf8_lossy(&answer.body).contains("clock"), "{answer:?}");
    world.post("/lists", &json!({ "name": "l" })).await.expect(StatusCode::CREATED);
}
