//! A question while nobody answers for ClickHouse, and questions that are none.

use axum::{
    body::Body,
    http::{StatusCode, header::CONTENT_TYPE},
};

use crate::world::World;

async fn ask(world: &World, body: impl Into<Body>) -> crate::world::Answer {
    let request = World::request("POST", "/analytics/query?format=CSV").header(CONTENT_TYPE, "text/plain");
    world.send(request.body(body.into()).expect("a request")).await
}

#[tokio::test]
async fn it_is_said_and_the_rest_goes_on() {
    let world = World::new().await;
    ask(&world, "SELECT 1").await.problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    world.get("/lines").await.expect(StatusCode::OK);
    ask(&world, vec![0xff]).await.problem(StatusCode::BAD_REQUEST, "bad_body");
}
