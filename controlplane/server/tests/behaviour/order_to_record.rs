//! An order leaves after its intent is durable; what the node tells ends in store, spool and event stream, once.

use crate::support::{API_KEY, Node, Plane, TENANT, answered, attempt, begun, set_up, stage, until};
use common::{LineId, Outcome};
use peal_core::model::CampaignState;
use proto::v1::{event, progress::Stage};
use store::Stage as Reached;

#[tokio::test]
async fn what_is_known_of_the_contact_comes_with_the_order_but_never_its_number() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[1], 0, "").await;
    let row = peal_core::import::GoodRow {
        line: 2,
        number: common::E164::from_u64(8_613_800_000_001).expect("13 digits"),
        fields: r#"{"name":"Ann","order no":"17","mobile":"138 0000 0001"}"#.to_owned(),
    };
    let mut import = plane.store().import(setup.list, crate::support::now()).await.expect("a list");
    import.push(&[Ok(row)]).await.expect("a row");
    import.finish(crate::support::now()).await.expect("the end");
    plane.tell(peal_core::command::Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let mut known: Vec<_> = node.order().await.contact.into_iter().collect();
    known.sort_unstable();
    assert_eq!(known, [("name".into(), "Ann".into()), ("order_no".into(), "17".into())]);
}

#[tokio::test]
async fn what_was_said_is_kept_with_the_attempt() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[1], 1, "").await;
    plane.tell(peal_core::command::Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let order = node.order().await;
    let mut end = answered();
    let event::Event::Ended(ended) = &mut end else { unreachable!("it is an end") };
    ended.dialogue = Some(proto::v1::Dialogue {
        disposition: "happy".into(),
        barge_ins: 2,
        turns: vec![proto::v1::Turn {
            speaker: proto::v1::turn::Speaker::Callee.into(),
            text: "四个".into(),
            value: "4".into(),
            latency: Some(proto::v1::Latency { total_ms: 900, own_ms: 20, ..Default::default() }),
            ..Default::default()
        }],
        ..Default::default()
    });
    let last = node.tell(&order, end).await;
    node.acknowledged(last).await;
    let said = plane.store().attempt(attempt(&order)).await.expect("kept").end.expect("ended").facts.dialogue;
    let said = said.expect("what was said");
    assert_eq!((said.disposition.as_str(), said.barge_ins, said.turns.len()), ("happy", 2, 1));
    let turn = &said.turns[0];
    assert_eq!(
        (turn.speaker, turn.text.as_str(), turn.value.as_str()),
        (store::Speaker::Callee, "四个", "4")
    );
    assert_eq!(turn.latency.map(|latency| (latency.total_ms, latency.own_ms)), Some((900, 20)));
}

#[tokio::test]
async fn an_answered_call_is_recorded_once_however_often_it_is_told() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[1], 1, "").await;
    plane.tell(peal_core::command::Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let mut events = Events::open(&plane).await;

    let order = node.order().await;
    assert_eq!(LineId(order.line), setup.lines[0]);
    assert_eq!((order.route_try, order.epoch, order.dial.as_str()), (1, node.epoch, "+8613800000001"));
    let kept = plane.store().attempt(attempt(&order)).await.expect("the intent came first");
    assert_eq!((kept.stage, kept.end), (Reached::Intent, None));

    node.tell(&order, begun()).await;
    node.tell(&order, stage(Stage::Invited)).await;
    let ringing = node.tell(&order, stage(Stage::Ringing)).await;
    node.acknowledged(ringing).await;
    let kept = plane.store().attempt(attempt(&order)).await.expect("kept");
    assert_eq!(kept.stage, Reached::Ringing);
    let empty = plane.running().spool().end();

    let end = answered();
    let ended = node.tell(&order, end.clone()).await;
    node.acknowledged(ended).await;
    let spooled = plane.running().spool().end();
    assert!(spooled > empty, "the row is in the spool before the acknowledgement");
    let kept = plane.store().attempt(attempt(&order)).await.expect("kept");
    assert_eq!(kept.end.expect("ended").outcome, Outcome::Answered);
    assert_eq!(plane.counts(setup.campaign).await.reached, 1);

    // The node did not hear the acknowledgement, and tells all of it again.
    for (seq, event) in [(1, begun()), (ringing, stage(Stage::Ringing)), (ended, end)] {
        node.tell_again(seq, &order, event).await;
    }
    let released = node.tell(&order, event::Event::Released(proto::v1::Released {})).await;
    node.acknowledged(released).await;
    assert_eq!(plane.running().spool().end(), spooled, "no second row");
    assert_eq!(plane.counts(setup.campaign).await.outcomes[&Outcome::Answered], 1);
    assert_eq!(events.until("ended").await, ["planned", "invited", "ringing", "ended"]);

    let state = until("another state", async || {
        let campaign = plane.store().campaign(TENANT, setup.campaign).await.expect("kept");
        (campaign.state != CampaignState::Running).then_some(campaign.state)
    })
    .await;
    assert_eq!(state, CampaignState::Completed);
    plane.status("no slot is held", |status| status.lines[0].calls == 0 && status.attempts_open == 0).await;
    let page =
        reqwest::get(format!("http://{}/metrics", plane.running().http_address())).await.expect("served");
    let page = page.text().await.expect("text");
    assert!(page.contains("peal_controlplane_attempts_ended_total{outcome=\"answered\"} 1"), "{page}");
}

/// The stream of events, as a browser reads it.
struct Events(reqwest::Response, String);

impl Events {
    async fn open(plane: &Plane) -> Self {
        let url = format!("http://{}/api/v1/events", plane.running().http_address());
        let response = reqwest::Client::new().get(url).bearer_auth(API_KEY).send().await.expect("served");
        assert_eq!(response.status(), 200);
        Self(response, String::new())
    }

    /// The names of the events up to the first `last`.
    async fn until(&mut self, last: &str) -> Vec<String> {
        loop {
            let names: Vec<String> = self
                .1
                .lines()
                .filter_map(|line| line.strip_prefix("event:"))
                .map(|name| name.trim().to_owned())
                .collect();
            if names.iter().any(|name| name == last) {
                return names;
            }
            let chunk =
                crate::support::soon("an event", self.0.chunk()).await.expect("readable").expect("goes on");
            self.1 += &String::from_utf8_lossy(&chunk);
        }
    }
}
