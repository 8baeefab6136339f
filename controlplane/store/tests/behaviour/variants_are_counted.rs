//! A contact stays with its variant, and what came of each is counted once.

use common::{Outcome, ScriptId};
use peal_core::model::{Best, Goal, Scripts, Variant};
use peal_store::{StoreError, VariantCount};

use crate::world::{NOW, TENANT, World, after};

async fn scripts(world: &World) -> [ScriptId; 2] {
    let text = r#"{"name":"other","steps":[{"do":"wait","ms":1}]}"#;
    let other = script::read(text).expect("a script");
    [world.script, world.store.put_script(TENANT, &other).await.expect("script").id]
}

fn variants(scripts: &[ScriptId]) -> Scripts {
    let variant = |script: &ScriptId| Variant { name: None, script: *script, weight: 1 };
    Scripts::Variants(scripts.iter().map(variant).collect())
}

fn best(goal: &str) -> Option<Best> {
    Some(Best { goal: Goal::Intent(goal.into()), control_percent: 10, minimum: 1 })
}

#[tokio::test]
async fn each_answered_call_counts_once_for_its_script() {
    let mut world = World::new().await;
    let scripts = scripts(&world).await;
    let list = world.list("l", [1, 2]).await;
    let campaign = world.running("c", &[list]).await;
    let mut spec = world.spec("c", &[list]);
    (spec.script, spec.best) = (variants(&scripts), best("yes"));
    world.store.update_campaign(TENANT, campaign, &spec).await.expect("changed");

    let drawn = world.store.draw(campaign, NOW, 9).await.expect("draw").contacts;
    assert!(drawn.iter().all(|ready| ready.script.is_none()));
    let mut intents: Vec<_> = drawn.iter().map(|ready| world.intent(campaign, ready)).collect();
    intents[1].script = scripts[1];
    world.store.commit_intents(world.epoch, NOW, &intents).await.expect("commit");
    let mut batch = world.ended(&intents[..1], Outcome::Answered, NOW);
    batch.finished[0].goal_reached = Some(true);
    world.store.take_in(&batch).await.expect("intake");
    world.store.take_in(&batch).await.expect("told again");
    world.end(&intents[1..], Outcome::Busy, NOW).await;
    let counts = world.store.variant_counts(campaign).await.expect("counts");
    assert_eq!(counts[&scripts[0]], VariantCount { tries: 1, successes: 1 });
    assert_eq!(counts[&scripts[1]], VariantCount::default(), "nobody answered");
    assert_eq!(world.store.planner_config().await.expect("config").variants[&campaign], counts);

    let again = world.store.draw(campaign, after(3_600), 9).await.expect("draw").contacts;
    assert_eq!(again[0].script, Some(scripts[1]), "a retry does what the first attempt did");

    // Another goal starts anew.
    spec.best = best("no");
    world.store.update_campaign(TENANT, campaign, &spec).await.expect("changed");
    let counts = world.store.variant_counts(campaign).await.expect("counts");
    assert!(counts.len() == 2 && counts.values().all(|count| *count == VariantCount::default()));
}

#[tokio::test]
async fn what_is_compared_is_in_use() {
    let world = World::new().await;
    let scripts = scripts(&world).await;
    let list = world.list("l", [1]).await;
    let mut spec = world.spec("c", &[list]);
    spec.script = variants(&scripts);
    let campaign = world.store.create_campaign(TENANT, &spec, NOW).await.expect("campaign").id;
    let deleted = world.store.delete_script(TENANT, scripts[1]).await;
    assert!(matches!(deleted, Err(StoreError::InUse { what: "script", .. })), "{deleted:?}");
    spec.script = variants(&[scripts[0], ScriptId(99)]);
    let error = world.store.update_campaign(TENANT, campaign, &spec).await.expect_err("no such script");
    assert!(matches!(error, StoreError::Invalid(invalid) if invalid.field == "script[1].script"));
    world.store.delete_campaign(TENANT, campaign, NOW).await.expect("deleted");
    world.store.delete_script(TENANT, scripts[1]).await.expect("nobody needs it");
}
