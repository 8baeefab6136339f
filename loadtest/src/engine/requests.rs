//! What a message from the caller does.

use std::io;
use std::net::SocketAddrV4;
use std::time::Instant;

use super::Engine;
use crate::behaviour::Behaviour;
use crate::call::{self, Account, Call, Dialog, Next, PATIENCE, Resend, State};
use crate::carrier::Gauges;
use crate::digest;
use crate::ledger::{Ending, InviteRecord, Record};
use crate::message::{self, Message, Method, Start, parameter};
use crate::net::{self, Datagram};
use crate::offer::Stream;
use crate::random::Random;

const ALLOW: &str = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO\r\n";

impl Engine {
    pub(super) fn on_datagram(
        &mut self,
        line: usize,
        datagram: Datagram<'_>,
        now: Instant,
    ) -> io::Result<()> {
        // RFC 3261 section 7.5: line ends before a message are passed over; alone they keep a binding alive.
        let bytes = datagram.bytes.trim_ascii_start();
        if bytes.is_empty() {
            return Ok(());
        }
        let Ok(message) = Message::parse(bytes) else {
            Gauges::add(&self.gauges.malformed, 1);
            return Ok(());
        };
        match message.start {
            Start::Request { method, uri } => self.on_request(line, method, uri, &message, datagram, now),
            Start::Response { status } => self.on_response(&message, status, datagram.at_us),
        }
    }

    fn on_request(
        &mut self,
        line: usize,
        method: Method,
        uri: &str,
        message: &Message<'_>,
        datagram: Datagram<'_>,
        now: Instant,
    ) -> io::Result<()> {
        let Some(call_id) = message.header("Call-ID") else {
            Gauges::add(&self.gauges.malformed, 1);
            return Ok(());
        };
        let slot = self.by_call_id.get(call_id).copied();
        if let Some(slot) = slot {
            let call = self.call(slot);
            call.account.last_message_us = datagram.at_us;
            if call.state == State::Ignoring && method != Method::Invite {
                return Ok(());
            }
        }
        match (method, slot) {
            (Method::Invite, Some(slot)) => self.on_invite_again(slot, uri, message, datagram.from, now)?,
            (Method::Invite, None) if self.over.contains(&self.hash(call_id)) => {
                Gauges::add(&self.gauges.late_messages, 1);
            }
            (Method::Invite, None) if to_tag(message).is_some() => {
                self.reply(line, message, datagram.from, 481, "")
            }
            (Method::Invite, None) => self.on_invite(line, uri, message, datagram, now)?,
            (Method::Ack, Some(slot)) => self.on_ack(slot, message, now)?,
            (Method::Ack, None) => {}
            (Method::Cancel, Some(slot)) => {
                self.reply(line, message, datagram.from, 200, "");
                self.on_cancel(slot, datagram.at_us, now);
            }
            (Method::Bye, Some(slot)) => {
                self.reply(line, message, datagram.from, 200, "");
                self.on_bye(slot, datagram.at_us, now)?;
            }
            // It came again because our 200 was lost.
            (Method::Bye | Method::Cancel, None) if self.over.contains(&self.hash(call_id)) => {
                Gauges::add(&self.gauges.late_messages, 1);
                self.reply(line, message, datagram.from, 200, "");
            }
            (Method::Bye | Method::Cancel, None) => self.reply(line, message, datagram.from, 481, ""),
            (Method::Options, _) => {
                let headers = format!("{ALLOW}Accept: application/sdp\r\n");
                self.reply(line, message, datagram.from, 200, &headers);
            }
            (Method::Info, Some(_)) => self.reply(line, message, datagram.from, 200, ""),
            (Method::Info, None) => self.reply(line, message, datagram.from, 481, ""),
            (Method::Other, _) => self.reply(line, message, datagram.from, 405, ALLOW),
        }
        if let Some(slot) = slot {
            self.arm(slot);
        }
        Ok(())
    }

    /// A response outside of any INVITE: nothing is remembered of it.
    fn reply(
        &mut self,
        line: usize,
        request: &Message<'_>,
        source: SocketAddrV4,
        status: u16,
        headers: &str,
    ) {
        let tag = request.header("Call-ID").map(|id| format!("{:x}", self.hash(id)));
        match call::head(request, source, tag.as_deref()) {
            Some(head) => {
                let bytes = call::response(status, &head, headers, None);
                self.lines[line].outbox.push(&bytes, call::reply_address(request, source));
            }
            None => Gauges::add(&self.gauges.malformed, 1),
        }
    }

