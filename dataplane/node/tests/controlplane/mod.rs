//! A small control plane behind a real gRPC server: it welcomes nodes, leads one of them, and keeps every event.

#![allow(dead_code, reason = "each test uses its part")]

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use common::{AttemptId, UnixMicros};
use peal_node::clock::Now;
use peal_node::{Node, NodeConfig, PortRange};
use proto::v1::link_server::{Link, LinkServer};
use proto::v1::{self as wire, FromNode, ToNode, event, from_node, to_node};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{TcpListenerStream, UnboundedReceiverStream};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

/// Longer than anything here takes; only a failure waits so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct State {
    /// Every event as it came, repetitions included.
    pub received: Vec<wire::Event>,
    /// Events by number, each once.
    pub events: std::collections::BTreeMap<u64, wire::Event>,
    pub hellos: Vec<wire::Hello>,
    pub acks: bool,
    lines: Vec<wire::Line>,
    scripts: Vec<wire::Script>,
    prompts: Vec<(i64, Vec<u8>)>,
    stream: Option<mpsc::UnboundedSender<Result<ToNode, Status>>>,
}

impl State {
    fn acknowledged(&self) -> u64 {
        // The highest number below which there is no gap.
        (1..).find(|seq| !self.events.contains_key(seq)).map_or(0, |gap| gap - 1)
    }

    fn say(&mut self, message: to_node::Message) {
        if let Some(stream) = &self.stream {
            let _ = stream.send(Ok(ToNode { message: Some(message) }));
        }
    }

    pub fn of(&self, attempt: AttemptId) -> Vec<&'static str> {
        let mine = |event: &&wire::Event| event.attempt == attempt.as_bytes();
        self.events.values().filter(mine).map(kind).filter(|kind| *kind != "progress").collect()
    }

    pub fn count(&self, what: &str) -> usize {
        self.events.values().filter(|event| kind(event) == what).count()
    }
}

pub fn kind(event: &wire::Event) -> &'static str {
    match event.event.as_ref().expect("every event is of a kind") {
        event::Event::Begun(_) => "begun",
        event::Event::Progress(_) => "progress",
        event::Event::Ended(_) => "ended",
        event::Event::Refused(_) => "refused",
        event::Event::Released(_) => "released",
        event::Event::Forgotten(_) => "forgotten",
        event::Event::Recorded(_) => "recorded",
        event::Event::NeverSeen(_) => "never_seen",
        event::Event::OptedOut(_) => "opted_out",
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<(Mutex<State>, Condvar)>);

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().expect("no test panics with it")
    }
}

struct Service(Shared);

#[tonic::async_trait]
impl Link for Service {
    type AttachStream = Pin<Box<dyn Stream<Item = Result<ToNode, Status>> + Send>>;

    async fn attach(
        &self,
        request: Request<Streaming<FromNode>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let mut up = request.into_inner();
        let (stream, down) = mpsc::unbounded_channel();
        let shared = self.0.clone();
        tokio::spawn(async move {
            let mut stream = Some(stream);
            while let Some(Ok(FromNode { message: Some(message) })) = up.next().await {
                on_message(&shared, &mut stream, message);
                shared.0.1.notify_all();
            }
        });
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(down))))
    }
}

fn on_message(
    shared: &Shared,
    stream: &mut Option<mpsc::UnboundedSender<Result<ToNode, Status>>>,
    message: from_node::Message,
) {
    let mut state = shared.state();
    match message {
        from_node::Message::Hello(hello) => {
            state.hellos.push(hello);
            state.stream = stream.take();
            let acknowledged_seq = state.acknowledged();
            state.say(to_node::Message::Welcome(wire::Welcome { acknowledged_seq, epoch: 1 }));
            state.say(to_node::Message::Lease(wire::Lease { epoch: 1, valid_ms: 3_600_000 }));
            let lines = state.lines.clone();
            state.say(to_node::Message::Lines(wire::Lines { epoch: 1, lines }));
        }
        from_node::Message::Event(event) => {
            state.received.push(event.clone());
            if let Some(before) = state.events.insert(event.seq, event.clone()) {
                assert_eq!(before, event, "a number means one event for ever");
            }
            if state.acks {
                let seq = state.acknowledged();
                state.say(to_node::Message::Ack(wire::Ack { seq }));
            }
        }
        from_node::Message::AssetRequest(request) => match request.asset {
            Some(wire::asset_request::Asset::Script(id)) => {
                let script = state.scripts.iter().find(|script| script.id == id).cloned();
                let error = "no such script".to_owned();
                let script = script.unwrap_or(wire::Script { id, error, ..Default::default() });
                state.say(to_node::Message::Script(script));
            }
            Some(wire::asset_request::Asset::Prompt(id)) => {
                let wav = state.prompts.iter().find(|(prompt, _)| *prompt == id).map(|(_, wav)| wav.clone());
                for (index, piece) in wav.as_deref().unwrap_or_default().chunks(10_000).enumerate() {
                    let last = (index + 1) * 10_000 >= wav.as_ref().map_or(0, Vec::len);
                    let piece =
                        wire::PromptChunk { prompt: id, wav: piece.to_vec(), last, error: String::new() };
                    state.say(to_node::Message::PromptChunk(piece));
                }
            }
            None => {}
        },
        from_node::Message::Heartbeat(_) => {}
    }
}

