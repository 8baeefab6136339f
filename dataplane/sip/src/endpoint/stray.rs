//! Requests outside every dialog of ours.
//!
//! They are answered without keeping state (RFC 3261 section 8.2.7): the answer to a repetition is the same answer, so
//! that a flood of them leaves nothing behind. How many are answered in a second is bounded.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Endpoint;
use super::compose::ALLOW;
use crate::message::{HeaderName, Message, Reply, Uri, Writer};
use crate::sdp::Description;

/// Requests remembered to notice one that comes again by another path (section 8.2.2.2). A direct-mapped table: at the
/// default rate limit an entry lives for half a second before another takes its place, and forks arrive within that.
const MERGE_ENTRIES: usize = 1_024;
/// How long a merged request can be told from a new one: the longest that an unanswered request is repeated.
const MERGE_WINDOW: Duration = Duration::from_secs(32);

#[derive(Debug)]
pub(super) struct Strays {
    window_start: Option<Instant>,
    answered_in_window: u32,
    recent: Box<[Option<Recent>]>,
}

#[derive(Debug, Clone, Copy)]
struct Recent {
    /// From tag, Call-ID and CSeq.
    request: u64,
    /// The transaction it came in.
    transaction: u64,
    at: Instant,
}

/// An answer to a request that belongs to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answer {
    status: u16,
    phrase: &'static str,
    extra: Extra,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extra {
    Nothing,
    Allow,
    Accept,
    Unsupported,
    Capabilities,
}

impl Strays {
    pub fn new() -> Self {
        Strays {
            window_start: None,
            answered_in_window: 0,
            recent: vec![None; MERGE_ENTRIES].into_boxed_slice(),
        }
    }

    /// True if one more may be answered in this second.
    pub fn admit(&mut self, now: Instant, per_second: u32) -> bool {
        let is_new_window = self
            .window_start
            .is_none_or(|start| now.saturating_duration_since(start) >= Duration::from_secs(1));
        if is_new_window {
            self.window_start = Some(now);
            self.answered_in_window = 0;
        }
        self.answered_in_window += 1;
        self.answered_in_window <= per_second
    }

    /// True if the same request has come in another transaction.
    fn is_merged(&mut self, now: Instant, request: u64, transaction: u64) -> bool {
        let slot = &mut self.recent[request as usize % MERGE_ENTRIES];
        if let Some(known) = slot
            && known.request == request
            && now.saturating_duration_since(known.at) < MERGE_WINDOW
        {
            return known.transaction != transaction;
        }
        *slot = Some(Recent { request, transaction, at: now });
        false
    }
}

impl Answer {
    const fn plain(status: u16, phrase: &'static str) -> Self {
        Answer { status, phrase, extra: Extra::Nothing }
    }
}

impl Endpoint {
    /// A request that matches no transaction and no dialog.
    pub(super) fn on_stray(&mut self, now: Instant, from: SocketAddr, request: &Message<'_>) {
        if !self.strays.admit(now, self.limits.stray_answers_per_s) {
            self.counters.stray_requests_shed += 1;
            return;
        }
        self.counters.stray_requests_answered += 1;
        let answer = self.judge(now, request);
        let tag = self.stateless_tag(request);
        let reply = Reply::new(request, from);
        let written = self.queue.compose(|writer| {
            reply.head(answer.status, answer.phrase, tag.as_bytes(), writer);
            match answer.extra {
                Extra::Nothing => {}
                Extra::Allow => {
                    writer.header("Allow", ALLOW.as_bytes());
                }
                Extra::Accept => {
                    writer.header("Accept", b"application/sdp");
                }
                Extra::Unsupported => write_unsupported(request, writer),
                Extra::Capabilities => {
                    writer.header("Contact", format!("<sip:{}>", self.sent_by).as_bytes());
                    write_capabilities(writer);
                }
            }
            writer.header("Server", self.user_agent.as_bytes()).body(b"");
        });
        match written {
            Ok(datagram) => self.queue.send_owned(reply.destination(), datagram),
            Err(_) => self.counters.oversize_dropped += 1,
        }
    }

    /// The tag of an answer that is not remembered: the same for every repetition of the request (section 8.2.7).
    pub(super) fn stateless_tag(&self, request: &Message<'_>) -> String {
        let branch = request.via().and_then(|via| via.branch());
        format!(
            "{:016x}",
            self.entropy.hash(&("tag", request.call_id(), request.header(HeaderName::CSeq), branch))
        )
    }

