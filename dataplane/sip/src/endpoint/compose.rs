//! The text of our requests. What a call says the same way twice is taken from its INVITE.

use super::api::{CallReason, InviteRequest};
use crate::message::{HeaderName, Message, Uri, Writer};
use crate::token::Token;

/// The methods that this user agent answers with something better than a refusal.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY";

/// Hops that a request may take (RFC 3261 section 8.1.1.6).
const MAX_FORWARDS: &[u8] = b"Max-Forwards: 70\r\n";

/// Names that stand in a new request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    pub sent_by: &'a str,
    pub user_agent: &'a str,
    pub branch: Token,
    pub tag: Token,
    pub call_id: &'a str,
}

/// The first request of a call or a probe.
pub(super) fn initial(
    method: &[u8],
    request: &InviteRequest<'_>,
    names: &Names<'_>,
    writer: &mut Writer<'_>,
) {
    writer.request_line(method, request.request_uri.as_bytes());
    via(names.sent_by.as_bytes(), names.branch, writer);
    writer.raw(MAX_FORWARDS).raw(b"From: ");
    if let Some(display) = request.from_display {
        writer.quoted(display.as_bytes()).raw(b" ");
    }
    writer.raw(b"<").value(request.from_uri.as_bytes()).raw(b">;tag=");
    names.tag.write(writer);
    writer.raw(b"\r\nTo: <").value(request.to_uri.as_bytes()).raw(b">\r\n");
    writer.header("Call-ID", names.call_id.as_bytes());
    cseq_header(1, method, writer);
    writer.raw(b"Contact: <sip:");
    if let Some(user) = Uri::parse(request.from_uri.as_bytes()).and_then(|uri| uri.user) {
        writer.value(user).raw(b"@");
    }
    writer.value(names.sent_by.as_bytes()).raw(b">\r\n");
    writer.header("Allow", ALLOW.as_bytes()).header("User-Agent", names.user_agent.as_bytes());
    for (name, value) in request.extra_headers {
        writer.header(name, value.as_bytes());
    }
    if !request.sdp.is_empty() {
        writer.raw(b"Content-Type: application/sdp\r\n");
    }
    writer.body(request.sdp);
}

/// The same request again with a new branch, a new CSeq and other credentials (RFC 3261 section 22.2).
pub(super) fn again(
    old: &Message<'_>,
    branch: Token,
    cseq: u32,
    credentials: impl FnOnce(&mut Writer<'_>),
    writer: &mut Writer<'_>,
) {
    let method = old.method().unwrap_or_default();
    writer.request_line(method, old.request_uri());
    via(sent_by(old), branch, writer);
    for header in old.all() {
        match header.name {
            HeaderName::Via
            | HeaderName::Authorization
            | HeaderName::ProxyAuthorization
            | HeaderName::ContentLength => {}
            HeaderName::CSeq => cseq_header(cseq, method, writer),
            _ => {
                writer.raw(header.text).raw(b": ").mirrored(header.value).raw(b"\r\n");
            }
        }
    }
    credentials(writer);
    writer.body(old.body());
}

/// The ACK of a final failure (RFC 3261 section 17.1.1.3).
pub(super) fn ack_of_failure(invite: &Message<'_>, response: &Message<'_>, writer: &mut Writer<'_>) {
    within_transaction(b"ACK", invite, response.header(HeaderName::To), writer);
    writer.body(b"");
}

/// CANCEL (RFC 3261 section 9.1).
pub(super) fn cancel(invite: &Message<'_>, reason: Option<CallReason>, writer: &mut Writer<'_>) {
    within_transaction(b"CANCEL", invite, invite.header(HeaderName::To), writer);
    reason_header(reason, writer);
    writer.body(b"");
}

/// What CANCEL and the ACK of a failure take from the INVITE whose transaction they belong to.
fn within_transaction(method: &[u8], invite: &Message<'_>, to: Option<&[u8]>, writer: &mut Writer<'_>) {
    writer.request_line(method, invite.request_uri());
    writer.raw(b"Via: ").mirrored(invite.header(HeaderName::Via).unwrap_or_default()).raw(b"\r\n");
    writer.raw(MAX_FORWARDS);
    for route in invite.headers(HeaderName::Route) {
        writer.raw(b"Route: ").mirrored(route).raw(b"\r\n");
    }
    parties(invite, to.unwrap_or_default(), writer);
    cseq_header(invite.cseq().number, method, writer);
}

/// A request inside a dialog without a body: the ACK of a 2xx, REFER or BYE.
#[derive(Debug, Clone, Copy)]
pub(super) struct InDialog<'a> {
    pub method: &'a [u8],
    pub cseq: u32,
    pub branch: Token,
    pub user_agent: &'a str,
    pub reason: Option<CallReason>,
}

impl InDialog<'_> {
    pub fn write(
        &self,
        invite: &Message<'_>,
        dialog: &crate::dialog::Dialog,
        more: impl FnOnce(&mut Writer<'_>),
        writer: &mut Writer<'_>,
    ) {
        writer.request_line(self.method, &dialog.route.request_uri);
        via(sent_by(invite), self.branch, writer);
        writer.raw(MAX_FORWARDS);
        if !dialog.route.header.is_empty() {
            writer.raw(b"Route: ").mirrored(&dialog.route.header).raw(b"\r\n");
        }
        parties(invite, &dialog.to, writer);
        cseq_header(self.cseq, self.method, writer);
        contact(invite, writer);
        more(writer);
        reason_header(self.reason, writer);
        writer.header("User-Agent", self.user_agent.as_bytes()).body(b"");
    }
}

/// Our Contact, as the INVITE said it.
pub(super) fn contact(invite: &Message<'_>, writer: &mut Writer<'_>) {
    writer.raw(b"Contact: ").mirrored(invite.header(HeaderName::Contact).unwrap_or_default()).raw(b"\r\n");
}

/// `Via: SIP/2.0/UDP sent-by;branch=...;rport` (RFC 3581)
pub(super) fn via(sent_by: &[u8], branch: Token, writer: &mut Writer<'_>) {
    writer.raw(b"Via: SIP/2.0/UDP ").value(sent_by).raw(b";branch=");
    branch.write_branch(writer);
    writer.raw(b";rport\r\n");
}

fn sent_by<'a>(request: &Message<'a>) -> &'a [u8] {
    request.via().map(|via| via.sent_by).unwrap_or_default()
}

fn parties(invite: &Message<'_>, to: &[u8], writer: &mut Writer<'_>) {
    writer.raw(b"From: ").mirrored(invite.header(HeaderName::From).unwrap_or_default());
    writer.raw(b"\r\nTo: ").mirrored(to).raw(b"\r\n");
    writer.header("Call-ID", invite.call_id());
}

fn cseq_header(number: u32, method: &[u8], writer: &mut Writer<'_>) {
    writer.raw(b"CSeq: ").number(u64::from(number)).raw(b" ").value(method).raw(b"\r\n");
}

fn reason_header(reason: Option<CallReason>, writer: &mut Writer<'_>) {
    match reason {
        None => {}
        Some(CallReason::Q850(cause)) => {
            writer.raw(b"Reason: Q.850;cause=").number(u64::from(cause)).raw(b"\r\n");
        }
        Some(CallReason::CompletedElsewhere) => {
            writer.raw(b"Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n");
        }
    }
}
