//! The carrier: runs the callees' scripts with the transaction rules that a server owes its client.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use sip::message::{HeaderName, Message, Reply, Writer};
use sip::sdp::{self, Codec, Description, Direction, LocalMedia};

use super::callee::{Act, Body, Callee};
use super::link::Datagram;
use super::rtp::{EVENTS, PCMA, Rtp, Stream};
use super::{LINE, OURS, addr, ms};

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const GIVE_UP: Duration = Duration::from_secs(32);

/// One call as the carrier sees it.
#[derive(Debug)]
pub struct FarCall {
    pub invite: Vec<u8>,
    pub invited_at: Instant,
    pub callee: Callee,
    /// Where its RTP lives.
    pub rtp: SocketAddr,
    /// Where ours goes, by our last description.
    pub ours: SocketAddr,
    /// Every message of ours but repetitions, as `INVITE` or `200 INFO`.
    pub heard: Vec<(Instant, String)>,
    /// The messages themselves.
    pub messages: Vec<Vec<u8>>,
    /// The RTP that arrived.
    pub audio: Vec<Rtp>,
    /// The RTCP that arrived, on the RTP port or on the next.
    pub reports: Vec<Datagram>,
    /// The callee hung up, was hung up on, or never answered.
    pub over: bool,
    done: usize,
    final_reply: Option<Repeated>,
    answered: bool,
    requests: Vec<(String, Repeated)>,
    cseq: u32,
    replies: HashMap<(Vec<u8>, Vec<u8>), Vec<u8>>,
    /// What is sent every 20 ms.
    speaks: Option<([u8; 160], Instant)>,
    stream: Stream,
    tag: String,
}

#[derive(Debug)]
struct Repeated {
    bytes: Vec<u8>,
    at: Instant,
    interval: Duration,
    until: Instant,
}

#[derive(Debug)]
pub struct Carrier {
    start: Instant,
    /// Who is called next; the last one again and again.
    pub callees: VecDeque<Callee>,
    pub calls: Vec<FarCall>,
    by_call_id: HashMap<Vec<u8>, usize>,
    outbox: VecDeque<Datagram>,
}

impl Carrier {
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            callees: VecDeque::from([Callee::answers()]),
            calls: Vec::new(),
            by_call_id: HashMap::new(),
            outbox: VecDeque::new(),
        }
    }

    pub fn take(&mut self) -> Option<Datagram> {
        self.outbox.pop_front()
    }

    pub fn next(&self) -> Option<Instant> {
        self.calls.iter().filter_map(FarCall::next).min()
    }

    pub fn receive(&mut self, now: Instant, datagram: &Datagram) {
        if datagram.to != addr(LINE) {
            let mut calls = self.calls.iter_mut().rev().filter(|call| !call.over);
            if media::rtcp::is_rtcp(&datagram.bytes) {
                if let Some(call) = calls.find(|call| [call.rtp, call.rtcp()].contains(&datagram.to)) {
                    call.reports.push(datagram.clone());
                }
            } else if let Some(call) = calls.find(|call| call.rtp == datagram.to) {
                call.audio.push(Rtp::read(now, &datagram.bytes));
            }
            return;
        }
        let message = Message::parse(&datagram.bytes).expect("what we send can be read");
        let index = match self.by_call_id.get(message.call_id()) {
            Some(index) => *index,
            None => {
                assert_eq!(message.method(), Some(&b"INVITE"[..]), "a call begins with its INVITE");
                self.begin(now, &datagram.bytes)
            }
        };
        let mut out = Vec::new();
        self.calls[index].on_message(now, &message, &datagram.bytes, &mut out);
        self.outbox.extend(out.into_iter().map(to_us));
    }

    /// What is due now.
    pub fn handle_timeout(&mut self, now: Instant) {
        let clock = self.clock(now);
        for call in &mut self.calls {
            let mut out = Vec::new();
            while let Some((at, act)) = call.callee.acts.get(call.done)
                && call.invited_at + *at <= now
            {
                let act = act.clone();
                call.done += 1;
                if call.may(&act) {
                    call.act(now, clock, act, &mut out, &mut self.outbox);
                }
            }
            call.repeat(now, &mut out);
            call.speak(now, clock, &mut self.outbox);
            self.outbox.extend(out.into_iter().map(to_us));
        }
    }

    /// Does one thing in a call out of turn, whether it makes sense or not.
    pub fn say(&mut self, now: Instant, index: usize, act: Act) {
        let clock = self.clock(now);
        let mut out = Vec::new();
        self.calls[index].act(now, clock, act, &mut out, &mut self.outbox);
        self.outbox.extend(out.into_iter().map(to_us));
    }

    /// The timestamp of RTP that leaves now.
    fn clock(&self, now: Instant) -> u32 {
        ((now - self.start).as_micros() * 8 / 1000) as u32
    }

    fn begin(&mut self, now: Instant, invite: &[u8]) -> usize {
        let mut callee = if self.callees.len() > 1 {
            self.callees.pop_front().expect("more than one")
        } else {
            self.callees.front().expect("somebody to call").clone()
        };
        callee.acts.sort_by_key(|(at, _)| *at);
        let index = self.calls.len();
        let parsed = Message::parse(invite).expect("parsed before");
        self.by_call_id.insert(parsed.call_id().to_vec(), index);
        let own = SocketAddr::new(addr(LINE).ip(), 20_000 + 2 * index as u16);
        self.calls.push(FarCall {
            invite: invite.to_vec(),
            invited_at: now,
            rtp: callee.rtp.unwrap_or(own),
            ours: offered(parsed.body()),
            callee,
            heard: Vec::new(),
            messages: Vec::new(),
            audio: Vec::new(),
            reports: Vec::new(),
            over: false,
            done: 0,
            final_reply: None,
            answered: false,
            requests: Vec::new(),
            cseq: 0,
            replies: HashMap::new(),
            speaks: None,
            stream: Stream { ssrc: 0xFA00 + index as u32, sequence: 65_500 },
            tag: format!("far{index}"),
        });
        index
    }
}

