//! One call, as the called side sees it, and the messages that it sends.
//!
//! Owns the state of a call and the text of its responses and of its BYE. Decides nothing: the engine does.
//!
//! ```text
//!   INVITE                  180/183         200              BYE (ours)
//!     ├──▶ Challenged ──▶ Inviting ──────▶ Answered ────────▶ HangingUp ──▶ ended
//!     │        401/407        │ 3xx-6xx        │ BYE (caller's)
//!     └──▶ Ignoring           └─▶ Refused ─────┴──▶ ended
//! ```

use std::fmt::Write as _;
use std::net::SocketAddrV4;
use std::str;
use std::time::{Duration, Instant};

use crate::audio::{Track, Tracks};
use crate::behaviour::{Behaviour, Plan};
use crate::cast::Customer;
use crate::engine::media::Media;
use crate::ledger::Ending;
use crate::message::{self, Message};
use crate::offer::Stream;
use crate::rtcp::Control;

/// RFC 3261 section 17.1.1.1.
pub(crate) const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
/// 64 × T1: timers B, F and H, and the wait for the ACK of a 200.
pub(crate) const PATIENCE: Duration = Duration::from_secs(32);

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// 401 or 407 was sent; credentials are awaited. Counts the challenges.
    Challenged { round: u8 },
    /// Nothing was or will be sent.
    Ignoring,
    /// The INVITE is open; what comes next, at [`Call::act_at`].
    Inviting(Next),
    /// A final refusal was sent, its ACK is awaited.
    Refused,
    /// 200 was sent.
    Answered { acked: bool },
    /// Our BYE was sent, its response is awaited.
    HangingUp,
}

/// What the callee does next with an open INVITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// 180.
    Ring,
    /// 183 with audio.
    Progress,
    /// 200.
    Answer,
    /// The status that its behaviour says.
    Refuse,
    /// 480: nobody came.
    GiveUp,
}

/// A message that is sent again until somebody confirms it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resend {
    pub(crate) at: Instant,
    interval: Duration,
    until: Instant,
}

impl Resend {
    pub(crate) fn begin(now: Instant) -> Self {
        Self { at: now + T1, interval: T1, until: now + PATIENCE }
    }

    /// The next time, or `None` when patience is at its end.
    pub(crate) fn again(self, now: Instant) -> Option<Self> {
        let interval = (self.interval * 2).min(T2);
        (now < self.until).then(|| Self { at: (now + interval).min(self.until), interval, ..self })
    }
}

/// A call.
#[derive(Debug)]
pub(crate) struct Call {
    /// Its number in the ledger, which is also what timers know it by.
    pub(crate) id: u64,
    pub(crate) line: usize,
    pub(crate) call_id: Box<[u8]>,
    pub(crate) state: State,
    pub(crate) plan: Plan,
    /// Who answers, if it is one of the cast.
    pub(crate) customer: Option<&'static Customer>,
    pub(crate) cseq: u32,
    /// Whom responses go to.
    pub(crate) reply_to: SocketAddrV4,
    pub(crate) dialog: Dialog,
    /// The caller's offer; `None`: the INVITE had none, and we make it.
    pub(crate) offer: Option<Stream>,
    pub(crate) media: Option<Media>,
    /// What we sent last: the answer to a retransmission.
    pub(crate) last_sent: Vec<u8>,
    pub(crate) resend: Option<Resend>,
    /// When the callee, or our patience, does something.
    pub(crate) act_at: Option<Instant>,
    /// The timer that is set.
    pub(crate) armed: Option<Instant>,
    /// Whether junk is sent beside the call.
    pub(crate) garbage: bool,
    pub(crate) account: Account,
}

/// What the ledger will say of a call.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) ringing_us: Option<u64>,
    pub(crate) answered_us: Option<u64>,
    /// Decided once, by the first who ends the call.
    pub(crate) ending: Option<(Ending, u64)>,
    /// Of any message of the call, either way.
    pub(crate) last_message_us: u64,
    pub(crate) status: u16,
    pub(crate) invite_retransmissions: u32,
    pub(crate) our_retransmissions: u32,
}

impl Account {
    pub(crate) fn decide(&mut self, how: Ending, at_us: u64) {
        self.ending.get_or_insert((how, at_us));
    }
}

impl Call {
    /// Its RTCP, if it has any.
    pub(crate) fn control(&mut self) -> Option<&mut Control> {
        self.media.as_mut()?.control.as_deref_mut()
    }

