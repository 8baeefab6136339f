//! Collections in pages: every item once, whatever the size of the page.

use axum::http::StatusCode;
use serde_json::Value;

use crate::world::{World, line};

async fn walk(world: &World, path: &str, limit: u32, key: &str) -> Vec<Value> {
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("{path}?limit={limit}{after}")).await.expect(StatusCode::OK);
        let items = page["items"].as_array().expect("items");
        assert!(items.len() <= limit as usize);
        seen.extend(items.iter().map(|item| item[key].clone()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return seen,
        }
    }
}

#[tokio::test]
async fn of_lines_by_id() {
    let world = World::new().await;
    for n in 0..7 {
        world.post("/lines", &line(&format!("line {n}"))).await.expect(StatusCode::CREATED);
    }
    for limit in [1, 3, 7, 8, 1_000] {
        let ids = walk(&world, "/lines", limit, "id").await;
        assert_eq!(ids, (1..=7).map(Value::from).collect::<Vec<_>>(), "pages of {limit}");
    }
    let first = world.get("/lines?limit=3").await.expect(StatusCode::OK);
    world.delete("/lines/3").await.expect(StatusCode::NO_CONTENT);
    let next = format!("/lines?after={}", first["next"].as_str().expect("another page"));
    assert_eq!(world.get(&next).await.expect(StatusCode::OK)["items"][0]["id"], 4, "rows may go meanwhile");
}

#[tokio::test]
async fn of_calls_newest_first() {
    let world = World::new().await;
    let numbers: Vec<_> = (0..5).map(|n| format!("+861380013800{n}")).collect();
    let (campaign, _) = world.campaign(&numbers.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let intents = world.dial(&campaign).await;
    let newest: Vec<_> = intents.iter().rev().map(|intent| Value::from(intent.attempt.to_string())).collect();
    for limit in [1, 2, 5, 6] {
        assert_eq!(walk(&world, "/calls", limit, "attempt").await, newest, "pages of {limit}");
    }
    world.end(&intents[..2], common::Outcome::Busy).await;
    let count = async |query: &str| {
        let page = world.get(&format!("/calls?{query}")).await.expect(StatusCode::OK);
        page["items"].as_array().expect("items").len()
    };
    for (query, calls) in [
        ("state=active", 3),
        ("state=ended", 2),
        ("outcome=busy", 2),
        ("outcome=answered", 0),
        ("campaign=1", 5),
        ("campaign=2", 0),
        ("since=2027-01-15T08:00:00Z", 5),
        ("until=2027-01-15T08:00:00Z", 0),
        ("since=2027-01-15T16:00:00%2B08:00&state=ended", 2),
    ] {
        assert_eq!(count(query).await, calls, "{query}");
    }
}
