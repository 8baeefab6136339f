//! A suppressed number gets no INVITE, wherever its contact is when it is suppressed.

use common::{NodeId, Outcome};
use peal_core::model::{ContactState, SuppressionReason};
use peal_store::{
    ContactRef, EndFacts, Intake, OptOut, Refusal, RouteTry, StoreError, SuppressionRef, TryEnded,
};

use crate::world::{NOW, TENANT, World, after, contacts, line_spec, number};

async fn suppress(world: &World, n: u64) -> u64 {
    let done = world.store.suppress(TENANT, &[number(n)], SuppressionReason::Operator, "", NOW).await;
    done.expect("suppressed").settled
}

#[tokio::test]
async fn on_a_list_it_is_settled_when_it_is_drawn() {
    let mut world = World::new().await;
    suppress(&world, 2).await;
    let list = world.list("l", [1, 2, 3]).await;
    let campaign = world.running("c", &[list]).await;
    let drawn = world.store.draw(campaign, NOW, 9).await.expect("draw");
    assert_eq!(drawn.contacts.iter().map(|ready| ready.number).collect::<Vec<_>>(), [number(1), number(3)]);
    assert!(drawn.lists_drawn && drawn.next_due_at.is_none());
    let counts = world.store.campaign_counts(campaign).await.expect("counts");
    assert_eq!((counts.contacts, counts.new, counts.suppressed, counts.duplicates), (3, 2, 1, 0));
    let status = world.store.contact_status(campaign, ContactRef::Number(number(2))).await.expect("status");
    assert_eq!((status.state, status.due_at), (ContactState::Suppressed, None));
    // A number that is imported again after it was suppressed fares no better.
    world.add(list, [2, 4]).await;
    assert_eq!(world.dial(campaign, NOW, 9).await.len(), 1);
}

#[tokio::test]
async fn a_list_of_nothing_but_suppressed_numbers_does_not_hold_up_the_next() {
    let world = World::new().await;
    let numbers: Vec<_> = (1..=200).map(number).collect();
    world.store.suppress(TENANT, &numbers, SuppressionReason::Registry, "", NOW).await.expect("suppressed");
    let lists = [world.list("l1", 1..=200).await, world.list("l2", [201]).await];
    let campaign = world.running("c", &lists).await;
    let mut drawn = Vec::new();
    for _ in 0..30 {
        drawn.extend(world.store.draw(campaign, NOW, 2).await.expect("draw").contacts);
    }
    assert_eq!(drawn.iter().map(|ready| ready.number).collect::<Vec<_>>(), [number(201)]);
    assert_eq!(world.store.campaign_counts(campaign).await.expect("counts").suppressed, 200);
}

#[tokio::test]
async fn in_the_planners_queue_its_intent_is_refused() {
    let mut world = World::new().await;
    let list = world.list("l", [1, 2]).await;
    let campaign = world.running("c", &[list]).await;
    let drawn = world.store.draw(campaign, NOW, 9).await.expect("draw").contacts;
    let intents: Vec<_> = drawn.iter().map(|ready| world.intent(campaign, ready)).collect();
    assert_eq!(suppress(&world, 1).await, 1);
    let committed = world.store.commit_intents(world.epoch, NOW, &intents).await.expect("commit");
    assert_eq!(committed.refused, [(intents[0].attempt, Refusal::Suppressed)]);
    let counts = world.store.campaign_counts(campaign).await.expect("counts");
    assert_eq!((counts.in_flight, counts.suppressed, counts.new), (1, 1, 0), "counted once");
    // The planner gives it back: it stays settled.
    world.store.put_back(campaign, &[(drawn[0].contact, NOW)]).await.expect("put back");
    assert_eq!(world.store.draw(campaign, after(9), 9).await.expect("draw").contacts, []);
}

#[tokio::test]
async fn a_retry_that_waits_is_settled_at_once_and_one_in_flight_when_it_ends() {
    let mut world = World::new().await;
    let list = world.list("l", [1, 2]).await;
    let campaign = world.running("c", &[list]).await;
    let intents = world.dial(campaign, NOW, 9).await;
    world.end(&intents[..1], Outcome::Busy, NOW).await;
    assert_eq!(suppress(&world, 1).await, 1);
    assert_eq!(suppress(&world, 2).await, 0, "its call is up");
    world.end(&intents[1..], Outcome::Busy, NOW).await;
    let counts = world.store.campaign_counts(campaign).await.expect("counts");
    assert_eq!((counts.retry, counts.in_flight, counts.suppressed), (0, 0, 2));
    assert_eq!(world.store.draw(campaign, after(3_600), 9).await.expect("draw").contacts, []);
}