    /// What is heard from the answer on.
    pub(crate) fn track(&self) -> &'static Track {
        let tracks = Tracks::shared();
        match self.plan.behaviour {
            Behaviour::Machine => &tracks.machine,
            _ if self.plan.is_quiet || self.customer.is_some() => &tracks.quiet,
            _ => &tracks.person,
        }
    }

    /// A response to its INVITE.
    pub(crate) fn response(
        &self,
        local: SocketAddrV4,
        status: u16,
        extra: &str,
        description: Option<&str>,
    ) -> Vec<u8> {
        let mut headers = String::with_capacity(160);
        // RFC 3261 section 12.1.1: what makes a dialog repeats the route and tells where we are.
        if (101..300).contains(&status) {
            headers.push_str(&self.dialog.record_routes);
            let _ = write!(headers, "Contact: <sip:carrier@{local}>\r\n");
        }
        headers.push_str(extra);
        response(status, &self.dialog.head, &headers, description)
    }

    /// Our BYE, and where it goes.
    pub(crate) fn bye(&self, local: SocketAddrV4) -> (Vec<u8>, SocketAddrV4) {
        let dialog = &self.dialog;
        let direct = message::host_port(&dialog.target).parse().ok();
        // With a route, the next hop is whoever brought us the INVITE.
        let to = direct.filter(|_| dialog.record_routes.is_empty()).unwrap_or(self.reply_to);
        let mut text = format!(
            "BYE {} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKbye{:x};rport\r\n",
            dialog.target, self.id
        );
        text.push_str(&dialog.record_routes.replace("Record-Route:", "Route:"));
        let _ = write!(text, "From: {}\r\nTo: {}\r\nCall-ID: ", dialog.local, dialog.remote);
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.call_id);
        bytes.extend_from_slice(
            b"\r\nCSeq: 1 BYE\r\nMax-Forwards: 70\r\n\
              Reason: Q.850;cause=16;text=\"Normal call clearing\"\r\nContent-Length: 0\r\n\r\n",
        );
        (bytes, to)
    }
}

/// What an INVITE left to be repeated.
#[derive(Debug, Default)]
pub(crate) struct Dialog {
    /// Via, From, To with our tag, Call-ID and CSeq, as lines.
    pub(crate) head: Vec<u8>,
    /// Record-Route lines.
    record_routes: String,
    /// To with our tag.
    local: String,
    /// From.
    remote: String,
    /// The caller's Contact.
    target: String,
}

impl Dialog {
    /// Takes it from an INVITE. `None` if a header that every request has is missing.
    pub(crate) fn of(invite: &Message<'_>, source: SocketAddrV4, tag: &str) -> Option<Self> {
        let text = |name| invite.header(name).map(|value| String::from_utf8_lossy(value).into_owned());
        let remote = text("From")?;
        let target = match text("Contact") {
            Some(contact) => message::uri_of(&contact).to_owned(),
            None => message::uri_of(&remote).to_owned(),
        };
        let mut record_routes = String::new();
        for route in invite.all("Record-Route") {
            let _ = write!(record_routes, "Record-Route: {}\r\n", String::from_utf8_lossy(route));
        }
        Some(Self {
            head: head(invite, source, Some(tag))?,
            record_routes,
            local: format!("{};tag={tag}", text("To")?),
            remote,
            target,
        })
    }
}

/// The lines that every response repeats from its request (RFC 3261 section 8.2.6.2), our tag added to a To without one.
pub(crate) fn head(request: &Message<'_>, source: SocketAddrV4, tag: Option<&str>) -> Option<Vec<u8>> {
    let mut head = Vec::with_capacity(512);
    let mut line = |name: &str, value: &[u8], suffix: &str| {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(value);
        head.extend_from_slice(suffix.as_bytes());
        head.extend_from_slice(b"\r\n");
    };
    let mut vias = request.all("Via");
    line("Via: ", &received(vias.next()?, source), "");
    vias.for_each(|via| line("Via: ", via, ""));
    line("From: ", request.header("From")?, "");
    let to = request.header("To")?;
    let tag = tag.filter(|_| message::parameter(to, "tag").is_none());
    line("To: ", to, &tag.map_or(String::new(), |tag| format!(";tag={tag}")));
    line("Call-ID: ", request.header("Call-ID")?, "");
    line("CSeq: ", request.header("CSeq")?, "");
    Some(head)
}

/// The topmost Via with what RFC 3261 section 18.2.1 and RFC 3581 section 4 add.
fn received(via: &[u8], source: SocketAddrV4) -> Vec<u8> {
    let text = String::from_utf8_lossy(via);
    let (top, others) = text.split_at(text.find(',').unwrap_or(text.len()));
    let mut added = format!(";received={}", source.ip());
    let mut parts = top.split(';');
    let mut marked = parts.next().unwrap_or("").to_owned();
    for part in parts {
        if part.trim().eq_ignore_ascii_case("rport") {
            let _ = write!(added, ";rport={}", source.port());
        } else {
            let _ = write!(marked, ";{part}");
        }
    }
    format!("{marked}{added}{others}").into_bytes()
}

