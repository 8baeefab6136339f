//! A call that listens goes only where its recogniser has a session for it until it ends.

mod support;

use std::collections::BTreeMap;

use common::{NodeId, ScriptId};
use peal_core::planner::{Drawn, PassedOver, Reason};
use support::{NODE, World, ready};

fn world(recognisers: &[&str]) -> World {
    let mut world = World::new();
    world.line(1, 100, 100, "");
    world.group(1, &[1]);
    world.node("n1", NODE);
    world.campaign(1, 1, 3, "");
    let listens = recognisers.iter().map(|name| (*name).to_owned()).collect();
    world.snapshot.scripts_listen([(ScriptId(1), listens)].into());
    world.wait_ms(3_000);
    let now = world.now().mono;
    world.snapshot.divide(now);
    let wanted = world.snapshot.wanted(world.now().wall).remove(0);
    let contacts = (1..=50).map(|n| ready(n, 8_610_000_000_000 + n as u64)).collect();
    world.snapshot.drawn(&wanted, Drawn { contacts, lists_drawn: true, next_due_at: None });
    world
}

fn free(world: &mut World, node: &str, free: &[(&str, u32)]) {
    world.snapshot.node_recognisers(&NodeId(node.into()), free.iter().copied());
}

#[test]
fn no_more_calls_than_sessions_and_the_reason_is_told() {
    let mut world = world(&["", "zh"]);
    let (plan, _) = world.tick();
    assert!(plan.orders.is_empty(), "a node that tells of no recogniser has none");
    let campaign = PassedOver::Campaign(common::CampaignId(1));
    assert!(plan.passed_over.contains(&(campaign, Reason::NoRecogniser)), "{:?}", plan.passed_over);

    free(&mut world, "n1", &[("", 9), ("zh", 3)]);
    let (plan, attempts) = world.tick();
    assert_eq!(plan.orders.len(), 3, "each listens with both");
    assert!(plan.passed_over.contains(&(campaign, Reason::NoRecogniser)), "{:?}", plan.passed_over);
    // They have not begun to listen, so the node still has all of them free.
    free(&mut world, "n1", &[("", 9), ("zh", 3)]);
    assert_eq!(world.tick().0.orders.len(), 0);
    // All listen; one ends.
    free(&mut world, "n1", &[("", 6), ("zh", 0)]);
    world.end(attempts[0], 1);
    assert_eq!(world.tick().0.orders.len(), 0, "its session is not free yet");
    free(&mut world, "n1", &[("", 7), ("zh", 1)]);
    assert_eq!(world.tick().0.orders.len(), 1);
    // The recogniser is gone.
    world.end(attempts[1], 1);
    free(&mut world, "n1", &[("", 8), ("zh", 0)]);
    assert_eq!(world.tick().0.orders.len(), 0);
    free(&mut world, "n1", &[("", 8)]);
    assert_eq!(world.tick().0.orders.len(), 0, "what a node no longer tells of it has not");
}

#[test]
fn calls_go_to_the_node_that_hears() {
    let mut world = world(&["zh"]);
    world.node("n2", NODE);
    let now = world.now().mono;
    world.snapshot.divide(now);
    world.wait_ms(10_000);
    let now = world.now().mono;
    world.snapshot.divide(now);
    free(&mut world, "n1", &[("", 9)]);
    free(&mut world, "n2", &[("zh", 4)]);
    let (plan, _) = world.tick();
    let mut nodes: BTreeMap<&str, usize> = BTreeMap::new();
    for order in &plan.orders {
        *nodes.entry(order.node.0.as_str()).or_default() += 1;
    }
    assert_eq!(nodes, [("n2", 4)].into());
}

#[test]
fn who_does_not_listen_needs_none() {
    let mut world = world(&["zh"]);
    world.snapshot.scripts_listen([(ScriptId(7), ["zh".to_owned()].into())].into());
    assert!(!world.tick().0.orders.is_empty());
}
