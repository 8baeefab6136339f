//! Server transactions: what we answered, until nobody can ask again.

use std::net::SocketAddr;
use std::time::Instant;

use super::stray::{write_capabilities, write_unsupported};
use super::timers::Target;
use super::{Endpoint, compose};
use crate::message::{Message, Reply, Writer};
use crate::transaction::{Alarm, InviteServer, OnTimer, RequestServer};
use common::slab::Key;

/// A server transaction.
#[derive(Debug)]
pub(super) struct Server {
    pub machine: Machine,
    /// Its place in the table of keys.
    pub hash: u64,
    pub call: Key,
    pub dialog: usize,
    pub cseq: u32,
    pub source: SocketAddr,
    pub to: SocketAddr,
    /// The request, while its answer waits for the owner; then the answer.
    pub datagram: Vec<u8>,
    /// The request brought no offer, so that our 2xx makes one.
    pub offer_is_ours: bool,
    pub scheduled: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Machine {
    Invite(InviteServer),
    Request(RequestServer),
}

impl Server {
    fn alarm(&self) -> Option<Alarm> {
        match &self.machine {
            Machine::Invite(machine) => machine.alarm(),
            Machine::Request(machine) => machine.alarm(),
        }
    }
}

/// What a final answer adds to its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail<'a> {
    Nothing,
    Allow,
    Accept,
    Unsupported,
    Capabilities,
    RetryAfter,
    Session(&'a [u8]),
}

impl Endpoint {
    /// What tells transactions apart (RFC 3261 section 17.2.3): branch and sent-by, or for an RFC 2543 client most of the
    /// request. An ACK belongs to its INVITE.
    pub(super) fn server_key(&self, request: &Message<'_>, method: &[u8]) -> u64 {
        let method: &[u8] = if method == b"ACK" { b"INVITE" } else { method };
        let Some(via) = request.via() else { return 0 };
        match via.unique_branch() {
            Some(branch) => self.entropy.hash(&("branch", branch, via.sent_by, method)),
            None => {
                let from = request.from().and_then(|from| from.tag());
                let parts = (request.request_uri(), from, request.call_id(), request.cseq().number);
                self.entropy.hash(&("2543", parts, via.sent_by, via.branch(), method))
            }
        }
    }

    /// Answers at once and remembers the answer for repetitions.
    pub(super) fn respond(
        &mut self,
        now: Instant,
        mut server: Server,
        request: &Message<'_>,
        status: u16,
        phrase: &'static str,
        detail: Detail<'_>,
    ) {
        let Some(datagram) = self.write_answer(server.call, request, server.source, status, phrase, detail)
        else {
            return;
        };
        if self.servers.len() >= self.limits.server_transactions {
            self.counters.server_transactions_shed += 1;
            self.queue.send_owned(server.to, datagram);
            return;
        }
        self.queue.send(server.to, &datagram);
        match &mut server.machine {
            Machine::Invite(machine) => machine.on_final_sent(now, status),
            Machine::Request(machine) => machine.on_final_sent(now),
        }
        let hash = server.hash;
        let key = self.servers.insert(Server { datagram, ..server });
        self.server_by_key.insert(hash, key);
        self.arm_server(key);
    }

    pub(super) fn write_answer(
        &mut self,
        call: Key,
        request: &Message<'_>,
        source: SocketAddr,
        status: u16,
        phrase: &'static str,
        detail: Detail<'_>,
    ) -> Option<Vec<u8>> {
        let written = self.with_invite(call, |endpoint, _, invite| {
            let user_agent = endpoint.user_agent.as_bytes();
            endpoint.queue.compose(|writer| {
                Reply::new(request, source).head(status, phrase, b"", writer);
                let body = write_detail(detail, request, invite, writer);
                writer.header("Server", user_agent);
                if !body.is_empty() {
                    writer.header("Content-Type", b"application/sdp");
                }
                writer.body(body);
            })
        });
        match written {
            Some(Ok(datagram)) => Some(datagram),
            Some(Err(_)) => {
                self.counters.oversize_dropped += 1;
                None
            }
            None => None,
        }
    }

    pub(super) fn on_repetition(&mut self, key: Key) {
        let Some(server) = self.servers.find(key) else { return };
        self.counters.request_retransmissions_absorbed += 1;
        let (again, pending) = match &server.machine {
            Machine::Invite(machine) => (machine.on_retransmission(), machine.is_pending()),
            Machine::Request(machine) => (machine.on_retransmission(), machine.is_pending()),
        };
        if again && !pending {
            self.counters.responses_retransmitted += 1;
            self.queue.send(server.to, &server.datagram);
        }
    }

    pub(super) fn arm_server(&mut self, key: Key) {
        if let Some(server) = self.servers.find_mut(key) {
            let alarm = server.alarm();
            self.timers.arm(Target::Server(key), alarm, &mut server.scheduled);
        }
    }

    pub(super) fn remove_server(&mut self, key: Key) {
        if let Some(server) = self.servers.remove(key) {
            self.server_by_key.remove(&server.hash);
            self.queue.recycle(server.datagram);
        }
    }

    pub(super) fn on_server_timer(&mut self, now: Instant, key: Key, at: Instant) {
        let Some(server) = self.servers.find_mut(key) else { return };
        if server.scheduled != Some(at) {
            return;
        }
        server.scheduled = None;
        let (due, was_success) = match &mut server.machine {
            Machine::Invite(machine) => {
                let was_success = machine.awaits_ack_of_success();
                (machine.on_timer(now), was_success)
            }
            Machine::Request(machine) => (machine.on_timer(now), false),
        };
        match due {
            OnTimer::Wait => self.arm_server(key),
            OnTimer::Retransmit => {
                self.counters.responses_retransmitted += 1;
                self.queue.send(server.to, &server.datagram);
                self.arm_server(key);
            }
            OnTimer::GiveUp | OnTimer::Forget => {
                let call = server.call;
                self.remove_server(key);
                if let Some(found) = self.calls.find_mut(call)
                    && found.unacknowledged == Some(key)
                {
                    found.unacknowledged = None;
                }
                if due == OnTimer::GiveUp && was_success {
                    self.on_ack_missing(now, call);
                }
            }
        }
    }
}

/// Writes the headers of a detail and returns the body that it wants.
fn write_detail<'a>(
    detail: Detail<'a>,
    request: &Message<'_>,
    invite: &Message<'_>,
    writer: &mut Writer<'_>,
) -> &'a [u8] {
    match detail {
        Detail::Nothing => {}
        Detail::Allow => {
            writer.header("Allow", compose::ALLOW.as_bytes());
        }
        Detail::Accept => {
            writer.header("Accept", b"application/sdp");
        }
        Detail::Unsupported => write_unsupported(request, writer),
        Detail::Capabilities => {
            compose::contact(invite, writer);
            write_capabilities(writer);
        }
        Detail::RetryAfter => {
            // Section 14.2 asks for a random 0–10 s; the far end's own timer spreads it.
            writer.header_number("Retry-After", 2);
        }
        Detail::Session(body) => {
            compose::contact(invite, writer);
            writer.header("Allow", compose::ALLOW.as_bytes());
            return body;
        }
    }
    b""
}
