//! Numbers that are not called: added in bulk, shown masked, lifted.

use axum::http::StatusCode;
use serde_json::json;

use crate::world::World;

const NUMBER: &str = "+8613800138000";

#[tokio::test]
async fn they_are_added_in_bulk_and_shown_masked() {
    let world = World::new().await;
    let (campaign, _) = world.campaign(&[NUMBER, "+8613800138001"]).await;
    let asked = json!({ "numbers": ["138 0013 8000", "x", NUMBER, "+442079460000"], "default_region": "CN",
        "reason": "complaint", "words": "a letter" });
    let report = world.post("/suppressions", &asked).await.expect(StatusCode::OK);
    assert_eq!((&report["added"], &report["known"]), (&json!(2), &json!(1)));
    assert_eq!(
        (&report["rejected"][0]["index"], report["rejected"].as_array().map(Vec::len)),
        (&json!(1), Some(1))
    );
    let page = world.get("/suppressions").await.expect(StatusCode::OK);
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2));
    assert!(!page.to_string().contains("13800138000"), "{page}");
    assert_eq!(
        (&page["items"][0]["reason"], &page["items"][0]["words"]),
        (&json!("complaint"), &json!("a letter"))
    );
    let one = world.get(&format!("/suppressions/{NUMBER}?reveal=true")).await.expect(StatusCode::OK);
    assert_eq!(one["number"], NUMBER);

    assert_eq!(world.dial(&campaign).await.len(), 1);
    let why = world.get(&format!("{campaign}/contacts/{NUMBER}")).await.expect(StatusCode::OK);
    assert_eq!(why["state"], "suppressed");
    assert!(why["reasons"].to_string().contains("complaint"), "{why}");
    let progress = world.get(&format!("{campaign}/progress")).await.expect(StatusCode::OK);
    assert_eq!(progress["contacts"]["suppressed"], 1);

    world.delete(&format!("/suppressions/{NUMBER}")).await.expect(StatusCode::NO_CONTENT);
    world.get(&format!("/suppressions/{NUMBER}")).await.problem(StatusCode::NOT_FOUND, "not_found");
    let id = page["items"][1]["id"].as_i64().expect("an id");
    world.delete(&format!("/suppressions/{id}")).await.expect(StatusCode::NO_CONTENT);
    world.delete(&format!("/suppressions/{id}")).await.problem(StatusCode::NOT_FOUND, "not_found");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let world = World::new().await;
    let many = vec![NUMBER; 10_001];
    for (asked, field) in [
        (json!({ "numbers": [] }), "numbers"),
        (json!({ "numbers": many }), "numbers"),
        (json!({ "numbers": [NUMBER], "default_region": "XX" }), "default_region"),
        (json!({ "numbers": [NUMBER], "reason": "bored" }), "reason"),
        (json!({ "numbers": [NUMBER], "words": "x".repeat(1_001) }), "words"),
    ] {
        let answer = world.post("/suppressions", &asked).await;
        assert_eq!(answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid"), field);
    }
    assert_eq!(world.get("/suppressions").await.expect(StatusCode::OK)["items"], json!([]));
}
