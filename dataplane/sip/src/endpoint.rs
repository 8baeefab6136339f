//! The user agent of one shard: its tables, and the five verbs that drive them.
//!
//! Each kind of work has its module: `order` and `calling` for the life of a call, `ending` for its end, `outgoing` for the
//! client transactions under it; `transfer` for REFER; `incoming` for requests in its dialogs and `server` for their transactions; `stray` for
//! requests that belong to nothing; `probe` for OPTIONS.

mod api;
mod auth;
mod calling;
mod compose;
mod dtmf;
mod ending;
mod failure;
mod incoming;
mod order;
mod outgoing;
mod probe;
mod queue;
mod server;
mod stray;
mod timers;
mod transfer;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

pub use api::{
    AuthRefusal, CallEvent, CallHandle, CallReason, EndedBy, EndpointConfig, Failure, FailureOrigin, ForkId,
    InviteError, InviteRequest, Limits, Load, OfferAnswer, OptionsRequest, Output, ProbeHandle, ProbeResult,
    ReferError, ReferProgress, TextClass, Transmit, UnknownCall,
};

use crate::counters::Counters;
use crate::message::{Message, ParseError, Reply, Verdict};
use crate::token::Token;
use crate::transaction::{Reason, TimerValues};
use calling::Call;
use common::entropy::Entropy;
use common::slab::{Key, Slab};

use outgoing::Client;
use probe::Probe;
use queue::Queue;
use server::Server;
use stray::Strays;
use timers::{Target, Timers};

/// Timers fired in one `handle_timeout`. At 5,000 calls a second about 25 are due in a millisecond; a shard that was
/// away for a second must not be away for another one to catch up.
const TIMERS_PER_TURN: usize = 512;

/// All calls of one shard. See the crate's documentation for how to drive it.
#[derive(Debug)]
pub struct Endpoint {
    local: SocketAddr,
    sent_by: String,
    user_agent: String,
    shard: u16,
    limits: Limits,
    timer_values: TimerValues,
    entropy: Entropy,
    counters: Counters,
    calls: Slab<Call>,
    /// Calls after their `Released`, oldest first. Those that are gone are passed over.
    lingering: VecDeque<Key>,
    lingering_count: usize,
    clients: Slab<Client>,
    servers: Slab<Server>,
    /// By the hash of what identifies the transaction, which peers cannot aim at.
    server_by_key: HashMap<u64, Key>,
    probes: Slab<Probe>,
    strays: Strays,
    timers: Timers,
    queue: Queue,
    outputs: VecDeque<Output>,
}

impl Endpoint {
    /// An endpoint without calls.
    pub fn new(config: EndpointConfig) -> Self {
        let EndpointConfig { local, advertised, user_agent, shard, seed, timers, limits } = config;
        Endpoint {
            local,
            sent_by: advertised.unwrap_or_else(|| local.to_string()),
            user_agent,
            shard,
            limits,
            timer_values: timers,
            entropy: Entropy::new(seed, shard),
            counters: Counters::default(),
            calls: Slab::new(),
            lingering: VecDeque::new(),
            lingering_count: 0,
            clients: Slab::new(),
            servers: Slab::new(),
            server_by_key: HashMap::new(),
            probes: Slab::new(),
            strays: Strays::new(),
            timers: Timers::default(),
            queue: Queue::new(),
            outputs: VecDeque::new(),
        }
    }

    /// A datagram has arrived.
    pub fn handle_input(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        self.counters.datagrams_received += 1;
        match Message::parse(datagram) {
            Ok(message) if message.status().is_some() => self.on_response(now, from, &message),
            Ok(message) => self.on_request(now, from, &message, datagram),
            Err(ParseError::KeepAlive) => self.counters.keep_alives += 1,
            Err(error) => self.on_malformed(now, from, datagram, error),
        }
    }

    /// The time of `poll_timeout` has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        for _ in 0..TIMERS_PER_TURN {
            match self.timers.pop_due(now) {
                Some((Target::Client(key), at)) => self.on_client_timer(now, key, at),
                Some((Target::Server(key), at)) => self.on_server_timer(now, key, at),
                None => break,
            }
        }
    }

    /// Writes the next datagram into `slot`, which should have [`DATAGRAM_BYTES_MAX`](crate::DATAGRAM_BYTES_MAX) bytes;
    /// what does not fit is dropped and counted.
    pub fn poll_transmit(&mut self, _now: Instant, slot: &mut [u8]) -> Option<Transmit> {
        loop {
            let (to, datagram) = self.queue.pop()?;
            let len = datagram.len();
            let fits = slot.get_mut(..len).map(|slot| slot.copy_from_slice(&datagram)).is_some();
            self.queue.recycle(datagram);
            if fits {
                self.counters.datagrams_sent += 1;
                return Some(Transmit { to, len });
            }
            self.counters.oversize_dropped += 1;
        }
    }

    /// The next thing that the owner should know.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call `handle_timeout`, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        self.timers.next()
    }

    /// What has been counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How full the tables are.
    pub fn load(&self) -> Load {
        Load {
            calls: self.calls.len() - self.lingering_count,
            lingering: self.lingering_count,
            client_transactions: self.clients.len(),
            server_transactions: self.servers.len(),
            timers: self.timers.len(),
        }
    }

    /// A call's Call-ID, until its `Released`.
    pub fn call_id(&self, call: CallHandle) -> Option<&str> {
        self.calls.find(call.0).map(Call::call_id)
    }

    /// A datagram that does not parse: its sender hears why, if it is a request that can be answered at all.
    fn on_malformed(&mut self, now: Instant, from: SocketAddr, datagram: &[u8], error: ParseError) {
        let Verdict::Respond(status) = error.verdict() else {
            self.counters.malformed_dropped += 1;
            return;
        };
        let Some(request) = Message::salvage(datagram) else {
            self.counters.malformed_dropped += 1;
            return;
        };
        if !self.strays.admit(now, self.limits.stray_answers_per_s) {
            self.counters.stray_requests_shed += 1;
            return;
        }
        self.counters.malformed_requests_answered += 1;
        let tag = self.stateless_tag(&request);
        let reply = Reply::new(&request, from);
        let written = self.queue.compose(|writer| {
            reply.head(status, error.phrase(), tag.as_bytes(), writer);
            writer.header("Server", self.user_agent.as_bytes()).body(b"");
        });
        match written {
            Ok(datagram) => self.queue.send_owned(reply.destination(), datagram),
            Err(_) => self.counters.oversize_dropped += 1,
        }
    }

    fn report(&mut self, call: Key, event: CallEvent) {
        if let Some(found) = self.calls.find(call) {
            self.outputs.push_back(Output::Call { call: CallHandle(call), owner: found.owner, event });
        }
    }

    fn token(&mut self, key: Key) -> Token {
        Token { shard: self.shard, key, nonce: self.entropy.draw() }
    }
}
