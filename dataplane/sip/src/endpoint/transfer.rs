//! REFER: the far end is asked to call somebody else in our place (RFC 3515), and its NOTIFYs say what came of it.
//!
//! ```text
//!          2xx            NOTIFY 1xx              NOTIFY 200–699, or its subscription ends
//! Asked ─────────▶ Accepted ─────────▶ Accepted ─────────────────────────────────────────▶ over
//!   └── 3xx–6xx, silence ─────────────────────────────────────────────────────────────────▲
//! ```
//!
//! A blind transfer (RFC 5589 section 6.1). The call stays as it is, whatever is told: the owner hangs up when it is done.

use std::net::SocketAddr;
use std::time::Instant;

use super::api::{AuthRefusal, CallEvent, CallHandle, ReferError, ReferProgress};
use super::calling::Call;
use super::order::check_uri;
use super::outgoing::Role;
use super::server::{Detail, Server};
use super::{Endpoint, compose};
use crate::message::{HeaderName, Message, Params, Writer};
use common::slab::Key;

/// A status for silence, as RFC 3261 section 8.1.3.1 has it.
const REQUEST_TIMEOUT: u16 = 408;

/// The newest REFER of a call.
#[derive(Debug)]
pub(super) struct Refer {
    /// Its transaction, until the final response.
    pub client: Option<Key>,
    /// Its CSeq, by which NOTIFYs may name it (RFC 3515 section 2.4.6).
    cseq: u32,
    /// One before it may still have its subscription: a NOTIFY that names none is of that one.
    is_named: bool,
    /// A NOTIFY came of it.
    is_notified: bool,
    /// Its end was told.
    over: bool,
    /// It has no subscription, or has none any more: it was refused, or a NOTIFY was the last. What was told may be over before.
    is_closed: bool,
}

