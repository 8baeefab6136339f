//! A try that failed before anybody can have been rung goes on over another line, slot by slot.

use common::{NodeId, Outcome};
use peal_store::{EndFacts, Intake, Released, RouteTry, Stage, StageNote, StoreError, TryEnded};

use peal_core::import::GoodRow;

use crate::world::{NOW, TENANT, World, after, line_spec, number};

#[tokio::test]
async fn a_second_try_follows_the_end_of_the_first() {
    let mut world = World::new().await;
    let other = world.store.create_line(TENANT, &line_spec("b")).await.expect("line").id;
    let list = world.list("l", []).await;
    let row = GoodRow { line: 2, number: number(1), fields: r#"{"name":"Ann"}"#.into() };
    let mut import = world.store.import(list, NOW).await.expect("import");
    import.push(&[Ok(row)]).await.expect("a row");
    let campaign = world.running("c", &[list]).await;
    let intent = world.dial(campaign, NOW, 1).await.remove(0);
    let attempt = intent.attempt;
    let second = RouteTry {
        attempt,
        route_try: 2,
        line: other,
        caller_id: "+441".into(),
        node: NodeId("n2".into()),
        slot_until: after(700),
    };
    let error = world.store.begin_route_try(world.epoch, NOW, &second).await.expect_err("still up");
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");

    let ended = TryEnded {
        attempt,
        route_try: 1,
        outcome: Outcome::CarrierCongested,
        at: after(1),
        facts: EndFacts { sip_status: 503, retry_after_s: 5, ..EndFacts::default() },
    };
    let stage = StageNote { attempt, route_try: 1, stage: Stage::Invited, at: after(1) };
    let batch = Intake { stages: vec![stage], tries_ended: vec![ended], ..Intake::default() };
    world.store.take_in(&batch).await.expect("intake");
    let fields = world.store.begin_route_try(world.epoch, after(2), &second).await.expect("second try");
    assert_eq!(fields.as_deref(), Ok(r#"{"name":"Ann"}"#), "the order of the second try has them too");
    let error = world.store.begin_route_try(world.epoch, after(2), &second).await.expect_err("twice");
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");

    let open = world.store.open_attempts().await.expect("open").remove(0).attempt;
    assert_eq!((open.stage, open.invited_at, &*open.caller_id), (Stage::Intent, None, "+441"));
    assert_eq!(open.tries.len(), 2);
    assert_eq!(open.tries[0].facts.as_ref().map(|facts| facts.sip_status), Some(503));
    assert!(open.tries.iter().all(|t| t.released_at.is_none()), "both slots are held");

    // News of the first try no longer move the attempt, but free its slot.
    let late = StageNote { attempt, route_try: 1, stage: Stage::Ringing, at: after(3) };
    let released = Released { attempt, route_try: 1, at: after(3) };
    let batch = Intake { stages: vec![late], released: vec![released], ..Intake::default() };
    let taken = world.store.take_in(&batch).await.expect("intake");
    assert_eq!((taken.ignored, taken.released), (1, vec![(attempt, 1)]));

    let mut batch = world.ended(&[intent], Outcome::Answered, after(9));
    batch.finished[0].route_try = 2;
    batch.released[0].route_try = 2;
    world.store.take_in(&batch).await.expect("intake");
    let ended = world.store.attempt(attempt).await.expect("attempt");
    assert_eq!(ended.end.map(|end| end.outcome), Some(Outcome::Answered));
    assert_eq!(ended.tries[0].outcome, Some(Outcome::CarrierCongested));
    assert_eq!(world.store.open_attempts().await.expect("open"), []);
}
