//! A failed try goes to a line that was not tried yet, before anybody new is called, or is the end of its attempt.

mod support;

use std::{collections::BTreeMap, time::Duration};

use common::LineId;
use peal_core::{
    model::CampaignState,
    planner::{PassedOver, Reason},
};
use support::{NODE, World};

/// One campaign over three lines of one call each; the attempt on the first line has failed.
fn failed_on_the_first() -> (World, common::AttemptId, LineId) {
    let mut world = World::new();
    world.node("n1", NODE);
    for line in 1..=3 {
        world.line(line, 1, 100, "");
    }
    world.group(1, &[1, 2, 3]);
    world.campaign(1, 1, 3, r#","max_concurrent_calls":1"#);
    world.supply(&mut BTreeMap::from([(1, 1..100)]));
    let (plan, attempts) = world.tick();
    assert_eq!(plan.orders.len(), 1);
    world.snapshot.reroute(attempts[0]);
    world.snapshot.released(attempts[0], 1);
    world.wait_ms(1_000);
    (world, attempts[0], plan.orders[0].line)
}

#[test]
fn each_try_takes_a_line_not_tried_before() {
    let (mut world, attempt, first) = failed_on_the_first();
    let mut tried = vec![first];
    for route_try in 2..=3 {
        let (plan, _) = world.tick();
        let [order] = &plan.orders[..] else { panic!("one order, for the campaign may have one call") };
        assert_eq!((order.attempt, order.route_try, order.attempt_no), (Some(attempt), route_try, 1));
        assert!(!tried.contains(&order.line), "line {} was tried", order.line);
        tried.push(order.line);
        world.snapshot.reroute(attempt);
        world.snapshot.released(attempt, route_try);
        world.wait_ms(1_000);
    }
    let (plan, _) = world.tick();
    assert_eq!(plan.no_route.len(), 1, "all three were tried");
    assert_eq!(plan.no_route[0].reason, Reason::NoLine);
}

#[test]
fn it_waits_for_room_and_then_no_longer() {
    let (mut world, attempt, first) = failed_on_the_first();
    for line in (1..=3).filter(|&line| LineId(line) != first) {
        world.snapshot.rest_line(world.now().mono, LineId(line), Duration::from_secs(60));
    }
    let (plan, _) = world.tick();
    assert!(plan.orders.is_empty() && plan.no_route.is_empty());
    assert!(plan.passed_over.contains(&(PassedOver::Attempt(attempt), Reason::LineResting)));
    world.wait_ms(58_999);
    assert!(world.tick().0.no_route.is_empty());
    world.wait_ms(1);
    assert_eq!(world.tick().0.no_route[0].reason, Reason::LineResting);
}

#[test]
fn a_campaign_that_stopped_meanwhile_ends_it() {
    let (mut world, _, _) = failed_on_the_first();
    world.campaign_in(CampaignState::Paused, 1, 1, 3, "");
    assert_eq!(world.tick().0.no_route[0].reason, Reason::Paused);
}

#[test]
fn a_window_that_shut_meanwhile_ends_it() {
    let (mut world, _, _) = failed_on_the_first();
    world.campaign(1, 1, 3, r#","schedule":{"windows":[{"from":"10:00","to":"11:00"}]}"#);
    assert_eq!(world.tick().0.no_route[0].reason, Reason::OutsideSchedule);
}

#[test]
fn it_waits_through_a_shut_planner_but_not_for_ever() {
    let (mut world, attempt, _) = failed_on_the_first();
    world.snapshot.set_pressure(peal_core::planner::Pressure::Stop);
    let (plan, _) = world.tick();
    assert!(plan.passed_over.contains(&(PassedOver::Attempt(attempt), Reason::SpoolFull)));
    world.wait_ms(60_000);
    assert_eq!(world.tick().0.no_route[0].reason, Reason::SpoolFull);
}
