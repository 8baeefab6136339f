//! Requests of the far end that belong to a dialog of ours.

use std::net::SocketAddr;
use std::time::Instant;

use super::api::{CallEvent, CallHandle, OfferAnswer, UnknownCall};
use super::server::{Detail, Machine, Server};
use super::{Endpoint, dtmf};
use crate::message::{HeaderName, Message, Reply};
use crate::token::Token;
use crate::transaction::{InviteServer, RequestServer};
use common::slab::Key;

/// Where a request belongs.
#[derive(Debug, Clone, Copy)]
struct Place {
    call: Key,
    dialog: usize,
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
            b"NOTIFY" => self.on_notify(now, server, request),
            // We sent no reliable provisional response (RFC 3262 section 3).
            b"PRACK" => {
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
        let written = Message::parse(&request)
            .ok()
            .and_then(|parsed| self.write_answer(call, &parsed, source, status, phrase, detail));
        self.queue.recycle(request);
        let Some(datagram) = written else {
            // Nothing that we can say fits; without an answer the transaction would wait for ever.
            self.remove_server(key);
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
}
