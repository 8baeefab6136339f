//! Whole numbers come out where they are asked for, and nowhere else (promise P19).

use axum::http::StatusCode;
use common::Outcome;
use peal_core::retry::Settlement;
use store::{Dialogue, EndFacts, Finished, Intake, Latency, Speaker, Turn};

use crate::world::World;

const NUMBERS: [&str; 2] = ["+8613800138000", "+8613800138001"];

#[tokio::test]
async fn except_on_demand() {
    let world = World::new().await;
    let (campaign, list) = world.campaign(&NUMBERS).await;
    let intents = world.dial(&campaign).await;
    world.end(&intents[..1], Outcome::Busy).await;
    let call = format!("/calls/{}", intents[0].attempt);
    let contact = format!("{campaign}/contacts/{}", NUMBERS[0]);

    for path in [
        call.clone(),
        format!("{call}?reveal=false"),
        "/calls".into(),
        "/calls?state=active".into(),
        contact.clone(),
        campaign.clone(),
        format!("{campaign}/progress"),
        list.clone(),
        format!("{list}/problems"),
        "/status".into(),
    ] {
        let answer = world.get(&path).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, StatusCode::OK, "{path}: {text}");
        for number in NUMBERS {
            assert!(!text.contains(&number[4..]), "{path}: {text}");
        }
    }
    let again = world.csv(&list, "", format!("{}\n{}x\n", NUMBERS[0], NUMBERS[1])).await;
    assert!(!String::from_utf8_lossy(&again.body).contains(&NUMBERS[0][4..]), "{again:?}");

    assert_eq!(world.get(&call).await.json()["number"], "+86138****8000");
    assert_eq!(world.get(&format!("{call}?reveal=true")).await.json()["number"], NUMBERS[0]);
    let contact = world.get(&format!("{contact}?reveal=true")).await.json();
    assert_eq!(
        (&contact["number"], &contact["calls"][0]["number"]),
        (&NUMBERS[0].into(), &NUMBERS[0].into())
    );
    let refused = world.get("/calls?reveal=true").await;
    assert_eq!(refused.problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "reveal");
}

#[tokio::test]
async fn numbers_that_were_said_are_masked_too() {
    let world = World::new().await;
    let (campaign, _) = world.campaign(&NUMBERS).await;
    let attempt = world.dial(&campaign).await[0].attempt;
    let turn = Turn {
        speaker: Speaker::Callee,
        step: "ask".into(),
        text: "it is 138 0013 8000".into(),
        value: "13800138000".into(),
        latency: Some(Latency { total_ms: 900, ..Latency::default() }),
        ..Turn::default()
    };
    let said = Dialogue { disposition: "happy".into(), turns: vec![turn], ..Dialogue::default() };
    let facts = EndFacts { dialogue: Some(Box::new(said)), ..EndFacts::default() };
    let (outcome, at) = (Outcome::Answered, crate::world::NOW);
    let (tally, settlement) = (Default::default(), Settlement::Reached);
    let finished =
        vec![Finished { attempt, route_try: 1, outcome, at, facts, tally, settlement, goal_reached: None }];
    world.store.take_in(&Intake { finished, ..Intake::default() }).await.expect("intake");

    let call = world.get(&format!("/calls/{attempt}")).await.json();
    assert_eq!((&call["disposition"], &call["opted_out"]), (&"happy".into(), &false.into()));
    let turn = &call["dialogue"]["turns"][0];
    assert_eq!((&turn["text"], &turn["value"]), (&"it is *** **** **00".into(), &"*********00".into()));
    assert_eq!((&turn["speaker"], &turn["latency"]["total_ms"]), (&"callee".into(), &900.into()));
    let call = world.get(&format!("/calls/{attempt}?reveal=true")).await.json();
    assert_eq!(call["dialogue"]["turns"][0]["text"], "it is 138 0013 8000");
    let listed = world.get("/calls?state=ended").await.json();
    assert_eq!(
        (&listed["items"][0]["disposition"], listed["items"][0].get("dialogue")),
        (&"happy".into(), None)
    );
}
