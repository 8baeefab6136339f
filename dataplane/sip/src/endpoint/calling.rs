//! The life of a call: INVITE, its responses, CANCEL. How it ends is in `ending`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::api::{
    AuthRefusal, CallEvent, CallHandle, CallReason, EndedBy, FailureOrigin, ForkId, InviteError,
    InviteRequest, UnknownCall,
};
use super::auth::Auth;
use super::order::check_order;
use super::outgoing::Role;
use super::transfer::Refer;
use super::{Endpoint, compose, failure};
use crate::dialog::Dialog;
use crate::message::{HeaderName, Message, Writer};
use crate::token::Token;
use common::slab::Key;

/// Early and confirmed dialogs kept apart in one call. Carriers fork to a handful of devices; each costs memory that a
/// peer controls.
const FORKS_MAX: usize = 8;

//              2xx             hang_up
// Inviting ───────────▶ Up ───────────────▶ Over ──(no transaction waits)──▶ Released
//    │  │                └─ BYE from them ──▲ ▲
//    │  └─ hang_up after 1xx ─▶ Cancelling ───┘│  (487, 2xx → ACK + BYE, or 64*T1)
//    └─ 3xx–6xx, timer B ──────────────────────┘
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// No final response.
    Inviting,
    /// CANCEL has left, no final response.
    Cancelling,
    /// Answered.
    Up,
    /// `Failed` or `Ended` has been reported.
    Over,
}

#[derive(Debug)]
pub(super) struct Call {
    pub owner: u64,
    pub stage: Stage,
    /// The line's address.
    pub destination: SocketAddr,
    pub call_id: String,
    /// What makes our tag unguessable.
    pub nonce: u64,
    /// The INVITE as last sent: what it said, every later request of the call says too.
    pub invite: Vec<u8>,
    /// Its transaction, until timer D or M.
    pub invite_client: Option<Key>,
    pub auth: Auth,
    /// Tags of early dialogs, in order of appearance.
    pub forks: Vec<Box<[u8]>>,
    /// Confirmed dialogs. The first is the call; others are extra answers on their way out.
    pub dialogs: Vec<Dialog>,
    /// Set when we were told to hang up before a provisional response allowed a CANCEL.
    pub wish: Option<Option<CallReason>>,
    /// Any response has come.
    pub responded: bool,
    /// Client transactions whose final response the far end owes us: the line's slot is not free before.
    pub awaited: u32,
    pub released: bool,
    pub refer: Option<Refer>,
    /// The re-INVITE or UPDATE that waits for its owner's answer.
    pub offer: Option<Key>,
    /// The re-INVITE whose 2xx waits for its ACK.
    pub unacknowledged: Option<Key>,
}

impl Call {
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// The tag in this token is ours.
    pub fn is_named(&self, token: Token) -> bool {
        self.nonce == token.nonce
    }

    pub fn is_up(&self) -> bool {
        self.stage == Stage::Up
    }

    /// The early dialog of this tag, noted if it is new.
    fn fork_of(&mut self, tag: &[u8]) -> Option<ForkId> {
        if let Some(index) = self.forks.iter().position(|known| **known == *tag) {
            return Some(ForkId(index as u8));
        }
        if self.forks.len() >= FORKS_MAX {
            return None;
        }
        self.forks.push(tag.into());
        Some(ForkId(self.forks.len() as u8 - 1))
    }
}

impl Endpoint {
    /// Calls somebody.
    ///
    /// # Errors
    /// What is wrong with the order; nothing has left then.
    pub fn invite(&mut self, now: Instant, request: &InviteRequest<'_>) -> Result<CallHandle, InviteError> {
        check_order(request, self.local)?;
        if self.calls.len() - self.lingering_count >= self.limits.calls {
            self.counters.calls_shed += 1;
            return Err(InviteError::TableFull);
        }
        let call_key = self.calls.next_key();
        let tag = self.token(call_key);
        let branch = self.next_branch();
        let call_id = format!("{:016x}{:016x}", self.entropy.draw(), self.entropy.draw());
        let names = compose::Names {
            sent_by: request.advertised.unwrap_or(&self.sent_by),
            user_agent: &self.user_agent,
            branch,
            tag,
            call_id: &call_id,
        };
        let datagram = self.queue.compose(|writer| compose::initial(b"INVITE", request, &names, writer))?;

        self.calls.insert(Call {
            owner: request.owner,
            stage: Stage::Inviting,
            destination: request.destination,
            call_id,
            nonce: tag.nonce,
            invite: datagram,
            invite_client: None,
            auth: Auth::new(request.credentials.as_ref().map(Arc::clone)),
            forks: Vec::new(),
            dialogs: Vec::new(),
            wish: None,
            responded: false,
            awaited: 0,
            released: false,
            refer: None,
            offer: None,
            unacknowledged: None,
        });
        self.counters.invites_sent += 1;
        self.start_invite(now, call_key, branch);
        Ok(CallHandle(call_key))
    }