/// The control plane.
pub struct ControlPlane {
    shared: Shared,
    pub address: SocketAddr,
    runtime: Runtime,
}

impl ControlPlane {
    pub fn start(lines: Vec<wire::Line>) -> Self {
        let runtime = Runtime::new().expect("threads");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared = Shared::default();
        {
            let mut state = shared.state();
            state.acks = true;
            state.lines = lines;
            let document = r#"{"name":"test","steps":[{"do":"play","prompt":1}]}"#.to_owned();
            state.scripts = vec![wire::Script { id: 1, document, ..Default::default() }];
            state.prompts = vec![(1, wav(8_000))];
        }
        let service = Service(shared.clone());
        let server = tonic::transport::Server::builder().add_service(LinkServer::new(service));
        runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { shared, address, runtime }
    }

    /// Ends the stream, from our side, in the middle of whatever is on it.
    pub fn break_link(&self) {
        self.shared.state().stream = None;
    }

    pub fn say(&self, message: to_node::Message) {
        self.shared.state().say(message);
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// Waits until `condition` holds.
    pub fn wait_for(&self, what: &str, condition: impl Fn(&State) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.state();
        while !condition(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            let kinds: Vec<_> = state.events.values().rev().take(10).map(kind).collect();
            assert!(!left.is_zero(), "waited in vain for {what}; the last events: {kinds:?}");
            state = self.shared.0.1.wait_timeout(state, left).expect("no test panics with it").0;
        }
    }

    /// Orders a call over line 1.
    pub fn order(&self, attempt: AttemptId, dial: &str) {
        self.say(to_node::Message::Order(wire::Order {
            attempt: attempt.as_bytes().to_vec(),
            route_try: 1,
            epoch: 1,
            line: 1,
            dial: dial.to_owned(),
            caller_id: "100".to_owned(),
            script: 1,
            record: true,
            max_ring_ms: 30_000,
            max_call_ms: 60_000,
            expires_at_us: Now::read().wall.saturating_add(Duration::from_secs(60)).0,
            recording: format!("call-{dial}"),
            tap: wire::order::Tap::Nobody.into(),
            contact: Default::default(),
            time_zone: String::new(),
        }));
    }
}

/// An attempt of now; `n` tells those of a millisecond apart.
pub fn attempt(n: u32) -> AttemptId {
    let mut random = [0; 10];
    random[6..].copy_from_slice(&n.to_be_bytes());
    let UnixMicros(now) = Now::read().wall;
    AttemptId::new(now as u64 / 1_000 + 1, &random)
}

/// A WAV file of so many samples of a tone.
pub fn wav(samples: u32) -> Vec<u8> {
    let len = samples * 2;
    let mut wav = Vec::new();
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + len).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    for word in [16_u32, 0x0001_0001, 8_000, 16_000, 0x0010_0002] {
        wav.extend_from_slice(&word.to_le_bytes());
    }
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&len.to_le_bytes());
    for n in 0..samples {
        let sample = ((f64::from(n) * 440.0 * std::f64::consts::TAU / 8_000.0).sin() * 8_000.0) as i16;
        wav.extend_from_slice(&sample.to_le_bytes());
    }
    wav
}

/// The configuration of a node on loopback, on ports that the kernel chooses.
pub fn node_config(controlplane: SocketAddr, folder: &std::path::Path) -> NodeConfig {
    NodeConfig {
        sip_port: 0,
        rtp_ports: PortRange { first: 0, last: 63 },
        rtp_own_ports: 16,
        data: folder.join("data"),
        recordings: folder.join("recordings"),
        control_plane: format!("http://{controlplane}"),
        metrics: "127.0.0.1:0".parse().expect("an address"),
        drain_s: 30,
        ..NodeConfig::default()
    }
}

pub fn start_node(config: &NodeConfig) -> Node {
    Node::start(config.clone()).unwrap_or_else(|error| panic!("{error}"))
}