    /// The inspection of RFC 3261 section 8.2, in its order: method, headers, content, and then what this user agent
    /// makes of it, which is that it takes no calls.
    fn judge(&mut self, now: Instant, request: &Message<'_>) -> Answer {
        let method = request.method().unwrap_or_default();
        match method {
            b"INVITE" | b"OPTIONS" | b"BYE" | b"INFO" | b"UPDATE" | b"REFER" | b"NOTIFY" | b"PRACK"
            | b"CANCEL" => {}
            b"REGISTER" | b"SUBSCRIBE" | b"MESSAGE" | b"PUBLISH" => {
                return Answer { status: 405, phrase: "Method Not Allowed", extra: Extra::Allow };
            }
            _ => return Answer { status: 501, phrase: "Not Implemented", extra: Extra::Allow },
        }
        if Uri::parse(request.request_uri()).is_none() {
            return Answer::plain(416, "Unsupported URI Scheme");
        }
        let has_to_tag = request.to().is_some_and(|to| to.tag().is_some());
        if has_to_tag || matches!(method, b"BYE" | b"CANCEL" | b"INFO" | b"UPDATE" | b"NOTIFY" | b"PRACK") {
            self.counters.dialogs_unmatched += 1;
            return Answer::plain(481, "Call/Transaction Does Not Exist");
        }
        let from_tag = request.from().and_then(|from| from.tag());
        let identity = (from_tag, request.call_id(), request.cseq().number, method);
        let identity = self.entropy.hash(&identity);
        let transaction = self.server_key(request, method);
        if self.strays.is_merged(now, identity, transaction) {
            self.counters.merged_requests += 1;
            return Answer::plain(482, "Loop Detected");
        }
        if let Some(answer) = judge_requirements(request) {
            return answer;
        }
        match method {
            b"OPTIONS" => Answer { status: 200, phrase: "OK", extra: Extra::Capabilities },
            b"REFER" => Answer::plain(603, "Decline"),
            _ => judge_invite(request),
        }
    }
}

/// An INVITE to us: nobody is called here. What is wrong with it comes first, so that its sender learns that.
fn judge_invite(request: &Message<'_>) -> Answer {
    if request.has(HeaderName::Replaces) {
        // RFC 3891 section 3: the dialog it names is not one that a stranger may take.
        return Answer::plain(481, "Call/Transaction Does Not Exist");
    }
    if !accepts_sdp(request) {
        return Answer::plain(406, "Not Acceptable");
    }
    if let Some(answer) = judge_content(request) {
        return answer;
    }
    match request.sdp().map(Description::parse) {
        Some(Err(error)) => {
            let status = crate::sdp::Refusal::from(error).status();
            Answer::plain(
                status,
                if status == 400 { "Bad Session Description" } else { "Not Acceptable Here" },
            )
        }
        Some(Ok(_)) | None => Answer::plain(403, "Forbidden"),
    }
}

fn judge_requirements(request: &Message<'_>) -> Option<Answer> {
    let required = request.values(HeaderName::Require).next().is_some();
    required.then_some(Answer { status: 420, phrase: "Bad Extension", extra: Extra::Unsupported })
}

/// 415 unless the body is SDP in plain (section 8.2.3).
fn judge_content(request: &Message<'_>) -> Option<Answer> {
    let encoded = request
        .values(HeaderName::ContentEncoding)
        .any(|encoding| !encoding.eq_ignore_ascii_case(b"identity"));
    let foreign = !request.body().is_empty() && request.sdp().is_none();
    (encoded || foreign).then_some(Answer {
        status: 415,
        phrase: "Unsupported Media Type",
        extra: Extra::Accept,
    })
}

/// Section 20.1: without an Accept header, SDP is accepted.
fn accepts_sdp(request: &Message<'_>) -> bool {
    !request.has(HeaderName::Accept)
        || request.values(HeaderName::Accept).any(|value| {
            let range = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
            [b"application/sdp".as_slice(), b"application/*", b"*/*"]
                .iter()
                .any(|known| range.eq_ignore_ascii_case(known))
        })
}

/// We support no extension by name, so that every required one is unsupported (section 8.2.2.3).
pub(super) fn write_unsupported(request: &Message<'_>, writer: &mut Writer<'_>) {
    for value in request.values(HeaderName::Require) {
        writer.raw(b"Unsupported: ").mirrored(value).raw(b"\r\n");
    }
}

/// What OPTIONS asks for (section 11.2).
pub(super) fn write_capabilities(writer: &mut Writer<'_>) {
    writer.header("Allow", ALLOW.as_bytes()).header("Accept", b"application/sdp");
    writer.header("Accept-Encoding", b"identity").header("Accept-Language", b"en").raw(b"Supported:\r\n");
}
