//! Start, pause, resume, cancel: what is allowed, what is not, and who is told.

use axum::http::StatusCode;
use common::CampaignId;
use peal_core::command::Command;

use crate::world::{World, id};

#[tokio::test]
async fn moves_follow_the_states() {
    let mut world = World::new().await;
    let (campaign, _) = world.campaign(&["+8613800138000"]).await;
    world.told();
    let to = async |action: &str| world.act(&format!("{campaign}/{action}")).await;
    for wrong in ["pause", "resume"] {
        to(wrong).await.problem(StatusCode::CONFLICT, "conflict");
    }
    for (action, state) in [
        ("start", "pending"),
        ("start", "pending"),
        ("pause", "paused"),
        ("pause", "paused"),
        ("resume", "pending"),
        ("cancel", "cancelled"),
        ("cancel", "cancelled"),
    ] {
        assert_eq!(to(action).await.expect(StatusCode::OK)["state"], state, "{action}");
    }
    for wrong in ["start", "pause", "resume"] {
        to(wrong).await.problem(StatusCode::CONFLICT, "conflict");
    }
    assert_eq!(world.get(&campaign).await.expect(StatusCode::OK)["state"], "cancelled");
    assert_eq!(world.told(), [Command::CampaignChanged(CampaignId(id(&campaign))); 7]);
    world.act("/campaigns/77/start").await.problem(StatusCode::NOT_FOUND, "not_found");
    world.act(&format!("{campaign}/explode")).await.problem(StatusCode::NOT_FOUND, "not_found");
}

#[tokio::test]
async fn a_campaign_that_was_started_keeps_its_lists() {
    let world = World::new().await;
    let (campaign, _) = world.campaign(&["+8613800138000"]).await;
    let mut spec = world.get(&campaign).await.expect(StatusCode::OK);
    for own in ["id", "tenant", "state", "created_at"] {
        spec.as_object_mut().expect("an object").remove(own);
    }
    let other = id(&world.list("other").await);
    world.act(&format!("{campaign}/start")).await.expect(StatusCode::OK);
    spec["lists"].as_array_mut().expect("lists").push(other.into());
    spec["weight"] = 7.into();
    assert_eq!(world.put(&campaign, &spec).await.expect(StatusCode::OK)["weight"], 7);
    spec["lists"] = vec![other].into();
    world.put(&campaign, &spec).await.problem(StatusCode::CONFLICT, "conflict");
    world.delete(&campaign).await.problem(StatusCode::CONFLICT, "conflict");
    world.act(&format!("{campaign}/cancel")).await.expect(StatusCode::OK);
    world.put(&campaign, &spec).await.problem(StatusCode::CONFLICT, "conflict");
    world.delete(&campaign).await.expect(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_server_that_is_gone_does_not_stop_them() {
    let mut world = World::new().await;
    let (campaign, _) = world.campaign(&["+8613800138000"]).await;
    world.commands.close();
    let started = world.act(&format!("{campaign}/start")).await.expect(StatusCode::OK);
    assert_eq!(started["state"], "pending", "the store has it; the server's next start finds it");
}
