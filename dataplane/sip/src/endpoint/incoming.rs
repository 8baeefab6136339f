//! Requests of the far end: their transactions, and those in our dialogs.

use std::net::SocketAddr;
use std::time::Instant;

use super::api::{CallEvent, CallHandle, OfferAnswer, UnknownCall};
use super::stray::{write_capabilities, write_unsupported};
use super::timers::Target;
use super::{Endpoint, compose, dtmf};
use crate::message::{HeaderName, Message, Reply, Writer};
use crate::slab::Key;
use crate::token::Token;
use crate::transaction::{Alarm, InviteServer, OnTimer, RequestServer};

/// A server transaction.
#[derive(Debug)]
pub(super) struct Server {
    machine: Machine,
    /// Its place in the table of keys.
    hash: u64,
    call: Key,
    dialog: usize,
    cseq: u32,
    source: SocketAddr,
    to: SocketAddr,
    /// The request, while its answer waits for the owner; then the answer.
    datagram: Vec<u8>,
    /// The request brought no offer, so that our 2xx makes one.
    offer_is_ours: bool,
    scheduled: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
enum Machine {
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

/// Where a request belongs.
#[derive(Debug, Clone, Copy)]
struct Place {
    call: Key,
    dialog: usize,
}

/// What a final answer adds to its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail<'a> {
    Nothing,
    Allow,
    Accept,
    Unsupported,
    Capabilities,
    RetryAfter,
    Session(&'a [u8]),
}

impl Endpoint {
    pub(super) fn on_request(
        &mut self,
        now: Instant,
        from: SocketAddr,
        request: &Message<'_>,
        datagram: &[u8],
    ) {
        let method = request.method().unwrap_or_default();
        if method == b"ACK" {
            self.on_ack(now, request);
            return;
        }
        let hash = self.server_key(request, method);
        if let Some(&key) = self.server_by_key.get(&hash) {
            self.on_repetition(key);
            return;
        }
        if method == b"CANCEL" {
            self.on_cancel(now, from, request);
            return;
        }
        match self.place_of(request) {
            Some(place) => self.on_dialog_request(now, from, request, datagram, hash, place),
            None => self.on_stray(now, from, request),
        }
    }

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

    /// The dialog of a request: our tag names the call, the far end's the dialog in it (section 12.2.2).
    fn place_of(&self, request: &Message<'_>) -> Option<Place> {
        let token = Token::parse(request.to()?.tag()?)?;
        let call = self.calls.find(token.key)?;
        let ours = token.shard == self.shard && call.is_named(token);
        if !ours || call.call_id().as_bytes() != request.call_id() {
            return None;
        }
        let tag = request.from()?.tag().unwrap_or_default();
        let dialog = call.dialogs.iter().position(|dialog| *dialog.tag == *tag)?;
        Some(Place { call: token.key, dialog })
    }

