//! A control plane in a temporary folder, and a scripted node that speaks the real protocol to it over loopback.

use std::{collections::VecDeque, future::Future, net::SocketAddr, path::Path, time::Duration};

use analytics::ClickHouse;
use common::{AttemptId, CampaignId, E164, LineId, ListId, Outcome, ScriptId, TenantId, UnixMicros};
use peal_core::{
    command::Command,
    import::GoodRow,
    model::{CampaignSpec, LineGroupSpec, LineSpec, Move},
};
use peal_server::{Running, Secret, Server, ServerConfig};
use proto::v1::{
    Begun, Ended, Event, FromNode, Heartbeat, Hello, Lines, Order, Progress, Refused, Released, ToNode,
    event, from_node, link_client::LinkClient, progress, refused, to_node,
};
use store::{Attempt, AttemptFilter, CampaignCounts, Store};
use tokio::{runtime::Runtime, sync::mpsc};
use tonic::Streaming;

pub const TENANT: TenantId = TenantId(1);
pub const API_KEY: &str = "test-key";

/// Longer than anything here takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(40);

/// Fails the test when `future` does not come.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what} did not come"),
    }
}

/// Looks again and again until there is something.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    soon(what, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

pub fn now() -> UnixMicros {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    UnixMicros(since.as_micros() as i64)
}

/// A ClickHouse that is away.
fn nowhere() -> ClickHouse {
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    ClickHouse::from_url(&format!("http://127.0.0.1:{port}")).expect("a URL")
}

pub fn config(data: &Path) -> ServerConfig {
    ServerConfig::new(data, Secret::new(API_KEY), nowhere())
}

/// A control plane with a runtime of its own, so that it can be cut off as by a crash.
pub struct Plane {
    pub running: Option<Running>,
    runtime: Option<Runtime>,
}

impl Plane {
    pub async fn start(data: &Path) -> Self {
        Self::with(config(data)).await
    }