#[tokio::test]
async fn an_attempt_between_two_lines_goes_no_further() {
    let mut world = World::new().await;
    let other = world.store.create_line(TENANT, &line_spec("b")).await.expect("line").id;
    let list = world.list("l", [1]).await;
    let campaign = world.running("c", &[list]).await;
    let attempt = world.dial(campaign, NOW, 1).await[0].attempt;
    let outcome = Outcome::CarrierCongested;
    let ended = TryEnded { attempt, route_try: 1, outcome, at: NOW, facts: EndFacts::default() };
    let batch = Intake { tries_ended: vec![ended], ..Intake::default() };
    world.store.take_in(&batch).await.expect("intake");
    suppress(&world, 1).await;
    let second = RouteTry {
        attempt,
        route_try: 2,
        line: other,
        caller_id: String::new(),
        node: NodeId("n1".into()),
        slot_until: after(700),
    };
    let begun = world.store.begin_route_try(world.epoch, NOW, &second).await.expect("no failure");
    assert_eq!(begun, Err(Refusal::Suppressed));
    assert_eq!(world.store.attempt(attempt).await.expect("attempt").tries.len(), 1);
}

#[tokio::test]
async fn an_opt_out_holds_for_every_campaign_of_the_tenant_and_is_taken_in_once() {
    let mut world = World::new().await;
    let lists = [world.list("l1", [1]).await, world.list("l2", [1]).await];
    let one = world.running("one", &lists[..1]).await;
    let two = world.running("two", &lists[1..]).await;
    let attempt = world.dial(one, NOW, 1).await[0].attempt;
    let queued = world.store.draw(two, NOW, 1).await.expect("draw").contacts;
    let opt_out = OptOut { attempt, words: "don't call me again".into(), at: after(5) };
    let batch = Intake { opt_outs: vec![opt_out], ..Intake::default() };
    assert_eq!(world.store.take_in(&batch).await.expect("intake").ignored, 0);
    assert_eq!(world.store.take_in(&batch).await.expect("again").ignored, 1);

    let known = world.store.suppression(TENANT, number(1)).await.expect("read").expect("suppressed");
    assert_eq!(
        (known.reason, known.attempt, known.at),
        (SuppressionReason::OptedOut, Some(attempt), after(5))
    );
    assert_eq!(known.words, "don't call me again");
    assert!(world.store.attempt(attempt).await.expect("attempt").opted_out);
    let intent = world.intent(two, &queued[0]);
    let committed = world.store.commit_intents(world.epoch, NOW, &[intent]).await.expect("commit");
    assert_eq!(committed.refused.len(), 1);
    assert_eq!(world.store.campaign_counts(two).await.expect("counts").suppressed, 1);
}

#[tokio::test]
async fn lifted_it_may_be_called_again_by_what_comes_later() {
    let mut world = World::new().await;
    suppress(&world, 1).await;
    let store = world.store.clone();
    let lift = async |which| store.lift_suppression(TENANT, which, after(1)).await;
    lift(SuppressionRef::Number(number(1))).await.expect("lifted");
    assert!(matches!(lift(SuppressionRef::Number(number(1))).await, Err(StoreError::NotFound { .. })));
    assert_eq!(world.store.suppressions(TENANT, None, 9).await.expect("page").items, []);
    let list = world.list("l", [1]).await;
    let campaign = world.running("c", &[list]).await;
    let intents = world.dial(campaign, NOW, 9).await;
    assert_eq!(intents.len(), 1);
    suppress(&world, 1).await;
    let again = world.store.suppressions(TENANT, None, 9).await.expect("page").items;
    lift(SuppressionRef::Id(again[0].id)).await.expect("lifted");
    world.end(&intents, Outcome::Busy, NOW).await;
    assert_eq!(contacts(&world.store.draw(campaign, after(3_600), 9).await.expect("draw").contacts).len(), 1);
}