    /// A call that we have not seen.
    fn on_invite(
        &mut self,
        line: usize,
        uri: &str,
        message: &Message<'_>,
        datagram: Datagram<'_>,
        now: Instant,
    ) -> io::Result<()> {
        let call_id: Box<[u8]> = message.header("Call-ID").unwrap_or(b"").into();
        let tag = format!("{:016x}", self.hash(&call_id));
        let (Some((cseq, Method::Invite)), Some(dialog)) =
            (message.cseq(), Dialog::of(message, datagram.from, &tag))
        else {
            Gauges::add(&self.gauges.malformed, 1);
            return Ok(());
        };
        let id = self.next_id;
        self.next_id += 1;
        let number = message::number_of(uri);
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        self.ledger.write(&Record::Invite(InviteRecord {
            call: id,
            at_us: datagram.at_us,
            line: self.lines[line].config.name.clone(),
            number: number.clone(),
            from: message.header("From").map(text).unwrap_or_default(),
            call_id: text(&call_id),
            source: datagram.from,
            attempt: message.attempt().map(text),
        }))?;
        Gauges::add(&self.gauges.invites, 1);
        Gauges::add(&self.gauges.active, 1);
        let within = self.lines[line].admit(datagram.at_us);

        let mut junk = Random::keyed(self.seed, &call_id);
        let garbage = junk.below(100) < u64::from(self.garbage_percent);
        let reply_to = call::reply_address(message, datagram.from);
        if garbage {
            for _ in 0..4 {
                self.lines[line].outbox.push(&crate::junk::sip(&mut junk), reply_to);
                Gauges::add(&self.gauges.junk_sent, 1);
            }
        }
        let plan = self.callees.plan(&number);
        let is_person = matches!(plan.behaviour, Behaviour::Person | Behaviour::EarlyMedia);
        let customer = self.cast.filter(|_| is_person).and_then(|cast| cast.customer_of(&number));
        let call = Box::new(Call {
            id,
            line,
            call_id: call_id.clone(),
            state: State::Ignoring,
            plan,
            customer,
            cseq,
            reply_to,
            dialog,
            offer: None,
            media: None,
            last_sent: Vec::new(),
            resend: None,
            act_at: None,
            armed: None,
            garbage,
            account: Account { last_message_us: datagram.at_us, ..Account::default() },
        });
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.calls.push(None);
                (self.calls.len() - 1) as u32
            }
        };
        self.calls[slot as usize] = Some(call);
        self.by_call_id.insert(call_id, slot);

        if !within && self.lines[line].config.reject_over {
            self.refuse(
                slot,
                503,
                "Reason: Q.850;cause=34;text=\"Over the limit of the line\"\r\n",
                Ending::Refused,
                now,
            );
        } else if self.stopping {
            self.refuse(slot, 503, "", Ending::CarrierStopped, now);
        } else if self.lines[line].config.auth.is_some() {
            self.challenge(slot, 0, false, now);
        } else {
            self.accept(slot, message, now);
        }
        self.arm(slot);
        Ok(())
    }

    /// Asks for credentials.
    fn challenge(&mut self, slot: u32, round: u8, stale: bool, now: Instant) {
        let seed = self.seed;
        let call = self.calls[slot as usize].as_ref().expect("the slot was looked up in this turn");
        let Some(auth) = &self.lines[call.line].config.auth else { return };
        let header = digest::challenge(auth, &digest::nonce(seed, &call.call_id, round), stale);
        let status = auth.challenge;
        self.respond(slot, status, &header, None);
        let call = self.call(slot);
        call.state = State::Challenged { round };
        call.resend = Some(Resend::begin(now));
        call.act_at = Some(now + PATIENCE);
    }

    /// A call that may be made: its callee's plan begins.
    fn accept(&mut self, slot: u32, message: &Message<'_>, now: Instant) {
        let call = self.call(slot);
        if call.plan.behaviour == Behaviour::Drop {
            call.state = State::Ignoring;
            call.act_at = Some(now + PATIENCE);
            return;
        }
        let required: Vec<_> = message.all("Require").map(String::from_utf8_lossy).collect();
        if !required.is_empty() {
            let header = format!("Unsupported: {}\r\n", required.join(", "));
            return self.refuse(slot, 420, &header, Ending::Refused, now);
        }
        if !message.body.is_empty() {
            call.offer = Stream::read(message.body);
            if call.offer.is_none() {
                return self.refuse(slot, 488, "", Ending::Refused, now);
            }
        }
        let (delay, next) = match call.plan.behaviour {
            Behaviour::EarlyMedia => (call.plan.delay, Next::Progress),
            Behaviour::Person
            | Behaviour::Machine
            | Behaviour::Silent
            | Behaviour::NoAnswer
            | Behaviour::Decline => (call.plan.delay, Next::Ring),
            Behaviour::TryingOnly => (super::calls::RING_LIMIT, Next::GiveUp),
            _ => (call.plan.delay, Next::Refuse),
        };
        call.state = State::Inviting(next);
        call.act_at = Some(now + delay);
        self.respond(slot, 100, "", None);
    }

    /// An INVITE with the Call-ID of a call that we have.
    fn on_invite_again(
        &mut self,
        slot: u32,
        uri: &str,
        message: &Message<'_>,
        source: SocketAddrV4,
        now: Instant,
    ) -> io::Result<()> {
        let Some((cseq, Method::Invite)) = message.cseq() else { return Ok(()) };
        let seed = self.seed;
        let call = self.calls[slot as usize].as_mut().expect("the slot was looked up in this turn");
        let line = call.line;
        if cseq <= call.cseq {
            call.account.invite_retransmissions += 1;
            Gauges::add(&self.gauges.invite_retransmissions, 1);
            // A retransmission gets again what we said last; after a 200 or a BYE the timers do that.
            if matches!(call.state, State::Challenged { .. } | State::Inviting(_) | State::Refused) {
                self.lines[line].outbox.push(&call.last_sent, call.reply_to);
            }
            return Ok(());
        }
        let State::Challenged { round } = call.state else {
            // Within a dialog: we change nothing about a session, it goes on as it was (RFC 3261 section 14.2).
            self.reply(line, message, source, 488, "");
            return Ok(());
        };
        let tag = format!("{:016x}", crate::random::hash(seed, &call.call_id));
        let Some(dialog) = Dialog::of(message, source, &tag) else { return Ok(()) };
        (call.cseq, call.dialog, call.resend) = (cseq, dialog, None);
        call.reply_to = call::reply_address(message, source);
        let Some(auth) = &self.lines[line].config.auth else { return Ok(()) };
        let (name, stale) =
            (if auth.challenge == 401 { "Authorization" } else { "Proxy-Authorization" }, auth.stale);
        let nonce = digest::nonce(seed, &call.call_id, round);
        let is_right = message.all(name).any(|value| digest::verify(auth, &nonce, "INVITE", uri, value));
        match (is_right, message.header(name)) {
            (true, _) if stale && round == 0 => self.challenge(slot, 1, true, now),
            (true, _) => self.accept(slot, message, now),
            (false, Some(_)) => self.refuse(slot, 403, "", Ending::Unauthenticated, now),
            (false, None) => self.challenge(slot, round, false, now),
        }
        Ok(())
    }

    fn on_ack(&mut self, slot: u32, message: &Message<'_>, now: Instant) -> io::Result<()> {
        let call = self.call(slot);
        // The ACK of an earlier INVITE of the call says nothing about this one.
        if message.cseq().is_none_or(|(cseq, _)| cseq != call.cseq) {
            return Ok(());
        }
        match call.state {
            State::Challenged { .. } => call.resend = None,
            State::Refused => self.end(slot, now)?,
            State::Answered { acked: false } => {
                call.state = State::Answered { acked: true };
                call.resend = None;
                if call.offer.is_none() {
                    call.offer = Stream::read(message.body);
                    self.hear_offer(slot, now);
                }
            }
            State::Ignoring | State::Inviting(_) | State::Answered { acked: true } | State::HangingUp => {}
        }
        Ok(())
    }

    fn on_cancel(&mut self, slot: u32, at_us: u64, now: Instant) {
        let call = self.call(slot);
        match call.state {
            State::Inviting(_) => {
                call.account.decide(Ending::Cancelled, at_us);
                self.refuse(slot, 487, "", Ending::Cancelled, now);
            }
            // Too late, or nothing to cancel: RFC 3261 section 9.2.
            State::Challenged { .. }
            | State::Ignoring
            | State::Refused
            | State::Answered { .. }
            | State::HangingUp => {}
        }
    }

    fn on_bye(&mut self, slot: u32, at_us: u64, now: Instant) -> io::Result<()> {
        let call = self.call(slot);
        match call.state {
            State::Answered { .. } => {
                call.account.decide(Ending::ByeFromCaller, at_us);
                self.end(slot, now)?;
            }
            // The two crossed: the call is over for both.
            State::HangingUp => self.end(slot, now)?,
            // RFC 3261 section 15.1.2: a BYE of an early dialog ends its INVITE too.
            State::Inviting(_) => {
                call.account.decide(Ending::ByeFromCaller, at_us);
                self.refuse(slot, 487, "", Ending::ByeFromCaller, now);
            }
            State::Challenged { .. } | State::Ignoring | State::Refused => {}
        }
        Ok(())
    }

    /// Only our BYE is ever answered.
    fn on_response(&mut self, message: &Message<'_>, status: u16, at_us: u64) -> io::Result<()> {
        let slot = message.header("Call-ID").and_then(|id| self.by_call_id.get(id)).copied();
        let Some(slot) = slot.filter(|_| matches!(message.cseq(), Some((1, Method::Bye)))) else {
            Gauges::add(&self.gauges.late_messages, 1);
            return Ok(());
        };
        let call = self.call(slot);
        call.account.last_message_us = at_us;
        if call.state == State::HangingUp && status >= 200 {
            self.end(slot, Instant::now())?;
        }
        Ok(())
    }

    /// Sends a response to a call's INVITE and keeps it for retransmissions.
    pub(super) fn respond(&mut self, slot: u32, status: u16, headers: &str, description: Option<&str>) {
        let call = self.calls[slot as usize].as_mut().expect("the slot was looked up in this turn");
        let line = &mut self.lines[call.line];
        call.last_sent = call.response(line.udp.local, status, headers, description);
        call.account.last_message_us = net::unix_us();
        line.outbox.push(&call.last_sent, call.reply_to);
    }
}

fn to_tag<'a>(message: &Message<'a>) -> Option<&'a str> {
    parameter(message.header("To")?, "tag")
}
