//! OPTIONS that we send, to learn whether a line lives.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::api::{InviteError, InviteRequest, OptionsRequest, Output, ProbeHandle, ProbeResult};
use super::auth::Auth;
use super::order::{check_destination, check_uri};
use super::outgoing::{Again, Role};
use super::{Endpoint, compose};
use crate::message::{Message, Writer};
use common::slab::Key;

/// Probes under way. A line is probed every few seconds; this is thousands of lines of which all are silent.
const PROBES_MAX: usize = 4_096;

#[derive(Debug)]
pub(super) struct Probe {
    owner: u64,
    destination: SocketAddr,
    auth: Auth,
}

impl Endpoint {
    /// Asks a line whether it lives (RFC 3261 section 11).
    ///
    /// # Errors
    /// What is wrong with the order; nothing has left then.
    pub fn options(
        &mut self,
        now: Instant,
        request: &OptionsRequest<'_>,
    ) -> Result<ProbeHandle, InviteError> {
        check_destination(request.destination, self.local)?;
        check_uri("request_uri", request.request_uri)?;
        check_uri("from_uri", request.from_uri)?;
        if self.probes.len() >= PROBES_MAX {
            return Err(InviteError::TableFull);
        }
        let branch = self.next_branch();
        let call_id = format!("{:016x}{:016x}", self.entropy.draw(), self.entropy.draw());
        let key = self.probes.next_key();
        let tag = self.token(key);
        let names = compose::Names {
            sent_by: &self.sent_by,
            user_agent: &self.user_agent,
            branch,
            tag,
            call_id: &call_id,
        };
        let order = InviteRequest {
            destination: request.destination,
            request_uri: request.request_uri,
            from_uri: request.from_uri,
            from_display: None,
            to_uri: request.request_uri,
            advertised: None,
            extra_headers: &[("Accept", "application/sdp")],
            credentials: None,
            sdp: b"",
            owner: request.owner,
        };
        let datagram = self.queue.compose(|writer| compose::initial(b"OPTIONS", &order, &names, writer))?;
        let auth = Auth::new(request.credentials.as_ref().map(Arc::clone));
        self.probes.insert(Probe { owner: request.owner, destination: request.destination, auth });
        self.start_client(now, Role::Probe { probe: key }, branch, request.destination, datagram);
        Ok(ProbeHandle(key))
    }

    pub(super) fn on_probe_response(
        &mut self,
        now: Instant,
        from: SocketAddr,
        client: Key,
        key: Key,
        response: &Message<'_>,
    ) {
        let Some(status) = response.status() else { return };
        if matches!(status, 401 | 407)
            && self.answer_probe_challenge(now, from, client, key, response).is_some()
        {
            self.counters.challenges_answered += 1;
            return;
        }
        self.end_probe(key, ProbeResult::Answered { status, retry_after_s: response.retry_after_s() });
    }

    pub(super) fn on_probe_silence(&mut self, key: Key) {
        self.end_probe(key, ProbeResult::NoResponse);
    }

    fn answer_probe_challenge(
        &mut self,
        now: Instant,
        from: SocketAddr,
        client: Key,
        key: Key,
        response: &Message<'_>,
    ) -> Option<()> {
        let branch = self.next_branch();
        let cnonce = self.entropy.draw();
        let probe = self.probes.find_mut(key)?;
        let sent = self.clients.find(client)?;
        let request = Message::parse(&sent.datagram).ok()?;
        let to = probe.destination;
        let answers = probe.auth.on_challenge(&request, response, sent.answers, from == to, cnonce).ok()?;
        let cseq = request.cseq().number + 1;
        let credentials =
            |writer: &mut Writer<'_>| probe.auth.write(b"OPTIONS", request.request_uri(), writer);
        let written =
            self.queue.compose(|writer| compose::again(&request, branch, cseq, credentials, writer));
        let again = Again { branch, to, cseq, datagram: written.ok()?, answers };
        self.start_again(now, Role::Probe { probe: key }, again);
        Some(())
    }

    fn end_probe(&mut self, key: Key, result: ProbeResult) {
        if let Some(probe) = self.probes.remove(key) {
            self.outputs.push_back(Output::Probe { probe: ProbeHandle(key), owner: probe.owner, result });
        }
    }
}