    fn on_dialog_request(
        &mut self,
        now: Instant,
        from: SocketAddr,
        request: &Message<'_>,
        datagram: &[u8],
        hash: u64,
        place: Place,
    ) {
        let method = request.method().unwrap_or_default();
        let server = Server {
            machine: match method {
                b"INVITE" => Machine::Invite(InviteServer::start(self.timer_values)),
                _ => Machine::Request(RequestServer::start(self.timer_values)),
            },
            hash,
            call: place.call,
            dialog: place.dialog,
            cseq: request.cseq().number,
            source: from,
            to: Reply::new(request, from).destination(),
            datagram: Vec::new(),
            offer_is_ours: false,
            scheduled: None,
        };
        let Some(call) = self.calls.find_mut(place.call) else { return };
        let (is_up, offer_open) = (call.is_up(), call.offer.is_some() || call.unacknowledged.is_some());
        let Some(dialog) = call.dialogs.get_mut(place.dialog) else { return };
        if dialog.over && method != b"BYE" {
            self.counters.dialogs_unmatched += 1;
            return self.respond(
                now,
                server,
                request,
                481,
                "Call/Transaction Does Not Exist",
                Detail::Nothing,
            );
        }
        if !dialog.accept_cseq(request.cseq().number) {
            self.counters.out_of_order_requests += 1;
            return self.respond(now, server, request, 500, "CSeq Out Of Order", Detail::Nothing);
        }
        if request.values(HeaderName::Require).next().is_some() {
            return self.respond(now, server, request, 420, "Bad Extension", Detail::Unsupported);
        }
        match method {
            b"BYE" => {
                self.respond(now, server, request, 200, "OK", Detail::Nothing);
                self.on_remote_bye(now, place.call, place.dialog, request.q850());
            }
            b"OPTIONS" => self.respond(now, server, request, 200, "OK", Detail::Capabilities),
            b"INFO" => self.on_info(now, server, request),
            b"INVITE" | b"UPDATE" => {
                let foreign_body = !request.body().is_empty() && request.sdp().is_none();
                if foreign_body {
                    return self.respond(now, server, request, 415, "Unsupported Media Type", Detail::Accept);
                }
                if offer_open || !is_up {
                    // RFC 3261 section 14.2: one offer at a time.
                    return self.respond(
                        now,
                        server,
                        request,
                        500,
                        "Busy With Another Offer",
                        Detail::RetryAfter,
                    );
                }
                if let Some(contact) = request.contact()
                    && let Some(call) = self.calls.find_mut(place.call)
                    && let Some(dialog) = call.dialogs.get_mut(place.dialog)
                {
                    dialog.route.aim(contact.uri);
                }
                if method == b"UPDATE" && request.body().is_empty() {
                    return self.respond(now, server, request, 200, "OK", Detail::Session(b""));
                }
                self.ask_owner(server, request, datagram);
            }
            b"REFER" => self.respond(now, server, request, 603, "Decline", Detail::Nothing),
            // We hold no subscription and sent no reliable provisional response (RFC 6665 section 4.1.3, RFC 3262
            // section 3).
            b"NOTIFY" | b"PRACK" => {
                self.respond(now, server, request, 481, "Call/Transaction Does Not Exist", Detail::Nothing);
            }
            b"MESSAGE" | b"SUBSCRIBE" | b"REGISTER" | b"PUBLISH" => {
                self.respond(now, server, request, 405, "Method Not Allowed", Detail::Allow);
            }
            _ => self.respond(now, server, request, 501, "Not Implemented", Detail::Allow),
        }
    }

    fn on_info(&mut self, now: Instant, server: Server, request: &Message<'_>) {
        let call = server.call;
        if let Some((digit, duration_ms)) = dtmf::digit(request) {
            self.respond(now, server, request, 200, "OK", Detail::Nothing);
            self.report(call, CallEvent::Digit { digit, duration_ms });
        } else if request.body().is_empty() {
            self.respond(now, server, request, 200, "OK", Detail::Nothing);
        } else {
            self.respond(now, server, request, 415, "Unsupported Media Type", Detail::Nothing);
        }
    }

    /// Keeps a re-INVITE or UPDATE until its owner has decided.
    fn ask_owner(&mut self, server: Server, request: &Message<'_>, datagram: &[u8]) {
        if self.servers.len() >= self.limits.server_transactions {
            self.counters.server_transactions_shed += 1;
            return;
        }
        let call = server.call;
        let offer_is_ours = request.body().is_empty();
        let hash = server.hash;
        let key = self.servers.insert(Server { datagram: datagram.to_vec(), offer_is_ours, ..server });
        self.server_by_key.insert(hash, key);
        if let Some(call) = self.calls.find_mut(call) {
            call.offer = Some(key);
        }
        self.report(call, CallEvent::Offer { sdp: request.sdp().map(Box::from) });
    }

    /// Answers [`CallEvent::Offer`].
    ///
    /// # Errors
    /// The call is gone, or no offer is open.
    pub fn answer_offer(
        &mut self,
        now: Instant,
        call: CallHandle,
        answer: OfferAnswer<'_>,
    ) -> Result<(), UnknownCall> {
        let found = self.calls.find_mut(call.0).ok_or(UnknownCall)?;
        let key = found.offer.take().ok_or(UnknownCall)?;
        match answer {
            OfferAnswer::Accept(sdp) => self.answer_waiting(now, key, 200, "OK", Detail::Session(sdp)),
            OfferAnswer::Refuse => self.answer_waiting(now, key, 488, "Not Acceptable Here", Detail::Nothing),
        }
        Ok(())
    }