    pub async fn with(config: ServerConfig) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let running = runtime.spawn(Server::start(config)).await.expect("no panic").expect("it starts");
        Self { running: Some(running), runtime: Some(runtime) }
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs")
    }

    pub fn store(&self) -> &Store {
        self.running().store()
    }

    pub fn link(&self) -> SocketAddr {
        self.running().link_address()
    }

    pub async fn tell(&self, command: Command) {
        self.running().commands().send(command).await.expect("it plans");
    }

    /// Cuts it off between two instructions: nothing is flushed, given up or said.
    pub async fn crash(mut self) {
        let (running, runtime) = (self.running.take(), self.runtime.take());
        tokio::task::spawn_blocking(move || {
            if let Some(runtime) = runtime {
                runtime.shutdown_timeout(PATIENCE);
            }
            drop(running);
        })
        .await
        .expect("no panic");
    }

    pub async fn attempts(&self, campaign: CampaignId) -> Vec<Attempt> {
        let filter = AttemptFilter { campaign: Some(campaign), ..AttemptFilter::default() };
        let mut attempts = self.store().attempts(&filter, None, 1_000).await.expect("readable").items;
        attempts.reverse();
        attempts
    }

    pub async fn counts(&self, campaign: CampaignId) -> CampaignCounts {
        self.store().campaign_counts(campaign).await.expect("readable")
    }

    /// Waits until the status page says so.
    pub async fn status(&self, what: &str, mut is: impl FnMut(&api::Status) -> bool) {
        let mut status = self.running().status();
        soon(what, status.wait_for(|status| is(status))).await.expect("it runs");
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What the tests dial.
pub struct Setup {
    pub lines: Vec<LineId>,
    pub script: ScriptId,
    pub list: ListId,
    pub campaign: CampaignId,
}

/// Lines of so many calls and 1,000 calls/s in one group, and a running campaign with so many contacts.
pub async fn set_up(store: &Store, lines: &[u32], contacts: u64, more: &str) -> Setup {
    let mut ids = Vec::new();
    for (index, max_calls) in lines.iter().enumerate() {
        let text = format!(
            r#"{{"name":"line-{index}","address":"127.0.0.1","max_calls":{max_calls},"max_cps":1000}}"#
        );
        let spec: LineSpec = serde_json::from_str(&text).expect("a line");
        ids.push(store.create_line(TENANT, &spec).await.expect("created").id);
    }
    let group = LineGroupSpec { name: "group".into(), lines: ids.clone() };
    let group = store.create_line_group(TENANT, &group).await.expect("created").id;
    let script = script::read(r#"{"name":"wait","steps":[{"do":"wait","ms":1000}]}"#).expect("a script");
    let script = store.put_script(TENANT, &script).await.expect("created").id;
    let list = store.create_list(TENANT, "list", now()).await.expect("created").id;
    add_contacts(store, list, 1..=contacts).await;
    let text =
        format!(r#"{{"name":"campaign","lists":[{list}],"line_group":{group},"script":{script}{more}}}"#);
    let spec: CampaignSpec = serde_json::from_str(&text).expect("a campaign");
    let campaign = store.create_campaign(TENANT, &spec, now()).await.expect("created").id;
    store.move_campaign(TENANT, campaign, Move::Start).await.expect("started");
    Setup { lines: ids, script, list, campaign }
}

pub async fn add_contacts(store: &Store, list: ListId, contacts: std::ops::RangeInclusive<u64>) {
    let rows: Vec<_> = contacts
        .map(|n| {
            let number = E164::from_u64(8_613_800_000_000 + n).expect("13 digits");
            Ok(GoodRow { line: n + 1, number, fields: String::new() })
        })
        .collect();
    let mut import = store.import(list, now()).await.expect("a list");
    import.push(&rows).await.expect("pushed");
    import.finish(now()).await.expect("finished");
}

/// A scripted node: it does nothing by itself.
pub struct Node {
    up: mpsc::Sender<FromNode>,
    down: Streaming<ToNode>,
    waiting: VecDeque<to_node::Message>,
    pub welcome_seq: u64,
    pub epoch: u64,
    pub next_seq: u64,
}

impl Node {
    pub async fn attach(link: SocketAddr, name: &str) -> Self {
        let mut node = Self::connect(link, hello(name)).await;
        match node.message().await {
            Some(to_node::Message::Welcome(welcome)) => {
                node.welcome_seq = welcome.acknowledged_seq;
                node.next_seq = welcome.acknowledged_seq + 1;
                node.epoch = welcome.epoch;
            }
            other => panic!("a welcome was due, not {other:?}"),
        }
        node
    }

    /// Connects again and again while the control plane does not plan yet.
    pub async fn attach_when_it_plans(plane: &Plane, name: &str) -> Self {
        plane.status("a planner", |status| status.planner).await;
        Self::attach(plane.link(), name).await
    }

    pub async fn connect(link: SocketAddr, hello: Hello) -> Self {
        let mut client = LinkClient::connect(format!("http://{link}")).await.expect("listening");
        let (up, messages) = mpsc::channel(1_024);
        up.try_send(FromNode { message: Some(from_node::Message::Hello(hello)) }).expect("room");
        let stream = tokio_stream::wrappers::ReceiverStream::new(messages);
        let down = client.attach(stream).await.expect("attached").into_inner();
        Self { up, down, waiting: VecDeque::new(), welcome_seq: 0, epoch: 0, next_seq: 1 }
    }

    /// The next message; `None` at the end of the stream.
    pub async fn message(&mut self) -> Option<to_node::Message> {
        if let Some(message) = self.waiting.pop_front() {
            return Some(message);
        }
        match soon("a message to the node", self.down.message()).await {
            Ok(Some(message)) => message.message,
            Ok(None) | Err(_) => None,
        }
    }

    /// The first message that `take` takes; the others before it are kept for later.
    pub async fn wait_for<T>(
        &mut self,
        what: &str,
        mut take: impl FnMut(&to_node::Message) -> Option<T>,
    ) -> T {
        let mut kept = VecDeque::new();
        let taken = soon(what, async {
            loop {
                let Some(message) = self.message().await else { panic!("the stream ended before {what}") };
                match take(&message) {
                    Some(taken) => return taken,
                    None => kept.push_back(message),
                }
            }
        })
        .await;
        kept.append(&mut self.waiting);
        self.waiting = kept;
        taken
    }

    pub async fn order(&mut self) -> Order {
        self.wait_for("an order", |message| match message {
            to_node::Message::Order(order) => Some(order.clone()),
            _ => None,
        })
        .await
    }

    pub async fn lines(&mut self) -> Lines {
        self.wait_for("lines", |message| match message {
            to_node::Message::Lines(lines) => Some(lines.clone()),
            _ => None,
        })
        .await
    }

    pub async fn acknowledged(&mut self, seq: u64) {
        self.wait_for("an acknowledgement", |message| match message {
            to_node::Message::Ack(ack) if ack.seq >= seq => Some(()),
            _ => None,
        })
        .await;
    }

    /// Nothing of what came in the last second and comes in the next lease is an order.
    pub async fn no_order_until_leases(&mut self, leases: usize) {
        for _ in 0..leases {
            loop {
                match self.message().await {
                    Some(to_node::Message::Lease(_)) => break,
                    Some(to_node::Message::Order(order)) => panic!("no order was due: {order:?}"),
                    Some(_) => {}
                    None => panic!("the stream ended"),
                }
            }
        }
    }

    pub async fn send(&self, message: from_node::Message) {
        self.up.send(FromNode { message: Some(message) }).await.expect("attached");
    }

    /// Sends an event of an order and gives its number.
    pub async fn tell(&mut self, order: &Order, event: event::Event) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.tell_again(seq, order, event).await;
        seq
    }

    pub async fn tell_again(&self, seq: u64, order: &Order, event: event::Event) {
        self.send(from_node::Message::Event(Event {
            seq,
            attempt: order.attempt.clone(),
            route_try: order.route_try,
            line: order.line,
            at_us: now().0,
            event: Some(event),
        }))
        .await;
    }

    /// Ended, then released.
    pub async fn end(&mut self, order: &Order, ended: event::Event) -> u64 {
        self.tell(order, ended).await;
        self.tell(order, event::Event::Released(Released {})).await
    }

    pub async fn heartbeat(&self, heartbeat: Heartbeat) {
        self.send(from_node::Message::Heartbeat(heartbeat)).await;
    }
}

pub fn hello(name: &str) -> Hello {
    Hello {
        node: name.into(),
        boot: b"boot-1".to_vec(),
        protocol: proto::PROTOCOL,
        version: "test".into(),
        shards: 1,
        max_calls: 10_000,
        active_calls: 0,
        token: String::new(),
    }
}

pub fn attempt(order: &Order) -> AttemptId {
    AttemptId::from_slice(&order.attempt).expect("sixteen bytes")
}

pub fn begun() -> event::Event {
    event::Event::Begun(Begun { call_id: "call".into() })
}

pub fn stage(stage: progress::Stage) -> event::Event {
    event::Event::Progress(Progress { stage: stage.into(), sip_status: 0, digit: String::new() })
}

pub fn refused(reason: refused::Reason) -> event::Event {
    event::Event::Refused(Refused { reason: reason.into(), detail: String::new() })
}

/// An end without an answer.
pub fn failed(outcome: Outcome, sip_status: u32, may_have_rung: bool) -> event::Event {
    event::Event::Ended(Ended {
        outcome: outcome.as_str().into(),
        sip_status,
        may_have_rung,
        invited_at_us: now().0 - 100_000,
        ended_at_us: now().0,
        ..Ended::default()
    })
}

/// An answered call of two seconds after one of ringing.
pub fn answered() -> event::Event {
    let end = now().0;
    event::Event::Ended(Ended {
        outcome: Outcome::Answered.as_str().into(),
        sip_status: 200,
        may_have_rung: true,
        invited_at_us: end - 3_500_000,
        trying_at_us: end - 3_400_000,
        ringing_at_us: end - 3_000_000,
        answered_at_us: end - 2_000_000,
        ended_at_us: end,
        hung_up_by: "callee".into(),
        digits: "1".into(),
        codec: "PCMA".into(),
        ..Ended::default()
    })
}

/// As if the orders of the stopped control plane had been made an hour earlier.
pub async fn age_slots(data: &Path) {
    use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
    let options = SqliteConnectOptions::new().filename(data.join("peal.db"));
    let mut database = SqliteConnection::connect_with(&options).await.expect("a database");
    sqlx::query("UPDATE route_try SET slot_until = slot_until - 3600000000")
        .execute(&mut database)
        .await
        .expect("updated");
    database.close().await.expect("closed");
}
