//! One endpoint, a clock that moves when told, and a far end that says what a test tells it to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sip::message::{HeaderName, Message, Reply, Writer};
use sip::{CallEvent, CallHandle, Credentials, Endpoint, EndpointConfig, InviteRequest, Limits, Output};

pub const OFFER: &[u8] =
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
pub const ANSWER: &[u8] =
    b"v=0\r\no=- 9 9 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n";

pub fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A datagram of the endpoint.
#[derive(Debug, Clone)]
pub struct Sent {
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

impl Sent {
    pub fn message(&self) -> Message<'_> {
        Message::parse(&self.bytes).unwrap_or_else(|error| panic!("we sent {error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn header(&self, name: HeaderName) -> String {
        String::from_utf8_lossy(self.message().header(name).unwrap_or_default()).into_owned()
    }

    /// `INVITE`, or `200 OPTIONS`.
    pub fn kind(&self) -> String {
        let message = self.message();
        let method = String::from_utf8_lossy(message.cseq().method).into_owned();
        message.status().map_or(method.clone(), |status| format!("{status} {method}"))
    }
}

pub struct World {
    pub now: Instant,
    start: Instant,
    pub endpoint: Endpoint,
    pub line: SocketAddr,
    slot: Vec<u8>,
    sent: Vec<Sent>,
    events: Vec<CallEvent>,
    pub outputs: Vec<Output>,
}

impl World {
    pub fn new() -> Self {
        World::with_limits(Limits::default())
    }

    pub fn with_limits(limits: Limits) -> Self {
        let now = Instant::now();
        let config = EndpointConfig { limits, ..EndpointConfig::new(addr("10.0.0.1:5060"), 3, 7) };
        World {
            now,
            start: now,
            endpoint: Endpoint::new(config),
            line: addr("10.0.0.2:5060"),
            slot: vec![0; sip::DATAGRAM_BYTES_MAX],
            sent: Vec::new(),
            events: Vec::new(),
            outputs: Vec::new(),
        }
    }

    pub fn order(&self) -> InviteRequest<'static> {
        InviteRequest {
            destination: self.line,
            request_uri: "sip:+15550100@carrier.example",
            from_uri: "sip:+15550199@peal.example",
            from_display: None,
            to_uri: "sip:+15550100@carrier.example",
            advertised: None,
            extra_headers: &[],
            credentials: None,
            sdp: OFFER,
            owner: 77,
        }
    }

    pub fn credentials(realm: Option<&str>) -> Option<Arc<Credentials>> {
        Some(Arc::new(Credentials {
            username: "alice".into(),
            password: "secret-7".into(),
            realm: realm.map(str::to_owned),
        }))
    }

    /// Sends the ordinary INVITE.
    pub fn call(&mut self) -> (CallHandle, Sent) {
        let order = self.order();
        self.call_with(&order)
    }

    pub fn call_with(&mut self, order: &InviteRequest<'_>) -> (CallHandle, Sent) {
        let call = self.endpoint.invite(self.now, order).expect("the order is good");
        self.drain();
        (call, self.only("INVITE"))
    }

    /// A call that has been answered by a far end with tag `b`, and its ACK.
    pub fn answered_call(&mut self) -> (CallHandle, Sent, Sent) {
        let (call, invite) = self.call();
        self.reply(&invite, 200, "b", ANSWER);
        let ack = self.only("ACK");
        assert!(matches!(self.events().as_slice(), [CallEvent::Answered { .. }]));
        (call, invite, ack)
    }

    pub fn hang_up(&mut self, call: CallHandle) {
        self.endpoint.hang_up(self.now, call, None).expect("the call can be hung up");
        self.drain();
    }

    pub fn drain(&mut self) {
        while let Some(transmit) = self.endpoint.poll_transmit(self.now, &mut self.slot) {
            self.sent.push(Sent { to: transmit.to, bytes: self.slot[..transmit.len].to_vec() });
        }
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Call { owner, event, .. } => {
                    assert_eq!(owner, 77, "events carry the owner of the order");
                    self.events.push(event);
                }
                probe => self.outputs.push(probe),
            }
        }
    }

    pub fn input_from(&mut self, from: SocketAddr, datagram: &[u8]) {
        self.endpoint.handle_input(self.now, from, datagram);
        self.drain();
    }

    pub fn input(&mut self, datagram: impl AsRef<[u8]>) {
        self.input_from(self.line, datagram.as_ref());
    }

    /// The far end answers a request of ours.
    pub fn reply(&mut self, request: &Sent, status: u16, tag: &str, sdp: &[u8]) {
        self.reply_with(request, status, tag, "", sdp);
    }

    /// The same with further header lines, each ending in CRLF.
    pub fn reply_with(&mut self, request: &Sent, status: u16, tag: &str, headers: &str, sdp: &[u8]) {
        let datagram = response(request, status, tag, headers, sdp);
        self.input(datagram);
    }

    /// A request of the far end in the dialog that our INVITE and its tag `b` made.
    pub fn request(&mut self, invite: &Sent, method: &str, cseq: u32, headers: &str, body: &str) -> Vec<u8> {
        let datagram = request(invite, method, cseq, headers, body);
        self.input(&datagram);
        datagram
    }

    /// Moves the clock, firing each timer at its own time.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some((at, _)) = self.endpoint.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = at.max(self.now);
            self.endpoint.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    pub fn elapsed_ms(&self) -> u128 {
        (self.now - self.start).as_millis()
    }

    /// What was sent since the last look.
    pub fn sent(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.sent)
    }

    pub fn sent_kinds(&mut self) -> Vec<String> {
        self.sent().iter().map(Sent::kind).collect()
    }

    /// The one datagram sent since the last look.
    #[track_caller]
    pub fn only(&mut self, kind: &str) -> Sent {
        let mut sent = self.sent();
        let kinds: Vec<_> = sent.iter().map(Sent::kind).collect();
        assert_eq!(kinds, [kind]);
        sent.remove(0)
    }

    /// What was reported since the last look.
    pub fn events(&mut self) -> Vec<CallEvent> {
        std::mem::take(&mut self.events)
    }

    /// Nothing is left but the memory of nothing.
    pub fn assert_empty(&mut self) {
        self.advance(Duration::from_secs(70));
        let load = self.endpoint.load();
        assert_eq!(load, sip::Load::default(), "after all timers nothing is kept");
    }
}

pub fn response(request: &Sent, status: u16, tag: &str, headers: &str, sdp: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 4_096];
    let mut writer = Writer::new(&mut out);
    let message = request.message();
    let tag = if status == 100 { "" } else { tag };
    Reply::new(&message, addr("10.0.0.1:5060")).head(status, "Text", tag.as_bytes(), &mut writer);
    writer.raw(b"Contact: <sip:b@10.0.0.2:5070>\r\n").raw(headers.as_bytes());
    if !sdp.is_empty() {
        writer.raw(b"Content-Type: application/sdp\r\n");
    }
    writer.body(sdp);
    let len = writer.finish().expect("fits");
    out.truncate(len);
    out
}

pub fn request(invite: &Sent, method: &str, cseq: u32, headers: &str, body: &str) -> Vec<u8> {
    let (from, call_id) = (invite.header(HeaderName::From), invite.header(HeaderName::CallId));
    let to = invite.header(HeaderName::To);
    let contact = invite.header(HeaderName::Contact);
    let uri = contact.trim_matches(['<', '>']);
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKfar{method}{cseq}.{call_id};rport\r\n\
         Max-Forwards: 70\r\nFrom: {to};tag=b\r\nTo: {from}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:b@10.0.0.2:5070>\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
