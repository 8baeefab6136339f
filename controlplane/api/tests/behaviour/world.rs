//! The API in process, over a store in a folder of its own.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use analytics::{Analytics, ClickHouse};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
    response::Response,
};
use common::{AttemptId, CampaignId, NodeId, Outcome, TenantId, UnixMicros};
use peal_api::{ApiState, Feed, PassedOver, Status};
use peal_core::{
    command::Command,
    model::{Move, RetryPolicy, RetryRule},
    retry::Tally,
};
use serde_json::{Value, json};
use store::{Acquired, EndFacts, Finished, Intake, Intent, Released, Store, StoreOptions};
use tokio::sync::{mpsc, watch};
use tower::ServiceExt;

pub const TENANT: TenantId = TenantId(1);
pub const NOW: UnixMicros = UnixMicros(1_800_000_000_000_000);
pub const KEY: &str = "a key of 24 characters..";

pub struct World {
    pub router: Router,
    pub store: Store,
    pub commands: mpsc::Receiver<Command>,
    pub feed: Arc<Feed>,
    pub status: watch::Sender<Status>,
    /// Readings of the clock that are left before it panics, once.
    pub readings: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub kind: String,
    pub body: Vec<u8>,
    pub replayed: bool,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        let kind = response.headers().get(header::CONTENT_TYPE);
        let kind = kind.map(|kind| kind.to_str().expect("text").to_owned()).unwrap_or_default();
        let replayed = response.headers().contains_key("idempotency-replayed");
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a whole body").to_vec();
        Self { status, kind, body, replayed }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The answer, when it is this.
    #[track_caller]
    pub fn expect(self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// The problem, when it is one of this kind; its field.
    #[track_caller]
    pub fn problem(&self, status: StatusCode, kind: &str) -> String {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        assert_eq!(self.status, status, "{text}");
        assert_eq!(self.kind, "application/problem+json", "{text}");
        let problem = self.json();
        assert_eq!(problem["status"], status.as_u16(), "{text}");
        assert_eq!(problem["type"], kind, "{text}");
        for words in ["title", "detail"] {
            assert!(problem[words].as_str().is_some_and(|words| !words.is_empty()), "{text}");
        }
        problem["field"].as_str().unwrap_or_default().to_owned()
    }
}

impl World {
    pub async fn new() -> Self {
        // In memory where there is such a place: what a power cut leaves is what the store's own tests are about.
        let folder =
            tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder");
        let store = Store::open(&StoreOptions::new(folder.path().join("peal.db"))).await.expect("a store");
        let (commands, received) = mpsc::channel(1_000);
        let (status, watched) = watch::channel(Status::default());
        let feed = Arc::new(Feed::new(8, 1_000));
        let readings = Arc::new(AtomicI64::new(i64::MAX));
        let left = readings.clone();
        // Nobody listens there: the discard port of the loopback.
        let nowhere = ClickHouse::from_url("http://127.0.0.1:9").expect("a good URL");
        let router = peal_api::router(ApiState {
            store: store.clone(),
            commands,
            feed: feed.clone(),
            status: watched,
            analytics: Analytics::new(&nowhere),
            api_key: KEY.into(),
            clock: Arc::new(move || {
                assert_ne!(left.fetch_sub(1, Ordering::Relaxed), 0, "the clock is broken");
                NOW
            }),
        });
        Self { router, store, commands: received, feed, status, readings, _folder: folder }
    }

