//! Why a number is, or is not, being dialled.

use axum::http::StatusCode;
use common::Outcome;
use serde_json::{Value, json};

use crate::world::World;

const NUMBER: &str = "+8613800138000";

#[tokio::test]
async fn every_state_has_its_reason() {
    let world = World::new().await;
    let (campaign, _) = world.campaign(&[NUMBER]).await;
    let why = async || world.get(&format!("{campaign}/contacts/{NUMBER}")).await.expect(StatusCode::OK);
    let says = |why: &Value, words: &str| {
        let reasons = why["reasons"].as_array().expect("reasons");
        assert!(
            reasons.iter().any(|reason| reason.as_str().is_some_and(|r| r.contains(words))),
            "{words}: {why}"
        );
    };
    let new = why().await;
    assert_eq!((&new["state"], &new["attempts"], &new["calls"]), (&json!("new"), &json!(0), &json!([])));
    says(&new, "the campaign is draft");
    world.hold_up(&campaign, "line_full");
    says(&why().await, "line_full");

    let intents = world.dial(&campaign).await;
    let up = why().await;
    assert_eq!((&up["state"], up["calls"].as_array().map(Vec::len)), (&json!("in_flight"), Some(1)));
    says(&up, "under way");

    world.end(&intents, Outcome::Busy).await;
    let due = why().await;
    assert_eq!((&due["state"], &due["attempts"]), (&json!("retry_due"), &json!(1)));
    assert_eq!(due["due_at"], "2027-01-15T08:01:00Z");
    says(&due, "its time has not come");
    assert_eq!(due["calls"][0]["outcome"], "busy");
}

#[tokio::test]
async fn the_answered_and_the_given_up() {
    let world = World::new().await;
    let numbers = ["+8613800138000", "+8613800138001"];
    let (campaign, _) = world.campaign(&numbers).await;
    let intents = world.dial(&campaign).await;
    world.end(&intents[..1], Outcome::Answered).await;
    world.end(&intents[1..], Outcome::InvalidNumber).await;
    for (number, state) in numbers.iter().zip(["reached", "exhausted"]) {
        let why = world.get(&format!("{campaign}/contacts/{number}")).await.expect(StatusCode::OK);
        assert_eq!(why["state"], state);
    }
    let progress = world.get(&format!("{campaign}/progress")).await.expect(StatusCode::OK);
    let contacts = json!({ "total": 2, "new": 0, "in_flight": 0, "retry_due": 0, "reached": 1, "exhausted": 1,
        "suppressed": 0 });
    assert_eq!(progress["contacts"], contacts);
    assert_eq!(progress["outcomes"], json!({ "answered": 1, "invalid_number": 1 }));
}

#[tokio::test]
async fn other_numbers_are_refused_without_repeating_them() {
    let world = World::new().await;
    let (campaign, _) = world.campaign(&[NUMBER]).await;
    let unknown = world.get(&format!("{campaign}/contacts/+8613900139000")).await;
    unknown.problem(StatusCode::NOT_FOUND, "not_found");
    assert!(!String::from_utf8_lossy(&unknown.body).contains("13900139000"));
    for wrong in ["13800138000", "sip:a@b", "+86%00138", "+1"] {
        let answer = world.get(&format!("{campaign}/contacts/{wrong}")).await;
        assert_eq!(answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "number", "{wrong}");
    }
    let encoded = world.get(&format!("{campaign}/contacts/%2B8613800138000")).await;
    assert_eq!(encoded.expect(StatusCode::OK)["state"], "new");
}
