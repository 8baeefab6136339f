//! Server-sent events: as they happen, resumed, with a gap, for one campaign.

use axum::{
    body::{Body, BodyDataStream},
    http::StatusCode,
};
use common::{AttemptId, CampaignId, ContactId, E164, LineId, Outcome, TenantId};
use futures_util::StreamExt;
use peal_core::event::{CallEvent, Happening};
use serde_json::{Value, json};

use crate::world::{NOW, World};

fn event(campaign: i64, what: Happening) -> CallEvent {
    CallEvent {
        id: 0,
        tenant: TenantId(1),
        at: NOW,
        campaign: CampaignId(campaign),
        contact: ContactId(3),
        attempt: AttemptId::new(1, &[0; 10]),
        route_try: 1,
        line: LineId(4),
        number: E164::parse("+8613800138000").expect("well formed"),
        what,
    }
}

/// An open stream.
struct Events {
    body: BodyDataStream,
    text: String,
}

/// One event: name, id, data.
type Event = (String, String, Value);

impl Events {
    async fn open(world: &World, query: &str, last: Option<&str>) -> Self {
        let mut request = World::request("GET", &format!("/events{query}"));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = world.open(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        while !self.text.contains("\n\n") {
            let piece = self.body.next().await?.expect("a piece");
            self.text += std::str::from_utf8(&piece).expect("UTF-8");
        }
        let (event, rest) = self.text.split_once("\n\n").expect("just seen");
        let field = |name: &str| {
            let value = event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.unwrap_or_default().trim().to_owned()
        };
        let event = (field("event"), field("id"), serde_json::from_str(&field("data")).expect("JSON"));
        self.text = rest.to_owned();
        Some(event)
    }

    async fn ids(&mut self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.next().await.expect("an event").1);
        }
        ids
    }
}

#[tokio::test]
async fn as_they_happen() {
    let world = World::new().await;
    world.feed.push([event(1, Happening::Planned)]);
    let mut events = Events::open(&world, "", None).await;
    world.feed.push([event(1, Happening::Ringing)]);
    let (name, id, data) = events.next().await.expect("an event");
    assert_eq!((name.as_str(), id.as_str()), ("ringing", "1001"));
    let shown = json!({ "id": 1001, "at": "2027-01-15T08:00:00Z", "event": "ringing", "campaign": 1, "contact": 3,
        "attempt": AttemptId::new(1, &[0; 10]), "route_try": 1, "line": 4, "number": "+86138****8000" });
    assert_eq!(data, shown);
    let end = Happening::Ended { outcome: Outcome::Busy, talk_ms: 0 };
    world.feed.push([event(1, Happening::Digit { digit: "5".into() }), event(1, end)]);
    assert_eq!(events.next().await.expect("an event").2["digit"], "5");
    let (name, _, data) = events.next().await.expect("an event");
    assert_eq!((name.as_str(), &data["outcome"], &data["talk_ms"]), ("ended", &json!("busy"), &json!(0)));
}

#[tokio::test]
async fn resumed_where_it_broke_off() {
    let world = World::new().await;
    world.feed.push((0..4).map(|_| event(1, Happening::Ringing)));
    let mut events = Events::open(&world, "", Some("1001")).await;
    assert_eq!(events.ids(2).await, ["1002", "1003"]);
    let mut events = Events::open(&world, "?after=1000", None).await;
    assert_eq!(events.ids(3).await, ["1001", "1002", "1003"]);
    let mut events = Events::open(&world, "?after=1000", Some("1002")).await;
    assert_eq!(events.ids(1).await, ["1003"], "the header is what a browser sends when it comes again");
    world.feed.push([event(1, Happening::Answered)]);
    assert_eq!(events.ids(1).await, ["1004"]);
    for wrong in ["x", "-1", "1.5"] {
        let request = World::request("GET", "/events").header("Last-Event-ID", wrong);
        let answer = world.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "Last-Event-ID");
    }
}

#[tokio::test]
async fn a_gap_is_told() {
    let world = World::new().await;
    world.feed.push((0..10).map(|_| event(1, Happening::Ringing)));
    for last in ["1000", "5", "9999"] {
        let mut events = Events::open(&world, "", Some(last)).await;
        let (name, id, data) = events.next().await.expect("an event");
        assert_eq!((name.as_str(), id.as_str(), &data), ("gap", "", &json!({ "oldest": 1002 })), "{last}");
        assert_eq!(events.ids(8).await.first().map(String::as_str), Some("1002"));
    }
}

#[tokio::test]
async fn for_one_campaign_and_one_tenant() {
    let world = World::new().await;
    let mut events = Events::open(&world, "?campaign=2", None).await;
    let mut theirs = event(2, Happening::Ringing);
    theirs.tenant = TenantId(2);
    world.feed.push([event(1, Happening::Ringing), theirs, event(2, Happening::Ringing)]);
    assert_eq!(events.ids(1).await, ["1002"]);
}

#[tokio::test]
async fn they_end_when_the_feed_is_closed() {
    let world = World::new().await;
    let mut events = Events::open(&world, "", None).await;
    world.feed.push([event(1, Happening::Ringing)]);
    world.feed.close();
    assert_eq!(events.ids(1).await, ["1000"], "what is there is sent first");
    assert_eq!(events.next().await, None);
}