fn to_us(bytes: Vec<u8>) -> Datagram {
    Datagram { from: addr(LINE), to: addr(OURS), bytes }
}

impl FarCall {
    /// Where its RTCP lives, unless it is muxed.
    pub fn rtcp(&self) -> SocketAddr {
        SocketAddr::new(self.rtp.ip(), self.callee.rtcp_port.unwrap_or(self.rtp.port() + 1))
    }

    /// Our synchronisation source, and its own.
    pub fn ssrcs(&self) -> (u32, u32) {
        let report = self.reports.first().expect("a report of ours");
        (u32::from_be_bytes(report.bytes[4..8].try_into().expect("a word")), self.stream.ssrc)
    }

    /// What it heard, without the times.
    pub fn kinds(&self) -> Vec<&str> {
        self.heard.iter().map(|(_, kind)| kind.as_str()).collect()
    }

    /// The first message of this kind.
    #[track_caller]
    pub fn message(&self, kind: &str) -> Message<'_> {
        let index = self.heard.iter().position(|(_, heard)| heard == kind);
        let index = index.unwrap_or_else(|| panic!("no {kind} in {:?}", self.kinds()));
        Message::parse(&self.messages[index]).expect("parsed before")
    }

    fn next(&self) -> Option<Instant> {
        let act = self.callee.acts.get(self.done).filter(|_| !self.over).map(|(at, _)| self.invited_at + *at);
        let speaks = self.speaks.map(|(_, at)| at);
        let requests = self.requests.iter().map(|(_, request)| request.at);
        requests.chain(self.final_reply.iter().map(|reply| reply.at)).chain(act).chain(speaks).min()
    }

    fn on_message(&mut self, now: Instant, message: &Message<'_>, bytes: &[u8], out: &mut Vec<Vec<u8>>) {
        let method = message.cseq().method.to_vec();
        let branch = message.via().and_then(|via| via.branch()).unwrap_or_default().to_vec();
        if let Some(status) = message.status() {
            if status >= 200 {
                let name = String::from_utf8_lossy(&method).into_owned();
                let number = message.cseq().number;
                let before = self.requests.len();
                self.requests.retain(|(id, _)| *id != format!("{name} {number}"));
                if before != self.requests.len() {
                    self.note(now, format!("{status} {name}"), bytes);
                    if message.sdp().is_some() {
                        self.ours = offered(message.body());
                    }
                }
                if name == "INVITE" {
                    out.push(self.ack(number, status, message.sdp().is_some()));
                }
            }
            return;
        }
        if method == b"ACK" {
            self.final_reply = None;
            self.note(now, "ACK".to_owned(), bytes);
            return;
        }
        if let Some(reply) = self.replies.get(&(method.clone(), branch.clone())) {
            out.extend((!reply.is_empty()).then(|| reply.clone()));
            return;
        }
        self.note(now, String::from_utf8_lossy(&method).into_owned(), bytes);
        let mut reply = Vec::new();
        match &method[..] {
            b"INVITE" => {}
            b"CANCEL" if self.callee.cancels => {
                reply = response(message, 200, &self.tag, "", b"");
                if self.final_reply.is_none() && !self.answered && !self.over {
                    let terminated = response(&self.parsed_invite(), 487, &self.tag, "", b"");
                    self.reply_finally(now, terminated.clone());
                    self.over = true;
                    out.push(terminated);
                }
            }
            b"BYE" if self.callee.hears_bye => {
                reply = response(message, 200, &self.tag, "", b"");
                self.over = true;
                self.speaks = None;
            }
            b"REFER" => reply = response(message, self.callee.refer, &self.tag, "", b""),
            b"CANCEL" | b"BYE" => {}
            other => panic!("we sent {}", String::from_utf8_lossy(other)),
        }
        out.extend((!reply.is_empty()).then(|| reply.clone()));
        self.replies.insert((method, branch), reply);
    }

    /// Whether the callee's script is still in force.
    fn may(&self, act: &Act) -> bool {
        !self.over
            && match act {
                Act::Reply(..) => !self.answered,
                Act::Request(..) => self.answered,
                Act::Speak(_) | Act::Hum | Act::Hush | Act::Key { .. } => true,
            }
    }

    fn act(
        &mut self,
        now: Instant,
        clock: u32,
        act: Act,
        out: &mut Vec<Vec<u8>>,
        rtp: &mut VecDeque<Datagram>,
    ) {
        match act {
            Act::Reply(status, headers, body) => {
                let body = self.body(body);
                let reply = response(&self.parsed_invite(), status, &self.tag, headers, &body);
                out.push(reply.clone());
                if status >= 200 {
                    self.reply_finally(now, reply);
                    self.answered = status < 300;
                    self.over = status >= 300;
                }
            }
            Act::Request(method, headers, body) => {
                self.cseq += 1;
                let request = self.request(method, self.cseq, headers, body);
                out.push(request.clone());
                let repeated = Repeated { bytes: request, at: now + T1, interval: T1, until: now + GIVE_UP };
                self.requests.push((format!("{method} {}", self.cseq), repeated));
                if method == "BYE" {
                    self.over = true;
                    self.speaks = None;
                }
            }
            Act::Speak(byte) => self.speaks = Some(([byte; 160], now)),
            Act::Hum => self.speaks = Some((hum(), now)),
            Act::Hush => self.speaks = None,
            Act::Key { code, down_ms, end, duration } => {
                let [high, low] = duration.to_be_bytes();
                let flags = if end { 0x8A } else { 0x0A };
                let down = clock.wrapping_sub(down_ms * 8);
                let bytes = self.stream.write(EVENTS, down, &[code, flags, high, low]);
                rtp.push_back(Datagram { from: self.rtp, to: self.ours, bytes });
            }
        }
    }

    fn speak(&mut self, now: Instant, clock: u32, out: &mut VecDeque<Datagram>) {
        while let Some((frame, at)) = self.speaks.filter(|(_, at)| *at <= now) {
            let bytes = self.stream.write(PCMA, clock, &frame);
            out.push_back(Datagram { from: self.rtp, to: self.ours, bytes });
            self.speaks = Some((frame, at + ms(20)));
        }
    }

    /// Sends again what was not answered.
    fn repeat(&mut self, now: Instant, out: &mut Vec<Vec<u8>>) {
        let again = |repeated: &mut Repeated| {
            repeated.interval = (repeated.interval * 2).min(T2);
            repeated.at = now + repeated.interval;
            repeated.bytes.clone()
        };
        self.requests.retain(|(_, request)| request.until > now);
        self.final_reply = self.final_reply.take().filter(|reply| reply.until > now);
        out.extend(self.requests.iter_mut().filter(|(_, r)| r.at <= now).map(|(_, r)| again(r)));
        out.extend(self.final_reply.iter_mut().filter(|r| r.at <= now).map(again));
    }

    fn reply_finally(&mut self, now: Instant, bytes: Vec<u8>) {
        self.final_reply = Some(Repeated { bytes, at: now + T1, interval: T1, until: now + GIVE_UP });
    }

    fn note(&mut self, now: Instant, kind: String, bytes: &[u8]) {
        self.heard.push((now, kind));
        self.messages.push(bytes.to_vec());
    }

    fn parsed_invite(&self) -> Message<'_> {
        Message::parse(&self.invite).expect("parsed before")
    }

    fn local<'a>(&self, codecs: &'a [Codec]) -> LocalMedia<'a> {
        LocalMedia {
            rtp: self.rtp,
            rtcp_port: self.callee.rtcp_port,
            rtcp_mux: self.callee.mux,
            codecs,
            telephone_event: Some(EVENTS),
            ptime_ms: 20,
            direction: Direction::SendRecv,
            session_id: 77,
            version: 1,
        }
    }

    fn body(&self, body: Body) -> Vec<u8> {
        match body {
            Body::Nothing => Vec::new(),
            Body::Sdp(text) => text.into_bytes(),
            Body::Dtmf(text) | Body::Fragment(text) => text.as_bytes().to_vec(),
            Body::Answer => {
                let mut out = [0; 1024];
                let invite = self.parsed_invite();
                let (_, len) = sdp::answer_offer(&self.local(&[Codec::Pcma]), invite.body(), &mut out)
                    .expect("our offer can be answered");
                out[..len].to_vec()
            }
        }
    }

    fn request(&self, method: &str, cseq: u32, headers: &str, body: Body) -> Vec<u8> {
        let content_type = match &body {
            Body::Nothing => "",
            Body::Dtmf(_) => "Content-Type: application/dtmf-relay\r\n",
            Body::Fragment(_) => "Content-Type: message/sipfrag;version=2.0\r\n",
            Body::Answer | Body::Sdp(_) => "Content-Type: application/sdp\r\n",
        };
        let body = self.body(body);
        let invite = self.parsed_invite();
        let text = |name| String::from_utf8_lossy(invite.header(name).unwrap_or_default()).into_owned();
        let (from, call_id, to) = (text(HeaderName::From), text(HeaderName::CallId), text(HeaderName::To));
        let contact = text(HeaderName::Contact);
        let (uri, tag) = (contact.trim_matches(['<', '>']), &self.tag);
        let mut request = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {LINE};branch=z9hG4bK{tag}.{method}{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: {to};tag={tag}\r\nTo: {from}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:far@{LINE}>\r\n{headers}{content_type}Content-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend(body);
        request
    }

    /// The ACK of our final response to its re-INVITE, with an answer if ours was an offer.
    fn ack(&self, cseq: u32, status: u16, ours_has_sdp: bool) -> Vec<u8> {
        if status >= 300 {
            // It belongs to the transaction of the INVITE and shares its branch (RFC 3261 section 17.1.1.3).
            let ack = String::from_utf8_lossy(&self.request("ACK", cseq, "", Body::Nothing)).into_owned();
            return ack.replace(".ACK", ".INVITE").into_bytes();
        }
        let asked = self.callee.acts.iter().filter_map(|(_, act)| match act {
            Act::Request("INVITE", _, body) => Some(matches!(body, Body::Nothing)),
            _ => None,
        });
        let wants_answer = ours_has_sdp && asked.into_iter().any(|without_sdp| without_sdp);
        self.request("ACK", cseq, "", if wants_answer { Body::Answer } else { Body::Nothing })
    }
}

fn response(request: &Message<'_>, status: u16, tag: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 4_096];
    let mut writer = Writer::new(&mut out);
    let tag = if status == 100 { "" } else { tag };
    Reply::new(request, addr(OURS)).head(status, "Text", tag.as_bytes(), &mut writer);
    writer.raw(format!("Contact: <sip:far@{LINE}>\r\n{headers}").as_bytes());
    if !body.is_empty() {
        writer.raw(b"Content-Type: application/sdp\r\n");
    }
    writer.body(body);
    let len = writer.finish().expect("it fits");
    out.truncate(len);
    out
}

/// Our RTP address by our description.
fn offered(sdp: &[u8]) -> SocketAddr {
    let description = Description::parse(sdp).expect("our description can be read");
    SocketAddr::new(addr(OURS).ip(), description.media()[0].port)
}

/// 20 ms of 1,000 Hz: whole periods, so that frames join.
fn hum() -> [u8; 160] {
    let sample = |n: usize| (8_000.0 * (std::f64::consts::TAU * n as f64 / 8.0).sin()) as i16;
    std::array::from_fn(|n| media::Codec::Pcma.encode(sample(n)))
}
