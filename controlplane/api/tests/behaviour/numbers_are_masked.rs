//! Whole numbers come out where they are asked for, and nowhere else (promise P19).

use axum::http::StatusCode;
use common::Outcome;

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