impl Endpoint {
    /// Asks the far end of an answered call to call `target`, a `sip:` URI, in our place. [`CallEvent::Refer`] tells what
    /// comes of it.
    ///
    /// # Errors
    /// Nothing has left.
    pub fn refer(&mut self, now: Instant, call: CallHandle, target: &str) -> Result<(), ReferError> {
        check_uri("target", target).map_err(|_| ReferError::Target)?;
        let key = call.0;
        let found = self.calls.find(key).filter(|call| call.is_up()).ok_or(ReferError::UnknownCall)?;
        if found.refer.as_ref().is_some_and(|refer| refer.client.is_some()) {
            return Err(ReferError::Pending);
        }
        let is_named = found.refer.as_ref().is_some_and(|before| before.is_named || !before.is_closed);
        let branch = self.next_branch();
        let written = self.with_invite(key, |endpoint, call, invite| {
            let Call { dialogs, auth, destination, .. } = call;
            let dialog = dialogs.first_mut()?;
            dialog.local_cseq += 1;
            let request = compose::InDialog {
                method: b"REFER",
                cseq: dialog.local_cseq,
                branch,
                user_agent: &endpoint.user_agent,
                reason: None,
            };
            let to_line = dialog.route.next_hop == *destination;
            let written = endpoint.queue.compose(|writer| {
                let more = |writer: &mut Writer<'_>| {
                    writer.raw(b"Refer-To: <").value(target.as_bytes()).raw(b">\r\n");
                    let referrer = invite.from().map(|from| from.uri).unwrap_or_default();
                    writer.raw(b"Referred-By: <").mirrored(referrer).raw(b">\r\n");
                    if to_line {
                        auth.write(b"REFER", &dialog.route.request_uri, writer);
                    }
                };
                request.write(invite, dialog, more, writer);
            });
            Some((dialog.route.next_hop, dialog.local_cseq, written.ok()?))
        });
        let (to, cseq, datagram) = written.flatten().ok_or(ReferError::TooLong)?;
        let client = self.start_client(now, Role::Refer { call: key }, branch, to, datagram);
        if let Some(call) = self.calls.find_mut(key) {
            call.refer = Some(Refer {
                client: Some(client),
                cseq,
                is_named,
                is_notified: false,
                over: false,
                is_closed: false,
            });
        }
        Ok(())
    }

    pub(super) fn on_refer_response(
        &mut self,
        now: Instant,
        from: SocketAddr,
        client: Key,
        key: Key,
        response: &Message<'_>,
    ) {
        let (Some(status), Some(refer)) = (response.status(), self.awaited_refer(client, key)) else {
            return;
        };
        refer.client = None;
        if status < 300 {
            // A NOTIFY may have been faster.
            if !refer.over {
                self.report(key, CallEvent::Refer(ReferProgress::Accepted));
            }
            return;
        }
        if matches!(status, 401 | 407) {
            match self.answer_refer_challenge(now, from, client, key, response) {
                Ok(()) => return self.counters.challenges_answered += 1,
                Err(_) => self.counters.challenges_refused += 1,
            }
        }
        self.close_refer(key);
        self.end_refer(key, status);
    }

    pub(super) fn on_refer_silence(&mut self, client: Key, key: Key) {
        if let Some(refer) = self.awaited_refer(client, key) {
            refer.client = None;
            // It has hardly arrived.
            refer.is_closed |= !refer.is_notified;
            self.end_refer(key, REQUEST_TIMEOUT);
        }
    }

    /// None once the call is over: nobody asks any more.
    fn awaited_refer(&mut self, client: Key, key: Key) -> Option<&mut Refer> {
        let call = self.calls.find_mut(key).filter(|call| call.is_up())?;
        call.refer.as_mut().filter(|refer| refer.client == Some(client))
    }

    fn answer_refer_challenge(
        &mut self,
        now: Instant,
        from: SocketAddr,
        client: Key,
        key: Key,
        response: &Message<'_>,
    ) -> Result<(), AuthRefusal> {
        let again = self.again_with_credentials(from, client, key, response)?;
        let cseq = again.cseq;
        let client = self.start_again(now, Role::Refer { call: key }, again);
        if let Some(call) = self.calls.find_mut(key) {
            if let Some(dialog) = call.dialogs.first_mut() {
                dialog.local_cseq = cseq;
            }
            if let Some(refer) = &mut call.refer {
                (refer.client, refer.cseq) = (Some(client), cseq);
            }
        }
        Ok(())
    }

    /// NOTIFY of the subscription that our newest REFER made, as long as the call is up; any other is none of ours (RFC 6665 section 4.1.3), or
    /// not any more.
    pub(super) fn on_notify(&mut self, now: Instant, server: Server, request: &Message<'_>) {
        let key = server.call;
        let call = self.calls.find(key).filter(|call| call.is_up());
        let refer = call.and_then(|call| call.refer.as_ref());
        let Some(refer) = refer.filter(|refer| server.dialog == 0 && refer.is_of(request)) else {
            return self.respond(
                now,
                server,
                request,
                481,
                "Call/Transaction Does Not Exist",
                Detail::Nothing,
            );
        };
        let was_over = refer.over;
        let (status, is_last) = (fragment_status(request), is_terminated(request));
        if let Some(refer) = self.calls.find_mut(key).and_then(|call| call.refer.as_mut()) {
            refer.is_notified = true;
            refer.is_closed |= is_last;
        }
        self.respond(now, server, request, 200, "OK", Detail::Nothing);
        match status {
            _ if was_over => {}
            Some(status) if status >= 200 || is_last => self.end_refer(key, status),
            Some(status) => self.report(key, CallEvent::Refer(ReferProgress::Trying { status })),
            // It ends without a word about the other call.
            None if is_last => self.end_refer(key, REQUEST_TIMEOUT),
            None => {}
        }
    }

    fn close_refer(&mut self, key: Key) {
        if let Some(refer) = self.calls.find_mut(key).and_then(|call| call.refer.as_mut()) {
            refer.is_closed = true;
        }
    }

    fn end_refer(&mut self, key: Key, status: u16) {
        if let Some(refer) = self.calls.find_mut(key).and_then(|call| call.refer.as_mut())
            && !std::mem::replace(&mut refer.over, true)
        {
            self.report(key, CallEvent::Refer(ReferProgress::Over { status }));
        }
    }
}

impl Refer {
    /// Whether a NOTIFY is of the event package `refer`, and of this REFER.
    fn is_of(&self, notify: &Message<'_>) -> bool {
        let event = notify.header(HeaderName::Event).unwrap_or_default();
        let end = event.iter().position(|byte| *byte == b';').unwrap_or(event.len());
        let id = Params::new(&event[end..]).value(b"id");
        let number = |id: &[u8]| std::str::from_utf8(id).ok()?.parse::<u32>().ok();
        let is_this = id.map_or(!self.is_named, |id| number(id) == Some(self.cseq));
        event[..end].trim_ascii().eq_ignore_ascii_case(b"refer") && is_this
    }
}

fn is_terminated(notify: &Message<'_>) -> bool {
    let state = notify.header(HeaderName::SubscriptionState).unwrap_or_default();
    let word = state.split(|byte| *byte == b';').next().unwrap_or_default();
    word.trim_ascii().eq_ignore_ascii_case(b"terminated")
}

/// The status, 100 to 699, of the response whose first line is the body (RFC 3420).
fn fragment_status(notify: &Message<'_>) -> Option<u16> {
    if !notify.has_content_type("message/sipfrag") {
        return None;
    }
    let rest = notify.body().trim_ascii_start().strip_prefix(b"SIP/2.0 ")?;
    let status = std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok()?;
    (100..700).contains(&status).then_some(status)
}
