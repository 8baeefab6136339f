//! Any bytes into an endpoint that has calls in every stage. Nothing may panic, every datagram that leaves must parse,
//! and after all timers nothing may be left.
//!
//! The input is a list of datagrams, cut at `\0\0`. In them `%V`, `%T`, `%F` and `%I` stand for Via, To tag, From tag and
//! Call-ID of the call that is under way, so that the fuzzer reaches the inside of a dialog.
#![no_main]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sip::message::{HeaderName, Message};
use sip::{CallEvent, Credentials, Endpoint, EndpointConfig, InviteRequest, OfferAnswer, Output};

const OFFER: &[u8] = b"v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n";

struct World {
    now: Instant,
    endpoint: Endpoint,
    /// The last request of ours.
    request: Vec<u8>,
    slot: Vec<u8>,
}

fuzz_target!(|input: &[u8]| {
    let line: SocketAddr = "10.0.0.2:5060".parse().unwrap();
    let config = EndpointConfig::new("10.0.0.1:5060".parse().unwrap(), 1, 2);
    let slot = vec![0; sip::DATAGRAM_BYTES_MAX];
    let mut world = World { now: Instant::now(), endpoint: Endpoint::new(config), request: Vec::new(), slot };
    let order = InviteRequest {
        destination: line,
        request_uri: "sip:1@carrier",
        from_uri: "sip:2@peal",
        from_display: None,
        to_uri: "sip:1@carrier",
        advertised: None,
        extra_headers: &[],
        credentials: Some(Arc::new(Credentials {
            username: "u".into(),
            password: "hidden-word".into(),
            realm: Some("carrier".into()),
        })),
        sdp: OFFER,
        owner: 1,
    };
    let mut calls = vec![world.endpoint.invite(world.now, &order).expect("a good order")];
    world.drain(&mut calls);
    for datagram in split(input).take(16) {
        // A first byte below 8 is an order instead.
        match datagram {
            [0] | [1] => world.advance(Duration::from_secs(5), &mut calls),
            [2] => {
                if let Some(call) = calls.last() {
                    let _ = world.endpoint.hang_up(world.now, *call, None);
                }
            }
            [3] => calls.extend(world.endpoint.invite(world.now, &order)),
            _ => {
                let datagram = world.fill_in(datagram);
                world.endpoint.handle_input(world.now, line, &datagram);
            }
        }
        world.drain(&mut calls);
    }
    for call in calls.clone() {
        let _ = world.endpoint.hang_up(world.now, call, None);
        world.drain(&mut calls);
    }
    world.advance(Duration::from_secs(200), &mut calls);
    let load = world.endpoint.load();
    assert_eq!(load.client_transactions + load.server_transactions + load.timers, 0, "{load:?}");
});

impl World {
    fn drain(&mut self, calls: &mut Vec<sip::CallHandle>) {
        loop {
            while let Some(transmit) = self.endpoint.poll_transmit(self.now, &mut self.slot) {
                let datagram = &self.slot[..transmit.len];
                assert!(!contains(datagram, b"hidden-word"));
                if let Ok(message) = Message::parse(datagram)
                    && message.status().is_none()
                {
                    self.request = datagram.to_vec();
                }
            }
            let Some(output) = self.endpoint.poll_output() else { return };
            match output {
                Output::Call { call, event: CallEvent::Offer { .. }, .. } => {
                    let _ = self.endpoint.answer_offer(self.now, call, OfferAnswer::Accept(OFFER));
                }
                Output::Call { call, event: CallEvent::Released, .. } => calls.retain(|known| *known != call),
                _ => {}
            }
        }
    }

    fn advance(&mut self, by: Duration, calls: &mut Vec<sip::CallHandle>) {
        let end = self.now + by;
        while let Some((at, _)) = self.endpoint.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = at.max(self.now);
            self.endpoint.handle_timeout(self.now);
            self.drain(calls);
        }
        self.now = end;
    }

    fn fill_in(&self, datagram: &[u8]) -> Vec<u8> {
        let Ok(request) = Message::parse(&self.request) else { return datagram.to_vec() };
        let tag = |name: HeaderName| {
            let value = request.header(name).unwrap_or_default();
            sip::message::NameAddr::parse(value).and_then(|value| value.tag()).unwrap_or_default()
        };
        let mut filled = Vec::with_capacity(datagram.len() + 128);
        let mut rest = datagram;
        while let Some(mark) = rest.iter().position(|byte| *byte == b'%') {
            filled.extend_from_slice(&rest[..mark]);
            rest = &rest[mark + 1..];
            let value = match rest.first() {
                Some(b'V') => request.header(HeaderName::Via).unwrap_or_default(),
                Some(b'T') => tag(HeaderName::To),
                Some(b'F') => tag(HeaderName::From),
                Some(b'I') => request.call_id(),
                _ => {
                    filled.push(b'%');
                    continue;
                }
            };
            filled.extend_from_slice(value);
            rest = &rest[1..];
        }
        filled.extend_from_slice(rest);
        filled
    }
}

fn split(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(input);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        match text.windows(2).position(|window| window == b"\0\0") {
            Some(end) => {
                rest = Some(&text[end + 2..]);
                Some(&text[..end])
            }
            None => Some(text),
        }
    })
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}