    /// The call ended under an open offer.
    pub(super) fn refuse_open_offer(&mut self, now: Instant, key: Key) {
        if let Some(call) = self.calls.find_mut(key)
            && let Some(offer) = call.offer.take()
        {
            self.answer_waiting(now, offer, 487, "Request Terminated", Detail::Nothing);
        }
    }

    fn answer_waiting(
        &mut self,
        now: Instant,
        key: Key,
        status: u16,
        phrase: &'static str,
        detail: Detail<'_>,
    ) {
        let Some(server) = self.servers.find_mut(key) else { return };
        let request = std::mem::take(&mut server.datagram);
        let (call, source, to) = (server.call, server.source, server.to);
        let Ok(parsed) = Message::parse(&request) else { return };
        let Some(datagram) = self.write_answer(call, &parsed, source, status, phrase, detail) else {
            return;
        };
        self.queue.send(to, &datagram);
        let Some(server) = self.servers.find_mut(key) else { return };
        server.datagram = datagram;
        match &mut server.machine {
            Machine::Invite(machine) => {
                machine.on_final_sent(now, status);
                if status < 300
                    && let Some(call) = self.calls.find_mut(call)
                {
                    call.unacknowledged = Some(key);
                }
            }
            Machine::Request(machine) => machine.on_final_sent(now),
        }
        self.arm_server(key);
    }

    /// Answers at once and remembers the answer for repetitions.
    fn respond(
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

    fn write_answer(
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

    fn on_repetition(&mut self, key: Key) {
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

    fn on_ack(&mut self, now: Instant, ack: &Message<'_>) {
        // The ACK of a failure has the INVITE's branch; the ACK of a 2xx is told by dialog and CSeq.
        let hash = self.server_key(ack, b"ACK");
        if let Some(&key) = self.server_by_key.get(&hash) {
            if let Some(Server { machine: Machine::Invite(machine), .. }) = self.servers.find_mut(key) {
                machine.on_ack(now);
                self.arm_server(key);
            }
            return;
        }
        let place = self.place_of(ack);
        let waiting = place.and_then(|place| self.calls.find(place.call)?.unacknowledged);
        let matches = waiting.and_then(|key| self.servers.find_mut(key)).filter(|server| {
            server.cseq == ack.cseq().number && place.is_some_and(|place| place.dialog == server.dialog)
        });
        let (Some(server), Some(key), Some(place)) = (matches, waiting, place) else {
            self.counters.acks_unmatched += 1;
            return;
        };
        if let Machine::Invite(machine) = &mut server.machine
            && machine.on_ack(now)
        {
            let answer = ack.sdp().filter(|_| server.offer_is_ours).map(Box::from);
            self.arm_server(key);
            if let Some(call) = self.calls.find_mut(place.call) {
                call.unacknowledged = None;
            }
            if let Some(sdp) = answer {
                self.report(place.call, CallEvent::OfferConfirmed { sdp });
            }
        }
    }

    /// CANCEL of a re-INVITE (section 9.2); anything else is unknown here.
    fn on_cancel(&mut self, now: Instant, from: SocketAddr, cancel: &Message<'_>) {
        let hash = self.server_key(cancel, b"INVITE");
        let Some(&key) = self.server_by_key.get(&hash) else { return self.on_stray(now, from, cancel) };
        let Some(server) = self.servers.find(key) else { return };
        let (call, dialog) = (server.call, server.dialog);
        let own_hash = self.server_key(cancel, b"CANCEL");
        let answer = Server {
            machine: Machine::Request(RequestServer::start(self.timer_values)),
            hash: own_hash,
            call,
            dialog,
            cseq: cancel.cseq().number,
            source: from,
            to: Reply::new(cancel, from).destination(),
            datagram: Vec::new(),
            offer_is_ours: false,
            scheduled: None,
        };
        self.respond(now, answer, cancel, 200, "OK", Detail::Nothing);
        if self.calls.find(call).is_some_and(|call| call.offer == Some(key)) {
            self.refuse_open_offer(now, call);
        }
    }

    fn arm_server(&mut self, key: Key) {
        if let Some(server) = self.servers.find_mut(key) {
            let alarm = server.alarm();
            self.timers.arm(Target::Server(key), alarm, &mut server.scheduled);
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
                if let Some(server) = self.servers.remove(key) {
                    self.server_by_key.remove(&server.hash);
                    self.queue.recycle(server.datagram);
                }
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