    pub fn request(method: &str, path: &str) -> axum::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(if path.starts_with("/api") { path.to_owned() } else { format!("/api/v1{path}") })
            .header(header::AUTHORIZATION, format!("Bearer {KEY}"))
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.open(request).await).await
    }

    /// Sends a request and leaves the body of the answer where it is.
    pub async fn open(&self, request: Request<Body>) -> Response {
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Self::request("GET", path).body(Body::empty()).expect("a request")).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Self::request("DELETE", path).body(Body::empty()).expect("a request")).await
    }

    pub async fn act(&self, path: &str) -> Answer {
        self.send(Self::request("POST", path).body(Body::empty()).expect("a request")).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json("POST", path, body.to_string()).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.json("PUT", path, body.to_string()).await
    }

    pub async fn json(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        let request = Self::request(method, path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.into()).expect("a request")).await
    }

    pub async fn csv(&self, list: &str, query: &str, body: impl Into<Body>) -> Answer {
        let request = Self::request("POST", &format!("{list}/contacts{query}"));
        let request = request.header(header::CONTENT_TYPE, "text/csv").body(body.into());
        self.send(request.expect("a request")).await
    }

    /// Makes something and gives its path.
    #[track_caller]
    pub fn made(&self, collection: &str, answer: Answer) -> String {
        let made = answer.expect(StatusCode::CREATED);
        format!("{collection}/{}", made["id"].as_i64().expect("an id"))
    }

    pub async fn list(&self, name: &str) -> String {
        let answer = self.post("/lists", &json!({ "name": name })).await;
        self.made("/lists", answer)
    }

    /// A draft over one line and one list with these numbers; gives the paths of the campaign and the list.
    pub async fn campaign(&self, numbers: &[&str]) -> (String, String) {
        let answer = self.post("/lines", &line("a")).await;
        let line = id(&self.made("/lines", answer));
        let answer = self.post("/line-groups", &json!({ "name": "all", "lines": [line] })).await;
        let group = id(&self.made("/line-groups", answer));
        let answer = self.post("/scripts", &json!({ "name": "s", "steps": [{ "do": "hang_up" }] })).await;
        let script = id(&self.made("/scripts", answer));
        let list = self.list("l").await;
        self.csv(&list, "", format!("number\n{}\n", numbers.join("\n"))).await.expect(StatusCode::OK);
        let spec = json!({ "name": "c", "lists": [id(&list)], "line_group": group, "script": script });
        let answer = self.post("/campaigns", &spec).await;
        (self.made("/campaigns", answer), list)
    }

    /// Begins attempts at the contacts of a draft, as the planner does.
    pub async fn dial(&self, campaign: &str) -> Vec<Intent> {
        let campaign = CampaignId(id(campaign));
        for action in [Move::Start, Move::ScheduleReached] {
            self.store.move_campaign(TENANT, campaign, action).await.expect("a legal move");
        }
        let ttl = std::time::Duration::from_secs(5);
        let Acquired::Ours(epoch) = self.store.acquire_planner_lease("test", NOW, ttl).await.expect("lease")
        else {
            panic!("somebody else plans")
        };
        let spec = self.store.campaign(TENANT, campaign).await.expect("campaign").spec;
        let group = self.store.line_group(TENANT, spec.line_group).await.expect("group");
        let drawn = self.store.draw(campaign, NOW, 100).await.expect("draw").contacts;
        let intents: Vec<_> = drawn
            .iter()
            .enumerate()
            .map(|(index, ready)| Intent {
                attempt: AttemptId::new(NOW.as_millis() as u64 + index as u64, &[7; 10]),
                tenant: TENANT,
                campaign,
                list: ready.list,
                contact: ready.contact,
                number: ready.number,
                attempt_no: ready.tally.attempts + 1,
                planned_at: NOW,
                priority: 3,
                script: spec.script.ids()[0],
                caller_id: "+8601012345678".into(),
                verdicts: String::new(),
                line: group.spec.lines[0],
                node: NodeId("n1".into()),
                slot_until: NOW.saturating_add(std::time::Duration::from_secs(700)),
            })
            .collect();
        self.store.commit_intents(epoch, NOW, &intents).await.expect("commit");
        intents
    }

    /// Ends attempts under a policy that calls the busy again after a minute.
    pub async fn end(&self, intents: &[Intent], outcome: Outcome) {
        self.end_with(intents, outcome, None).await;
    }

    /// The same, with what was said.
    pub async fn end_with(&self, intents: &[Intent], outcome: Outcome, said: Option<store::Dialogue>) {
        let rule = RetryRule { delay_s: 60, max: 5 };
        let policy = RetryPolicy { max_attempts: 3, rules: [(Outcome::Busy, rule)].into_iter().collect() };
        let mut batch = Intake::default();
        for intent in intents {
            let mut tally = Tally { attempts: intent.attempt_no - 1, by_outcome: Default::default() };
            let settlement = tally.settle(&policy, outcome, NOW);
            batch.finished.push(Finished {
                attempt: intent.attempt,
                route_try: 1,
                outcome,
                at: NOW,
                facts: EndFacts {
                    sip_status: 486,
                    dialogue: said.clone().map(Box::new),
                    ..EndFacts::default()
                },
                tally,
                settlement,
                goal_reached: None,
            });
            batch.released.push(Released { attempt: intent.attempt, route_try: 1, at: NOW });
        }
        self.store.take_in(&batch).await.expect("intake");
    }

    pub fn hold_up(&self, campaign: &str, reason: &str) {
        let held = PassedOver { campaign: CampaignId(id(campaign)), reason: reason.into() };
        self.status.send_modify(|status| status.passed_over = vec![held]);
    }

    /// What the server was told since the last look.
    pub fn told(&mut self) -> Vec<Command> {
        std::iter::from_fn(|| self.commands.try_recv().ok()).collect()
    }
}

/// The id at the end of a path.
pub fn id(path: &str) -> i64 {
    path.rsplit('/').next().and_then(|id| id.parse().ok()).expect("a path that ends with an id")
}

pub fn line(name: &str) -> Value {
    json!({ "name": name, "address": "127.0.0.1:5070", "max_calls": 10, "max_cps": 5 })
}

/// A WAV file of a second of silence.
pub fn wav() -> Vec<u8> {
    let (rate, bytes) = (8_000_u32, 16_000_u32);
    let mut file = b"RIFF".to_vec();
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * 2).to_le_bytes());
    file.extend(2_u16.to_le_bytes());
    file.extend(16_u16.to_le_bytes());
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    file.resize(file.len() + bytes as usize, 0);
    file
}
