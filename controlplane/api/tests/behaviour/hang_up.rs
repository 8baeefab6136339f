//! An order to end a call goes to the server; a call that is over stays as it is.

use axum::http::StatusCode;
use common::Outcome;
use peal_core::command::Command;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn the_server_is_told_once_and_only_of_calls_that_are_up() {
    let mut world = World::new().await;
    let (campaign, _) = world.campaign(&["+8613800138000"]).await;
    let intents = world.dial(&campaign).await;
    let call = format!("/calls/{}", intents[0].attempt);
    world.told();
    let answer = world.act(&format!("{call}/hang-up")).await.expect(StatusCode::ACCEPTED);
    assert_eq!((&answer["state"], &answer["outcome"]), (&json!("active"), &json!(null)));
    assert_eq!(world.told(), [Command::HangUp(intents[0].attempt)]);

    world.end(&intents, Outcome::Busy).await;
    let answer = world.act(&format!("{call}/hang-up")).await.expect(StatusCode::ACCEPTED);
    assert_eq!((&answer["state"], &answer["outcome"]), (&json!("ended"), &json!("busy")));
    assert_eq!(world.told(), []);
    let unknown = "/calls/019f0000-0000-7000-8000-000000000000/hang-up";
    world.act(unknown).await.problem(StatusCode::NOT_FOUND, "not_found");
}

#[tokio::test]
async fn a_server_that_is_gone_cannot_end_a_call() {
    let mut world = World::new().await;
    let (campaign, _) = world.campaign(&["+8613800138000"]).await;
    let intents = world.dial(&campaign).await;
    world.commands.close();
    let answer = world.act(&format!("/calls/{}/hang-up", intents[0].attempt)).await;
    answer.problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
}
