//! Which script a contact gets: by weight, sticky, and the better one more often once it is known.

mod support;

use std::collections::BTreeMap;

use common::{CampaignId, ScriptId};
use peal_core::planner::{Drawn, Plan};
use support::{NODE, World, ready};

const VARIANTS: &str = r#","script":[{"script":1,"weight":3},{"script":2,"weight":1}]"#;

fn world(more: &str, contacts: impl IntoIterator<Item = (i64, Option<ScriptId>)>) -> World {
    let mut world = World::new();
    world.line(1, 10_000, 10_000, "");
    world.group(1, &[1]);
    world.node("n1", NODE);
    world.campaign(1, 1, 3, more);
    let wanted = world.snapshot.wanted(world.now().wall).remove(0);
    let contacts = contacts
        .into_iter()
        .map(|(n, script)| peal_core::planner::Ready { script, ..ready(n, 8_610_000_000_000 + n as u64) })
        .collect();
    world.snapshot.drawn(&wanted, Drawn { contacts, lists_drawn: true, next_due_at: None });
    world
}

fn by_script(plan: &Plan) -> BTreeMap<i64, usize> {
    let mut counts = BTreeMap::new();
    for order in &plan.orders {
        *counts.entry(order.script.0).or_default() += 1;
    }
    counts
}

/// The part of the calls that a script gets.
fn share(plan: &Plan, script: i64) -> f64 {
    assert!(plan.orders.len() > 500, "enough to judge");
    by_script(plan).get(&script).copied().unwrap_or(0) as f64 / plan.orders.len() as f64
}

#[test]
fn weights_are_kept_and_planning_again_gives_the_same() {
    let world = world(VARIANTS, (1..=2_000).map(|n| (n, None)));
    let plan = world.snapshot.plan(world.now());
    assert!((0.70..0.80).contains(&share(&plan, 1)), "{}", share(&plan, 1));
    let again = world.snapshot.plan(world.now());
    assert!(plan.orders == again.orders);
}

#[test]
fn a_contact_keeps_its_script_while_the_campaign_has_it() {
    let known = [(1, Some(ScriptId(2))), (2, Some(ScriptId(2))), (3, Some(ScriptId(9)))];
    let plan = |world: &World| world.snapshot.plan(world.now());
    let compared = world(r#","script":[{"script":1,"weight":1},{"script":2,"weight":0}]"#, known);
    let scripts: Vec<i64> = plan(&compared).orders.iter().map(|order| order.script.0).collect();
    assert_eq!(scripts, [2, 2, 1]);
    let single = world("", known);
    assert_eq!(by_script(&plan(&single)), [(1, 3)].into());
}

#[test]
fn the_better_one_is_preferred_and_the_control_keeps_its_share() {
    let best = format!(
        r#"{VARIANTS},"best":{{"goal":{{"disposition":"sold"}},"control_percent":20,"minimum":100}}"#
    );
    let mut world = world(&best, (1..=2_000).map(|n| (n, None)));
    let results = [(ScriptId(1), (500, 25)), (ScriptId(2), (500, 100))];
    world.snapshot.variant_results(CampaignId(1), results);
    let control = share(&world.snapshot.plan(world.now()), 1);
    assert!((0.15..0.25).contains(&control), "{control}");
    // What ends between two plans counts.
    for _ in 0..1_000 {
        world.snapshot.variant_tried(CampaignId(1), ScriptId(1), true);
    }
    let other = share(&world.snapshot.plan(world.now()), 2);
    assert!(other < 0.01, "{other}");
}