    /// Ends a call, whatever its state: BYE after the answer; before it CANCEL, as soon as a provisional response
    /// allows it (RFC 3261 section 9.1).
    ///
    /// # Errors
    /// The call is gone or already ending.
    pub fn hang_up(
        &mut self,
        now: Instant,
        call: CallHandle,
        reason: Option<CallReason>,
    ) -> Result<(), UnknownCall> {
        let key = call.0;
        let found = self.calls.find_mut(key).ok_or(UnknownCall)?;
        match found.stage {
            Stage::Inviting if found.wish.is_none() => {
                found.wish = Some(reason);
                self.cancel_if_allowed(now, key);
                Ok(())
            }
            Stage::Up => {
                self.end_call(now, key, EndedBy::Local, None);
                self.send_bye(now, key, 0, reason);
                Ok(())
            }
            Stage::Inviting | Stage::Cancelling | Stage::Over => Err(UnknownCall),
        }
    }

    /// Sends the call's INVITE in a new transaction. The datagram itself stays with the call.
    fn start_invite(&mut self, now: Instant, key: Key, branch: Token) {
        let Some(call) = self.calls.find_mut(key) else { return };
        let to = call.destination;
        call.awaited += 1;
        let client = self.keep_client(now, Role::Invite { call: key }, branch, to, Vec::new());
        if let Some(call) = self.calls.find_mut(key) {
            call.invite_client = Some(client);
            let invite = std::mem::take(&mut call.invite);
            self.send_request(to, &invite);
            if let Some(call) = self.calls.find_mut(key) {
                call.invite = invite;
            }
        }
    }

    pub(super) fn send_invite_again(&mut self, call: Key, to: SocketAddr) {
        if let Some(call) = self.calls.find(call) {
            self.queue.send(to, &call.invite);
        }
    }

