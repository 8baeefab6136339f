//! Plans and their reasons, as a person would tell them.

mod support;

use std::{collections::BTreeMap, time::Duration};

use common::{CampaignId, ContactId, LineId, NodeId};
use peal_core::{
    model::CampaignState,
    planner::{Drawn, NodeStatus, Pressure},
};
use support::{NODE, World, ready, told};

/// Two lines in one group, two campaigns of priority 1 and 4 with plenty to call.
fn busy_world() -> World {
    let mut world = World::new();
    world.node("n1", NODE);
    world.line(1, 3, 100, r#","caller_ids":["+861050000001","+861050000002"],"weight":200"#);
    world.line(2, 3, 100, r#","number_format":"digits","prefix":"9""#);
    world.group(1, &[1, 2]);
    world.campaign(1, 1, 1, "");
    world.campaign(2, 1, 4, "");
    world.supply(&mut BTreeMap::from([(1, 1..1_000), (2, 1..1_000)]));
    world
}

#[test]
fn free_slots_are_handed_out_by_turns() {
    let mut world = busy_world();
    let (plan, _) = world.tick();
    insta::assert_snapshot!(told(&plan));
}

#[test]
fn planning_twice_plans_the_same() {
    let world = busy_world();
    let now = world.now();
    assert_eq!(told(&world.snapshot.plan(now)), told(&world.snapshot.plan(now)));
}

#[test]
fn what_is_shut_says_why() {
    let mut text = String::new();
    let mut tell = |what: &str, change: &dyn Fn(&mut World)| {
        let mut world = busy_world();
        change(&mut world);
        let plan = world.snapshot.plan(world.now());
        text += &format!("# {what}\n{}\n", told(&plan));
    };
    tell("the planner has just taken over", &|world| world.elapsed = Duration::from_millis(1_049));
    tell("the spool is full", &|world| world.snapshot.set_pressure(Pressure::Stop));
    tell("no node", &|world| world.snapshot.node_lost(world.now().mono, &NodeId("n1".into())));
    tell("the node drains", &|world| world.node("n1", NodeStatus { draining: true, ..NODE }));
    tell("the node is full", &|world| world.node("n1", NodeStatus { max_calls: 0, ..NODE }));
    tell("recordings cannot be written, and campaign 2 must be recorded", &|world| {
        world.campaign(2, 1, 4, r#","record":true"#);
        world.campaign_in(CampaignState::Draft, 1, 1, 1, "");
        world.node("n1", NodeStatus { recording_failed: true, ..NODE });
    });
    tell("one is paused, one is not started", &|world| {
        world.campaign_in(CampaignState::Paused, 1, 1, 1, "");
        world.campaign_in(CampaignState::Draft, 2, 1, 1, "");
    });
    tell("outside the window, before the start", &|world| {
        let window = r#","schedule":{"windows":[{"from":"10:00","to":"11:00"}]}"#;
        world.campaign(1, 1, 1, window);
        let later = r#","schedule":{"start":"2026-11-24T09:00"}"#;
        world.campaign_in(CampaignState::Pending, 2, 1, 1, later);
    });
    tell("both lines rest", &|world| {
        for line in [1, 2] {
            world.snapshot.rest_line(world.now().mono, LineId(line), Duration::from_secs(5));
        }
    });
    tell("both lines are disabled", &|world| {
        for line in [1, 2] {
            world.line(line, 3, 100, r#","enabled":false"#);
        }
    });
    tell("both lines are full", &|world| {
        world.tick();
        world.wait_ms(1_000);
    });
    tell("both lines have had their calls of this second", &|world| {
        for line in [1, 2] {
            world.line(line, 100, 1, "");
        }
        world.tick();
        world.wait_ms(500);
    });
    tell("the campaigns may have one call each", &|world| {
        for campaign in [1, 2] {
            world.campaign(campaign, 1, 3, r#","max_concurrent_calls":1"#);
        }
    });
    tell("the script of campaign 1 could not be used", &|world| {
        world.snapshot.rest_campaign(world.now().mono, CampaignId(1), Duration::from_secs(9));
        world.campaign_in(CampaignState::Draft, 2, 1, 1, "");
    });
    insta::assert_snapshot!(text);
}

#[test]
fn a_number_that_is_being_called_waits() {
    let mut world = World::new();
    world.node("n1", NODE);
    world.line(1, 10, 1_000, "");
    world.group(1, &[1]);
    world.campaign(1, 1, 3, "");
    world.campaign(2, 1, 3, "");
    // Contact 1 of both campaigns is the same person.
    for wanted in world.snapshot.wanted(world.now().wall) {
        let contacts =
            vec![ready(1, 8_613_800_000_001), ready(2, 8_613_800_000_001 + wanted.campaign.0 as u64)];
        world.snapshot.drawn(&wanted, Drawn { contacts, lists_drawn: true, next_due_at: None });
    }
    let (plan, _) = world.tick();
    insta::assert_snapshot!(told(&plan));
    assert_eq!(plan.deferred.len(), 1);
    assert_eq!((plan.deferred[0].campaign, plan.deferred[0].contact), (CampaignId(2), ContactId(1)));
    assert_eq!(plan.deferred[0].until.since(world.now().wall), Duration::from_secs(5));
}

#[test]
fn a_campaign_starts_when_its_schedule_does_and_ends_when_all_are_settled() {
    let mut world = World::new();
    world.node("n1", NODE);
    world.line(1, 10, 10, "");
    world.group(1, &[1]);
    world.campaign_in(CampaignState::Pending, 1, 1, 3, "");
    let mut text = told(&world.tick().0);
    world.campaign(1, 1, 3, "");
    text += &told(&world.tick().0);
    world.supply(&mut BTreeMap::from([(1, 1..2)]));
    let (plan, attempts) = world.tick();
    text += &told(&plan);
    text += &told(&world.tick().0);
    world.end(attempts[0], 1);
    text += &told(&world.tick().0);
    insta::assert_snapshot!(text);
}
