//! A transfer's second call takes a place of the line and of the node, which no attempt gets meanwhile.

mod support;

use std::collections::BTreeMap;

use common::{LineId, NodeId};
use peal_core::planner::NodeStatus;
use support::{NODE, World};

/// A line of 10, a node, and contacts enough.
fn world() -> (World, BTreeMap<i64, std::ops::Range<i64>>) {
    let mut world = World::new();
    world.line(1, 10, 100, "");
    world.group(1, &[1]);
    world.node("n1", NODE);
    world.campaign(1, 1, 3, "");
    world.wait_ms(3_000);
    let now = world.now().mono;
    world.snapshot.divide(now);
    (world, [(1, 1..100)].into())
}

fn orders(world: &mut World, stock: &mut BTreeMap<i64, std::ops::Range<i64>>) -> usize {
    world.wait_ms(1_500);
    world.supply(stock);
    world.tick().1.len()
}

fn legs(world: &mut World, all: u32, on_line: u32) {
    world.snapshot.node_legs(&NodeId("n1".into()), all, &[(LineId(1), on_line)].into());
}

fn held(world: &World) -> u32 {
    world.snapshot.line_use(world.now().mono).next().expect("a line").held
}

#[test]
fn on_the_line() {
    let (mut world, mut stock) = world();
    world.supply(&mut stock);
    let (_, attempts) = world.tick();
    assert_eq!(attempts.len(), 10);
    for attempt in &attempts[..5] {
        world.end(*attempt, 1);
    }
    // Three of the five that are left are bridged.
    legs(&mut world, 3, 3);
    assert_eq!(held(&world), 8);
    assert_eq!(orders(&mut world, &mut stock), 2);
    legs(&mut world, 1, 1);
    assert_eq!(orders(&mut world, &mut stock), 2);
    legs(&mut world, 0, 0);
    assert_eq!(orders(&mut world, &mut stock), 1);
}

#[test]
fn not_longer_than_the_first_calls() {
    let (mut world, mut stock) = world();
    world.supply(&mut stock);
    let (_, attempts) = world.tick();
    legs(&mut world, 9, 9);
    let now = world.now().mono;
    world.snapshot.node_lost(now, &NodeId("n1".into()));
    world.node("n2", NODE);
    assert_eq!(held(&world), 19);
    // What became of them is known in the end, and the node never comes again.
    for attempt in attempts {
        world.end(attempt, 1);
    }
    assert_eq!(held(&world), 0);
    world.wait_ms(60_000);
    let now = world.now().mono;
    world.snapshot.divide(now);
    assert_eq!(orders(&mut world, &mut stock), 10);
}

#[test]
fn at_the_node() {
    let (mut world, mut stock) = world();
    world.node("n1", NodeStatus { max_calls: 6, ..NODE });
    // Elsewhere than on the line.
    legs(&mut world, 4, 0);
    assert_eq!(orders(&mut world, &mut stock), 2);
    assert_eq!(held(&world), 2);
}