    /// Lends the call's INVITE, parsed.
    pub(super) fn with_invite<R>(
        &mut self,
        key: Key,
        then: impl FnOnce(&mut Self, &mut Call, &Message<'_>) -> R,
    ) -> Option<R> {
        let invite = std::mem::take(&mut self.calls.find_mut(key)?.invite);
        let result = Message::parse(&invite).ok().and_then(|parsed| {
            // The call is lent beside the endpoint; its place in the table stays taken.
            let mut call = self.calls.take(key)?;
            let result = then(self, &mut call, &parsed);
            self.calls.put_back(key, call);
            Some(result)
        });
        if let Some(call) = self.calls.find_mut(key) {
            // A challenge may have put a new INVITE in the old one's place.
            if call.invite.is_empty() {
                call.invite = invite;
            } else {
                self.queue.recycle(invite);
            }
        }
        result
    }

    fn cancel_if_allowed(&mut self, now: Instant, key: Key) {
        let Some(call) = self.calls.find_mut(key) else { return };
        let (Some(reason), Some(client_key), Stage::Inviting) = (call.wish, call.invite_client, call.stage)
        else {
            return;
        };
        let Some(client) = self.clients.find_mut(client_key) else { return };
        let to = client.to;
        let Some(machine) = client.invite_mut().filter(|machine| machine.may_cancel()) else { return };
        machine.on_cancel_sent(now);
        call.stage = Stage::Cancelling;
        self.arm_client(client_key);
        let written = self.with_invite(key, |endpoint, _, invite| {
            endpoint.queue.compose(|writer| compose::cancel(invite, reason, writer))
        });
        let Some(Ok(datagram)) = written else { return };
        // It shares the branch of the INVITE, so its own key is never on the wire.
        let branch = self.next_branch();
        let cancel = self.start_client(now, Role::Cancel, branch, to, datagram);
        if let Some(client) = self.clients.find_mut(client_key) {
            client.cancel = Some(cancel);
        }
    }

    pub(super) fn on_provisional(
        &mut self,
        now: Instant,
        client: Key,
        key: Key,
        status: u16,
        response: &Message<'_>,
    ) {
        let Some(call) = self.calls.find_mut(key) else { return };
        if call.invite_client != Some(client) {
            return;
        }
        call.responded = true;
        let event = match status {
            100 => CallEvent::Trying,
            _ => {
                let tag = response.to().and_then(|to| to.tag());
                let fork = tag.and_then(|tag| call.fork_of(tag));
                if tag.is_some() && fork.is_none() {
                    self.counters.forks_ignored += 1;
                    return;
                }
                CallEvent::Provisional { status, fork, sdp: response.sdp().map(Box::from) }
            }
        };
        self.report(key, event);
        self.cancel_if_allowed(now, key);
    }

    pub(super) fn on_success(&mut self, now: Instant, client: Key, key: Key, response: &Message<'_>) {
        let Some(call) = self.calls.find_mut(key) else { return };
        call.responded = true;
        let tag = response.to().and_then(|to| to.tag()).unwrap_or_default();
        if let Some(dialog) = call.dialogs.iter().find(|dialog| *dialog.tag == *tag) {
            // RFC 3261 section 13.2.2.4: each repetition of the 2xx is answered with the same ACK.
            self.counters.response_retransmissions_absorbed += 1;
            self.queue.send(dialog.route.next_hop, &dialog.ack);
            return;
        }
        if call.dialogs.len() >= FORKS_MAX {
            self.counters.forks_ignored += 1;
            return;
        }
        if call.invite_client == Some(client) && call.dialogs.is_empty() {
            call.awaited -= 1;
        }
        let fork = call.fork_of(tag).unwrap_or(ForkId(FORKS_MAX as u8));
        if response.contact().is_none() {
            self.counters.answers_without_contact += 1;
        }
        let (stage, wish, index) = (call.stage, call.wish, call.dialogs.len());
        self.confirm_dialog(key, response);
        match stage {
            Stage::Inviting if wish.is_none() => {
                if let Some(call) = self.calls.find_mut(key) {
                    call.stage = Stage::Up;
                }
                let sdp = response.sdp().map(Box::from);
                self.report(key, CallEvent::Answered { fork, sdp });
            }
            Stage::Inviting | Stage::Cancelling => {
                self.counters.answers_crossing_cancel += 1;
                self.end_call(now, key, EndedBy::CrossedCancel, None);
                self.send_bye(now, key, index, wish.flatten());
            }
            Stage::Up | Stage::Over => {
                self.counters.extra_answers += 1;
                self.send_bye(now, key, index, None);
            }
        }
    }

    /// Makes the dialog of a 2xx and acknowledges it.
    fn confirm_dialog(&mut self, key: Key, response: &Message<'_>) {
        let branch = self.token(key);
        self.with_invite(key, |endpoint, call, invite| {
            let mut dialog = Dialog::confirmed(invite, response, endpoint.local, call.destination);
            let ack = compose::InDialog {
                method: b"ACK",
                cseq: invite.cseq().number,
                branch,
                user_agent: &endpoint.user_agent,
                reason: None,
            };
            let to_line = dialog.route.next_hop == call.destination;
            let written = endpoint.queue.compose(|writer| {
                // RFC 3261 section 22.1: an ACK, which nobody can challenge, repeats the INVITE's credentials.
                let credentials = |writer: &mut Writer<'_>| {
                    for name in [HeaderName::Authorization, HeaderName::ProxyAuthorization] {
                        if let Some(value) = invite.header(name).filter(|_| to_line) {
                            writer.header(name.as_str(), value);
                        }
                    }
                };
                ack.write(invite, &dialog, credentials, writer);
            });
            match written {
                Ok(datagram) => {
                    endpoint.queue.send(dialog.route.next_hop, &datagram);
                    dialog.ack = datagram;
                }
                Err(_) => endpoint.counters.oversize_dropped += 1,
            }
            call.dialogs.push(dialog);
        });
    }

