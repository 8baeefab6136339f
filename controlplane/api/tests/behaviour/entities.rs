//! Lines, groups, scripts, lists and campaigns: made, read, replaced, removed, and what stands in the way.

use axum::http::StatusCode;
use common::{CampaignId, LineGroupId, LineId};
use peal_core::command::Command;
use serde_json::json;

use crate::world::{World, id, line};

#[tokio::test]
async fn lines() {
    let mut world = World::new().await;
    let made = world.post("/lines", &line("a")).await.expect(StatusCode::CREATED);
    let path = format!("/lines/{}", made["id"]);
    let at = LineId(id(&path));
    assert_eq!(
        (&made["weight"], &made["auth"]["by"], &made["codecs"][0]),
        (&json!(100), &json!("ip"), &json!("PCMA"))
    );
    assert_eq!(world.get(&path).await.expect(StatusCode::OK), made);

    let mut other = line("b");
    other["max_calls"] = 20.into();
    let replaced = world.put(&path, &other).await.expect(StatusCode::OK);
    assert_eq!((&replaced["name"], &replaced["max_calls"]), (&json!("b"), &json!(20)));
    assert_eq!(world.get(&path).await.expect(StatusCode::OK), replaced);
    world.post("/lines", &other).await.problem(StatusCode::CONFLICT, "name_taken");

    world.delete(&path).await.expect(StatusCode::NO_CONTENT);
    for gone in [world.get(&path).await, world.put(&path, &other).await, world.delete(&path).await] {
        gone.problem(StatusCode::NOT_FOUND, "not_found");
    }
    assert_eq!(world.told(), [Command::LineChanged(at); 3]);
}

#[tokio::test]
async fn line_groups() {
    let mut world = World::new().await;
    let answer = world.post("/lines", &line("a")).await;
    let member = world.made("/lines", answer);
    let spec = json!({ "name": "g", "lines": [id(&member)] });
    let answer = world.post("/line-groups", &spec).await;
    let group = world.made("/line-groups", answer);
    world.delete(&member).await.problem(StatusCode::CONFLICT, "in_use");
    let answer = world.put(&group, &json!({ "name": "h", "lines": [id(&member)] })).await;
    assert_eq!(answer.expect(StatusCode::OK)["name"], "h");
    let unknown = world.post("/line-groups", &json!({ "name": "i", "lines": [77] })).await;
    assert_eq!(unknown.problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "lines[0]");
    world.delete(&group).await.expect(StatusCode::NO_CONTENT);
    world.delete(&member).await.expect(StatusCode::NO_CONTENT);
    let at = LineGroupId(id(&group));
    let told = world.told();
    assert_eq!(
        told.iter().filter(|&&command| command == Command::LineGroupChanged(at)).count(),
        3,
        "{told:?}"
    );
}

#[tokio::test]
async fn scripts_have_versions() {
    let world = World::new().await;
    let version = async |ms: u32| {
        let spec = json!({ "name": "s", "steps": [{ "do": "wait", "ms": ms }] });
        world.post("/scripts", &spec).await.expect(StatusCode::CREATED)
    };
    let first = version(100).await;
    assert_eq!(version(100).await, first, "an unchanged script keeps its version");
    let second = version(200).await;
    assert_eq!((&first["version"], &second["version"]), (&json!(1), &json!(2)));
    let path = format!("/scripts/{}", first["id"]);
    assert_eq!(world.get(&path).await.expect(StatusCode::OK), first, "what was used stays as it was");
    world.delete(&path).await.expect(StatusCode::NO_CONTENT);
    world.get(&path).await.problem(StatusCode::NOT_FOUND, "not_found");
}

#[tokio::test]
async fn lists() {
    let world = World::new().await;
    let made = world.post("/lists", &json!({ "name": "l" })).await.expect(StatusCode::CREATED);
    assert_eq!(made["created_at"], "2027-01-15T08:00:00Z");
    let path = format!("/lists/{}", made["id"]);
    assert_eq!(world.get(&path).await.expect(StatusCode::OK), made);
    world.post("/lists", &json!({ "name": "l" })).await.problem(StatusCode::CONFLICT, "name_taken");
    world.delete(&path).await.expect(StatusCode::NO_CONTENT);
    world.get(&path).await.problem(StatusCode::NOT_FOUND, "not_found");
    world.csv(&path, "", "number\n+8613800138000\n").await.problem(StatusCode::NOT_FOUND, "not_found");
}

#[tokio::test]
async fn campaigns() {
    let mut world = World::new().await;
    let (path, list) = world.campaign(&["+8613800138000"]).await;
    let made = world.get(&path).await.expect(StatusCode::OK);
    assert_eq!(
        (&made["state"], &made["priority"], &made["weight"]),
        (&json!("draft"), &json!(3), &json!(100))
    );
    let uses =
        [&list, &format!("/line-groups/{}", made["line_group"]), &format!("/scripts/{}", made["script"])];
    for used in uses {
        world.delete(used).await.problem(StatusCode::CONFLICT, "in_use");
    }
    let mut spec = json!({ "name": "d", "priority": 1 });
    for kept in ["lists", "line_group", "script"] {
        spec[kept] = made[kept].clone();
    }
    let replaced = world.put(&path, &spec).await.expect(StatusCode::OK);
    assert_eq!((&replaced["name"], &replaced["priority"]), (&json!("d"), &json!(1)));
    spec["script"] = 77.into();
    spec["name"] = "e".into();
    let answer = world.post("/campaigns", &spec).await;
    assert_eq!(answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "script");
    world.delete(&path).await.expect(StatusCode::NO_CONTENT);
    world.get(&path).await.problem(StatusCode::NOT_FOUND, "not_found");
    world.get(&format!("{path}/progress")).await.problem(StatusCode::NOT_FOUND, "not_found");
    let changed = Command::CampaignChanged(CampaignId(id(&path)));
    assert_eq!(world.told().iter().filter(|&&command| command == changed).count(), 2);
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let world = World::new().await;
    world.get("/nothing").await.problem(StatusCode::NOT_FOUND, "not_found");
    world.get("/lines/abc").await.problem(StatusCode::NOT_FOUND, "not_found");
    world.get("/lines/99999999999999999999").await.problem(StatusCode::NOT_FOUND, "not_found");
    world.get("/calls/no-uuid").await.problem(StatusCode::NOT_FOUND, "not_found");
    let answer = world.send(World::request("PATCH", "/lines").body("".into()).expect("a request")).await;
    answer.problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
}
