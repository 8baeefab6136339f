//! Variants of a script: how they are written, refused and reported.

use axum::http::StatusCode;
use common::Outcome;
use peal_core::retry::Settlement;
use serde_json::{Value, json};
use store::{EndFacts, Finished, Intake};

use crate::world::{NOW, World, id};

async fn two_scripts(world: &World) -> [i64; 2] {
    let mut ids = [0; 2];
    for (index, ms) in [1, 2].into_iter().enumerate() {
        let script = json!({ "name": format!("s{index}"), "steps": [{ "do": "wait", "ms": ms }] });
        ids[index] = id(&world.made("/scripts", world.post("/scripts", &script).await));
    }
    ids
}

/// The settings of a campaign, to be sent back changed.
async fn settings(world: &World, campaign: &str) -> Value {
    let mut spec = world.get(campaign).await.expect(StatusCode::OK);
    for own in ["id", "tenant", "state", "created_at"] {
        spec.as_object_mut().expect("an object").remove(own);
    }
    spec
}

#[tokio::test]
async fn a_campaign_says_which_does_better() {
    let world = World::new().await;
    let (campaign, _) = world.campaign(&["+8613800138000", "+8613800138001"]).await;
    world.get(&format!("{campaign}/variants")).await.problem(StatusCode::CONFLICT, "conflict");
    let [a, b] = two_scripts(&world).await;
    let mut spec = settings(&world, &campaign).await;
    spec["script"] = json!([{ "name": "plain", "script": a }, { "script": b, "weight": 50 }]);
    spec["best"] = json!({ "goal": { "disposition": "sold" }, "minimum": 1 });
    let kept = world.put(&campaign, &spec).await.expect(StatusCode::OK);
    assert_eq!(
        kept["script"],
        json!([{ "name": "plain", "script": a, "weight": 100 }, { "script": b, "weight": 50 }])
    );
    assert_eq!(kept["best"]["control_percent"], 10);

    let intents = world.dial(&campaign).await;
    let (outcome, at, facts) = (Outcome::Answered, NOW, EndFacts::default());
    let finished = vec![Finished {
        attempt: intents[0].attempt,
        route_try: 1,
        outcome,
        at,
        facts,
        tally: Default::default(),
        settlement: Settlement::Reached,
        goal_reached: Some(true),
    }];
    world.store.take_in(&Intake { finished, ..Intake::default() }).await.expect("intake");
    let report = world.get(&format!("{campaign}/variants")).await.expect(StatusCode::OK);
    assert_eq!(report["goal"], json!({ "disposition": "sold" }));
    let [plain, other] = [&report["variants"][0], &report["variants"][1]];
    assert_eq!(
        (&plain["name"], &plain["answered"], &plain["successes"]),
        (&json!("plain"), &json!(1), &json!(1))
    );
    assert_eq!(
        (&other["name"], &other["script_name"], &other["answered"]),
        (&json!(b.to_string()), &json!("s1"), &json!(0))
    );
    assert!(plain["standing"]["is_best"].as_f64() > other["standing"]["is_best"].as_f64(), "{report}");
    let verdict = report["verdict"].as_str().expect("a sentence");
    assert!(verdict.starts_with("Too early to say"), "{verdict}");
}

#[tokio::test]
async fn what_cannot_be_compared_is_refused_by_name() {
    let world = World::new().await;
    let (campaign, _) = world.campaign(&["+8613800138000"]).await;
    let [a, b] = two_scripts(&world).await;
    let spec = settings(&world, &campaign).await;
    let best = json!({ "goal": { "intent": "yes" } });
    let two = json!([{ "script": a }, { "script": b }]);
    for (script, best, field) in [
        (json!("s0"), Value::Null, "script"),
        (json!([{ "script": a }]), Value::Null, "script"),
        (json!([{ "script": a }, { "script": a }]), Value::Null, "script[1].script"),
        (json!([{ "script": a, "name": "x" }, { "script": b, "name": "x" }]), Value::Null, "script[1].name"),
        (json!([{ "script": a }, { "script": 77 }]), Value::Null, "script[1].script"),
        (json!([{ "script": a }, { "script": b, "weight": 1001 }]), Value::Null, "script[1].weight"),
        (json!([{ "script": a, "weight": 0 }, { "script": b, "weight": 0 }]), Value::Null, "script"),
        (json!([{ "script": a }, { "script": b, "wieght": 1 }]), Value::Null, "script[1].wieght"),
        (json!(a), best.clone(), "best"),
        (two.clone(), json!({ "goal": { "intent": "" } }), "best.goal"),
        (two.clone(), json!({ "goal": { "intent": "yes" }, "minimum": 0 }), "best.minimum"),
        (two.clone(), json!({ "goal": { "intent": "yes" }, "control_percent": 91 }), "best.control_percent"),
    ] {
        let mut spec = spec.clone();
        (spec["script"], spec["best"]) = (script, best);
        let answer = world.put(&campaign, &spec).await;
        assert_eq!(answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid"), field, "{spec}");
    }
}