    pub(super) fn on_failure(
        &mut self,
        now: Instant,
        from: SocketAddr,
        client_key: Key,
        key: Key,
        response: &Message<'_>,
    ) {
        let acknowledged = self.with_invite(key, |endpoint, _, invite| {
            endpoint.queue.compose(|writer| compose::ack_of_failure(invite, response, writer))
        });
        if let (Some(Ok(ack)), Some(client)) = (acknowledged, self.clients.find_mut(client_key)) {
            self.queue.send(client.to, &ack);
            client.datagram = ack;
        }
        let Some(call) = self.calls.find_mut(key) else { return };
        if call.invite_client != Some(client_key) {
            return;
        }
        call.responded = true;
        call.awaited -= 1;
        let cancelled = call.wish.is_some();
        let mut refusal = None;
        if matches!(response.status(), Some(401 | 407)) && !cancelled {
            match self.answer_challenge(now, from, key, response) {
                Ok(()) => {
                    self.counters.challenges_answered += 1;
                    return;
                }
                Err(reason) => {
                    self.counters.challenges_refused += 1;
                    refusal = Some(reason);
                }
            }
        }
        let failure = failure::of_response(response, cancelled, refusal);
        self.finish(key, CallEvent::Failed(failure));
    }

    /// Sends the INVITE again with credentials: same Call-ID, next CSeq (RFC 3261 section 22.2).
    fn answer_challenge(
        &mut self,
        now: Instant,
        from: SocketAddr,
        key: Key,
        response: &Message<'_>,
    ) -> Result<(), AuthRefusal> {
        let branch = self.next_branch();
        let cnonce = self.entropy.draw();
        let sent = self.with_invite(key, |endpoint, call, invite| {
            let answers = call.invite_client.and_then(|client| endpoint.clients.find(client));
            let answers = answers.map(|client| client.answers).unwrap_or_default();
            let answers =
                call.auth.on_challenge(invite, response, answers, from == call.destination, cnonce)?;
            let cseq = invite.cseq().number + 1;
            let auth = &mut call.auth;
            let credentials = |writer: &mut Writer<'_>| {
                auth.write(b"INVITE", invite.request_uri(), writer);
            };
            let written =
                endpoint.queue.compose(|writer| compose::again(invite, branch, cseq, credentials, writer));
            call.invite = written.map_err(|_| AuthRefusal::Malformed)?;
            Ok(answers)
        });
        let answers = sent.unwrap_or(Err(AuthRefusal::Malformed))?;
        if let Some(call) = self.calls.find_mut(key) {
            // Early dialogs belong to the INVITE that was refused.
            call.forks.clear();
        }
        self.start_invite(now, key, branch);
        if let Some(client) = self.calls.find(key).and_then(|call| call.invite_client) {
            self.note_answers(client, answers);
        }
        Ok(())
    }

    /// Timer B, or no final response after CANCEL.
    pub(super) fn on_invite_silence(&mut self, client: Key, key: Key) {
        let Some(call) = self.calls.find_mut(key) else { return };
        if call.invite_client != Some(client) {
            return;
        }
        call.invite_client = None;
        call.awaited -= 1;
        let origin = match call.stage {
            Stage::Cancelling => {
                self.counters.cancels_unanswered += 1;
                FailureOrigin::NoFinalAfterCancel
            }
            Stage::Inviting | Stage::Up | Stage::Over => FailureOrigin::NoResponse,
        };
        let failure = failure::of_silence(origin, call.responded, call.wish.is_some());
        self.finish(key, CallEvent::Failed(failure));
    }

    /// Timer D or M: the transaction absorbs no more.
    pub(super) fn on_invite_forgotten(&mut self, client: Key, key: Key) {
        let Some(call) = self.calls.find_mut(key) else { return };
        if call.invite_client == Some(client) {
            call.invite_client = None;
            if call.released {
                self.lingering_count -= 1;
                self.remove_call(key);
            }
        }
    }
}
