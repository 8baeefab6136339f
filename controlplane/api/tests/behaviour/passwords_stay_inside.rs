//! A line's password goes in and never comes out; what is shown instead can be sent back.

use axum::http::StatusCode;
use peal_core::model::LineAuth;
use serde_json::json;

use crate::world::{TENANT, World, line};

#[tokio::test]
async fn and_survive_a_round_trip() {
    let world = World::new().await;
    let mut spec = line("a");
    spec["auth"] = json!({ "by": "digest", "username": "u", "password": "hunter2" });
    let made = world.post("/lines", &spec).await;
    let path = format!("/lines/{}", made.json()["id"]);
    let kept = async || match world.store.line(TENANT, common::LineId(1)).await.expect("line").spec.auth {
        LineAuth::Digest { password, .. } => password,
        LineAuth::Ip {} => panic!("the credentials are gone"),
    };
    assert_eq!(kept().await, "hunter2");

    let mut shown = world.get(&path).await.expect(StatusCode::OK);
    for own in ["id", "tenant"] {
        shown.as_object_mut().expect("an object").remove(own);
    }
    shown["max_calls"] = 11.into();
    let replaced = world.put(&path, &shown).await;
    assert_eq!(replaced.status, StatusCode::OK);
    assert_eq!(kept().await, "hunter2", "what was shown, sent back, leaves it as it is");
    let page = world.get("/lines").await;
    for answer in [&made, &replaced, &page] {
        assert!(!String::from_utf8_lossy(&answer.body).contains("hunter2"), "{answer:?}");
    }

    shown["auth"]["password"] = "correct horse".into();
    world.put(&path, &shown).await.expect(StatusCode::OK);
    assert_eq!(kept().await, "correct horse");
}

#[tokio::test]
async fn the_stand_in_is_no_password() {
    let world = World::new().await;
    let mut spec = line("a");
    spec["auth"] = json!({ "by": "digest", "username": "u", "password": "********" });
    let answer = world.post("/lines", &spec).await;
    assert_eq!(answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "auth.password");
    let path = world.made("/lines", world.post("/lines", &line("b")).await);
    let answer = world.put(&path, &spec).await;
    assert_eq!(answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "auth.password");
}
