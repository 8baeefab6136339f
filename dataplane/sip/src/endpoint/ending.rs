//! The end of a call: BYE both ways, and the moment at which its line's slot is free.

use std::net::SocketAddr;
use std::time::Instant;

use super::api::{AuthRefusal, CallEvent, CallReason, EndedBy};
use super::calling::{Call, Stage};
use super::outgoing::{Again, Role};
use super::{Endpoint, compose};
use crate::message::{Message, Writer};
use crate::token::Token;
use common::slab::Key;

impl Endpoint {
    /// Sends BYE in one dialog.
    pub(super) fn send_bye(&mut self, now: Instant, key: Key, dialog: usize, reason: Option<CallReason>) {
        let branch = self.next_branch();
        let written = self.with_invite(key, |endpoint, call, invite| {
            let Call { dialogs, auth, destination, .. } = call;
            let found = dialogs.get_mut(dialog)?;
            found.over = true;
            found.local_cseq += 1;
            let bye = compose::InDialog {
                method: b"BYE",
                cseq: found.local_cseq,
                branch,
                user_agent: &endpoint.user_agent,
                reason,
            };
            let to_line = found.route.next_hop == *destination;
            let written = endpoint.queue.compose(|writer| {
                let credentials = |writer: &mut Writer<'_>| {
                    if to_line {
                        auth.write(b"BYE", &found.route.request_uri, writer);
                    }
                };
                bye.write(invite, found, credentials, writer);
            });
            Some((found.route.next_hop, written.ok()?))
        });
        let Some(Some((to, datagram))) = written else {
            self.counters.oversize_dropped += 1;
            self.release_if_done(key);
            return;
        };
        self.start_bye(now, key, dialog, branch, to, datagram);
    }

    /// A final response to our BYE. Only the line itself is given credentials for it, in its own realm.
    pub(super) fn on_bye_response(
        &mut self,
        now: Instant,
        from: SocketAddr,
        client: Key,
        key: Key,
        dialog: usize,
        response: &Message<'_>,
    ) {
        if self.settle_bye(client, key, dialog) && matches!(response.status(), Some(401 | 407)) {
            match self.answer_bye_challenge(now, from, client, key, dialog, response) {
                Ok(()) => self.counters.challenges_answered += 1,
                Err(_) => self.counters.challenges_refused += 1,
            }
        }
        self.release_if_done(key);
    }

    fn answer_bye_challenge(
        &mut self,
        now: Instant,
        from: SocketAddr,
        client: Key,
        key: Key,
        dialog: usize,
        response: &Message<'_>,
    ) -> Result<(), AuthRefusal> {
        let again = self.again_with_credentials(from, client, key, response)?;
        let client = self.start_again(now, Role::Bye { call: key, dialog }, again);
        self.await_bye(key, dialog, client);
        Ok(())
    }

    /// A request in a call's dialog once more, with an answer to the challenge it got.
    pub(super) fn again_with_credentials(
        &mut self,
        from: SocketAddr,
        client: Key,
        key: Key,
        response: &Message<'_>,
    ) -> Result<Again, AuthRefusal> {
        let branch = self.next_branch();
        let cnonce = self.entropy.draw();
        let call = self.calls.find_mut(key).ok_or(AuthRefusal::Malformed)?;
        let sent = self.clients.find(client).ok_or(AuthRefusal::Malformed)?;
        let to = sent.to;
        let request = Message::parse(&sent.datagram).map_err(|_| AuthRefusal::Malformed)?;
        let line_only = from == call.destination && to == call.destination;
        let answers = call.auth.on_challenge(&request, response, sent.answers, line_only, cnonce)?;

        let cseq = request.cseq().number + 1;
        let auth = &mut call.auth;
        let method = request.method().unwrap_or_default();
        let credentials = |writer: &mut Writer<'_>| auth.write(method, request.request_uri(), writer);
        let written =
            self.queue.compose(|writer| compose::again(&request, branch, cseq, credentials, writer));
        let datagram = written.map_err(|_| AuthRefusal::Malformed)?;
        Ok(Again { branch, to, cseq, datagram, answers })
    }

    /// Silence after our BYE: the session is over all the same (RFC 3261 section 15.1.1).
    pub(super) fn on_bye_silence(&mut self, client: Key, key: Key, dialog: usize) {
        self.settle_bye(client, key, dialog);
        self.release_if_done(key);
    }

    /// This BYE is not waited for any more. False if nobody was waiting.
    fn settle_bye(&mut self, client: Key, key: Key, dialog: usize) -> bool {
        let Some(call) = self.calls.find_mut(key) else { return false };
        let Some(found) = call.dialogs.get_mut(dialog) else { return false };
        let awaited = found.bye == Some(client);
        if awaited {
            found.bye = None;
            call.awaited -= 1;
        }
        awaited
    }

    fn start_bye(
        &mut self,
        now: Instant,
        key: Key,
        dialog: usize,
        branch: Token,
        to: SocketAddr,
        datagram: Vec<u8>,
    ) {
        let client = self.start_client(now, Role::Bye { call: key, dialog }, branch, to, datagram);
        self.await_bye(key, dialog, client);
    }

    fn await_bye(&mut self, key: Key, dialog: usize, client: Key) {
        if let Some(call) = self.calls.find_mut(key) {
            call.awaited += 1;
            if let Some(dialog) = call.dialogs.get_mut(dialog) {
                dialog.bye = Some(client);
            }
        }
    }

    /// The far end sent BYE in one of the call's dialogs.
    pub(super) fn on_remote_bye(&mut self, now: Instant, key: Key, dialog: usize, q850: Option<u8>) {
        let Some(call) = self.calls.find_mut(key) else { return };
        let Some(found) = call.dialogs.get_mut(dialog) else { return };
        found.over = true;
        // BYEs crossed: nothing is left there that could hold the line's slot.
        if found.bye.take().is_some() {
            call.awaited -= 1;
        }
        if dialog == 0 && call.stage == Stage::Up {
            self.end_call(now, key, EndedBy::Remote, q850);
        }
        self.release_if_done(key);
    }

    /// Our 2xx to a re-INVITE was never acknowledged: the session is in doubt and ends (section 13.3.1.4).
    pub(super) fn on_ack_missing(&mut self, now: Instant, key: Key) {
        if self.calls.find(key).is_some_and(Call::is_up) {
            self.end_call(now, key, EndedBy::NoAck, None);
            self.send_bye(now, key, 0, None);
        }
    }

    pub(super) fn end_call(&mut self, now: Instant, key: Key, by: EndedBy, q850: Option<u8>) {
        self.refuse_open_offer(now, key);
        let Some(call) = self.calls.find_mut(key) else { return };
        call.stage = Stage::Over;
        // Nobody asks any more what comes of it, and the far end shall not hear of it after the BYE.
        if let Some(client) = call.refer.take().and_then(|refer| refer.client) {
            self.remove_client(client);
        }
        self.report(key, CallEvent::Ended { by, q850 });
    }

    pub(super) fn finish(&mut self, key: Key, event: CallEvent) {
        if let Some(call) = self.calls.find_mut(key) {
            call.stage = Stage::Over;
            self.report(key, event);
            self.release_if_done(key);
        }
    }

    /// Reports `Released` when the far end holds nothing of the call any more, and then forgets the call, unless its
    /// INVITE may still be answered once more.
    fn release_if_done(&mut self, key: Key) {
        let Some(call) = self.calls.find_mut(key) else { return };
        if call.stage != Stage::Over || call.awaited > 0 || call.released {
            return;
        }
        call.released = true;
        let may_be_answered_again = !call.dialogs.is_empty() && call.invite_client.is_some();
        self.report(key, CallEvent::Released);
        if !may_be_answered_again {
            self.remove_call(key);
            return;
        }
        self.lingering.push_back(key);
        self.lingering_count += 1;
        while self.lingering_count > self.limits.lingering {
            let Some(oldest) = self.lingering.pop_front() else { break };
            let Some(call) = self.calls.find(oldest) else { continue };
            if let Some(client) = call.invite_client {
                self.remove_client(client);
            }
            self.counters.lingering_evicted += 1;
            self.lingering_count -= 1;
            self.remove_call(oldest);
        }
        while self.lingering.front().is_some_and(|oldest| self.calls.find(*oldest).is_none()) {
            self.lingering.pop_front();
        }
    }

    pub(super) fn remove_call(&mut self, key: Key) {
        if let Some(call) = self.calls.remove(key) {
            self.queue.recycle(call.invite);
            for dialog in call.dialogs {
                self.queue.recycle(dialog.ack);
            }
        }
    }
}