/// Where responses to a request go (RFC 3261 section 18.2.2, RFC 3581 section 4).
pub(crate) fn reply_address(request: &Message<'_>, source: SocketAddrV4) -> SocketAddrV4 {
    let via = request.header("Via").unwrap_or(b"");
    let top = via.split(|b| *b == b',').next().unwrap_or(b"");
    if message::parameter(top, "rport").is_some() {
        return source;
    }
    let sent_by = str::from_utf8(top).ok().and_then(|v| v.split(';').next()?.split_ascii_whitespace().nth(1));
    let port = sent_by.and_then(|by| by.rsplit_once(':')?.1.parse().ok()).unwrap_or(5060);
    SocketAddrV4::new(*source.ip(), port)
}

/// A response.
pub(crate) fn response(status: u16, head: &[u8], headers: &str, description: Option<&str>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(head.len() + headers.len() + 512);
    let mut push = |text: &str| bytes.extend_from_slice(text.as_bytes());
    push(&format!("SIP/2.0 {status} {}\r\n", phrase(status)));
    bytes.extend_from_slice(head);
    let mut push = |text: &str| bytes.extend_from_slice(text.as_bytes());
    push(headers);
    match description {
        Some(sdp) => {
            push(&format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n", sdp.len()));
            push(sdp);
        }
        None => push("Content-Length: 0\r\n\r\n"),
    }
    bytes
}

/// What a behaviour refuses with: the status, and header lines that explain it.
pub(crate) fn refusal(behaviour: Behaviour) -> (u16, String) {
    let q850 = |cause: u8, text: &str| format!("Reason: Q.850;cause={cause};text=\"{text}\"\r\n");
    match behaviour {
        Behaviour::Busy => (486, q850(17, "User busy")),
        Behaviour::Decline => (603, q850(21, "Call rejected")),
        Behaviour::Unavailable => (480, String::new()),
        Behaviour::Absent => (480, q850(20, "Subscriber absent")),
        Behaviour::NotFound => (404, q850(1, "Unallocated number")),
        Behaviour::Overload => (503, String::new()),
        Behaviour::OverloadRetry => (503, format!("Retry-After: 2\r\n{}", q850(34, "No circuit available"))),
        Behaviour::Status(status, 0) => (status, String::new()),
        Behaviour::Status(status, cause) => (status, q850(cause, "As asked")),
        // The rest ring, answer or stay silent; when they come to refuse, nobody answered.
        Behaviour::Person
        | Behaviour::Machine
        | Behaviour::EarlyMedia
        | Behaviour::Silent
        | Behaviour::NoAnswer
        | Behaviour::TryingOnly
        | Behaviour::Drop => (480, q850(19, "No answer from user")),
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        420 => "Bad Extension",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        500 => "Server Internal Error",
        503 => "Service Unavailable",
        603 => "Decline",
        _ => "As Asked",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topmost_via_tells_where_the_request_came_from() {
        let source = "127.0.0.1:777".parse().unwrap();
        let via = received(b"SIP/2.0/UDP h:5060;rport;branch=z9hG4bK1, SIP/2.0/UDP other;rport", source);
        assert_eq!(
            str::from_utf8(&via),
            Ok("SIP/2.0/UDP h:5060;branch=z9hG4bK1;received=127.0.0.1;rport=777, SIP/2.0/UDP other;rport")
        );
    }

    #[test]
    fn responses_go_to_the_port_in_via_unless_rport_is_asked_for() {
        let source = "127.0.0.1:777".parse().unwrap();
        let to = |via: &str| {
            let text = format!("OPTIONS sip:a SIP/2.0\r\nVia: {via}\r\n\r\n");
            reply_address(&Message::parse(text.as_bytes()).unwrap(), source).port()
        };
        assert_eq!(to("SIP/2.0/UDP h:5080;branch=1"), 5080);
        assert_eq!(to("SIP/2.0/UDP h;branch=1"), 5060);
        assert_eq!(to("SIP/2.0/UDP h:5080;rport"), 777);
        assert_eq!(to("nonsense"), 5060);
    }

    #[test]
    fn a_resend_doubles_up_to_t2_and_ends_after_64_t1() {
        let start = Instant::now();
        let mut resend = Some(Resend::begin(start));
        let mut at_ms = Vec::new();
        while let Some(due) = resend {
            at_ms.push((due.at - start).as_millis());
            resend = due.again(due.at);
        }
        assert_eq!(at_ms, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500, 32000]);
    }
}
