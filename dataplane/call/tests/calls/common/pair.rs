//! The two sides, the link and the clock.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use common::{AttemptId, LineId};
use media::{BlockPool, Codec, Latching, PortMode};
use peal_call::{CallName, Calls, CallsConfig, HungUpBy, Mail, MediaPort, Order, Socket, Target};
use sip::EndpointConfig;

use super::books::{Books, Record};
use super::callee::{Act, Callee};
use super::carrier::{Carrier, FarCall};
use super::link::{Datagram, Link};
use super::{LINE, OURS, addr, ms, plays, rtcp_socket, rtp_socket};

pub struct Pair {
    pub now: Instant,
    pub start: Instant,
    pub calls: Calls,
    pub carrier: Carrier,
    pub link: Link,
    pub books: Books,
    pub pool: BlockPool,
    slot: Vec<u8>,
    orders: u32,
}

impl Pair {
    /// Four shared ports, two of their own, and a link that does no harm.
    pub fn new() -> Self {
        Self::with(4, 2, Link::perfect())
    }

    pub fn with(shared: u16, own: u16, link: Link) -> Self {
        Self::configured(shared, own, link, |_| ())
    }

    pub fn configured(shared: u16, own: u16, link: Link, change: impl FnOnce(&mut CallsConfig)) -> Self {
        let now = Instant::now();
        let pool = BlockPool::new(64);
        let mut config = CallsConfig {
            sip: EndpointConfig::new(addr(OURS), 3, 7),
            shared_media: (0..shared).map(media_port).collect(),
            own_media: (shared..shared + own).map(media_port).collect(),
            max_calls: 2_000,
            send_silence: true,
            media_timeout: ms(10_000),
            recording: pool.clone(),
            tap: None,
        };
        change(&mut config);
        Self {
            now,
            start: now,
            calls: Calls::new(now, config, 11),
            carrier: Carrier::new(now),
            link,
            books: Books::default(),
            pool,
            slot: vec![0; sip::DATAGRAM_BYTES_MAX],
            orders: 0,
        }
    }

    /// Who is called, in this order; the last one again and again.
    pub fn callees(&mut self, callees: impl IntoIterator<Item = Callee>) {
        self.carrier.callees = callees.into_iter().collect();
    }

    /// An order to play 200 ms and hang up, due now.
    pub fn order(&mut self) -> Order {
        self.orders += 1;
        // The bytes before these hold the version and variant of a UUID.
        let mut random = [0; 10];
        random[3..7].copy_from_slice(&self.orders.to_be_bytes());
        Order {
            attempt: AttemptId::new(1_700_000_000_000, &random),
            route_try: 1,
            line: LineId(1),
            destination: addr(LINE),
            request_uri: "sip:+15550100@carrier.example".to_owned(),
            from_uri: "sip:+15550199@peal.example".to_owned(),
            to_uri: "sip:+15550100@carrier.example".to_owned(),
            credentials: None,
            codecs: [Codec::Pcma, Codec::Pcmu].into(),
            port_mode: PortMode::Shared,
            latching: Latching::SameHost,
            script: plays(10),
            contact: Box::default(),
            record: false,
            tap: peal_call::Tap::Off,
            max_ring: ms(30_000),
            max_call: ms(60_000),
            send_at: self.now,
            send_by: self.now + ms(1_000),
        }
    }

    /// The first try of an attempt.
    pub fn name(&self, attempt: AttemptId) -> CallName {
        CallName { attempt, route_try: 1, line: LineId(1) }
    }

    /// Gives an order to the calls.
    pub fn place(&mut self, order: Order) -> AttemptId {
        let attempt = order.attempt;
        self.books.on_order(attempt);
        self.mail(Mail::Order(Box::new(order)));
        attempt
    }

    /// Places the ordinary order.
    pub fn call(&mut self) -> AttemptId {
        let order = self.order();
        self.place(order)
    }

    pub fn hang_up(&mut self, attempt: AttemptId, by: HungUpBy) {
        self.mail(Mail::HangUp { attempt, by });
    }

    /// The callee of a call at the carrier does something out of turn; it arrives at once.
    pub fn say(&mut self, index: usize, act: Act) {
        self.carrier.say(self.now, index, act);
        self.drain();
        self.run(ms(0));
    }

    pub fn mail(&mut self, mail: Mail) {
        if let Mail::Transfer { target: Some(Target { leg: Some(_), .. }), .. } = &mail {
            self.books.legs.0 += 1;
        }
        self.calls.handle_mail(self.now, mail);
        self.drain();
    }

    /// A datagram of anybody, which does not go through the link.
    pub fn inject(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.calls.handle_datagram(self.now, socket(to), from, bytes);
        self.drain();
    }

    /// Moves the clock; everything happens at its own time, one change after the other.
    pub fn run(&mut self, by: Duration) {
        let end = self.now + by;
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until nothing is under way.
    #[track_caller]
    pub fn run_until_idle(&mut self) {
        let end = self.now + Duration::from_secs(600);
        while !self.is_idle() {
            assert!(self.step(end), "still busy after ten minutes: {:#?}", self.books.records);
        }
    }

    /// One change, drained. False when nothing happens before `end`.
    pub fn step(&mut self, end: Instant) -> bool {
        let next = [self.link.next(), self.calls.poll_timeout(), self.carrier.next()];
        let Some(at) = next.into_iter().flatten().min().filter(|at| *at <= end) else { return false };
        self.now = self.now.max(at);
        if let Some(datagram) = self.link.receive(self.now) {
            if datagram.to.ip() == addr(OURS).ip() {
                self.calls.handle_datagram(self.now, socket(datagram.to), datagram.from, &datagram.bytes);
            } else {
                self.carrier.receive(self.now, &datagram);
            }
        } else if self.calls.poll_timeout().is_some_and(|at| at <= self.now) {
            self.calls.handle_timeout(self.now);
        } else {
            self.carrier.handle_timeout(self.now);
        }
        self.drain();
        true
    }

    #[track_caller]
    pub fn record(&self, attempt: AttemptId) -> &Record {
        &self.books.records[&attempt]
    }

    /// The only call at the carrier, or the first.
    pub fn far(&self) -> &FarCall {
        &self.carrier.calls[0]
    }

    /// Milliseconds since the start.
    pub fn at_ms(&self, at: Option<Instant>) -> Option<u128> {
        at.map(|at| (at - self.start).as_millis())
    }

    /// Nothing is leaked: every port can be given to a call again at once.
    #[track_caller]
    pub fn check_nothing_is_left(&mut self, shared: usize, own: usize) {
        assert!(self.is_idle());
        let counters = self.calls.counters();
        assert_eq!((counters.calls, counters.setting_up, counters.talking), (0, 0, 0));
        assert_eq!(self.pool.in_use(), 0, "recording buffers");
        assert_eq!(counters.ports_in_use, 0);
        self.run(media::ports::REST + ms(40_000));
        assert_eq!(self.calls.counters().ports_resting, 0);
        self.callees([Callee::silent()]);
        self.link = Link::perfect();
        let mut placed = Vec::new();
        for mode in
            std::iter::repeat_n(PortMode::Shared, shared).chain(std::iter::repeat_n(PortMode::Own, own))
        {
            let mut order = self.order();
            order.port_mode = mode;
            placed.push(self.place(order));
        }
        assert!(
            placed.iter().all(|attempt| self.record(*attempt).ended.is_none()),
            "every port is free again"
        );
    }

    fn is_idle(&self) -> bool {
        self.calls.is_idle() && self.books.records.values().all(Record::is_over)
    }

    #[track_caller]
    fn drain(&mut self) {
        while let Some(transmit) = self.calls.poll_transmit(self.now, &mut self.slot) {
            let from = match transmit.socket {
                Socket::Signalling => addr(OURS),
                Socket::Media(number) => rtp_socket(number),
                Socket::Rtcp(number) => rtcp_socket(number),
            };
            let bytes = self.slot[..transmit.len].to_vec();
            self.link.send(self.now, Datagram { from, to: transmit.to, bytes });
        }
        while let Some(event) = self.calls.poll_event() {
            self.books.on_event(event);
        }
        while let Some(datagram) = self.carrier.take() {
            self.link.send(self.now, datagram);
        }
        self.books.check(&self.calls.counters());
    }
}

fn media_port(number: u16) -> MediaPort {
    MediaPort { rtp: rtp_socket(number), rtcp_port: rtcp_socket(number).port() }
}

/// Which of our sockets has this address.
fn socket(address: SocketAddr) -> Socket {
    let number = address.port().wrapping_sub(40_000) / 2;
    match address {
        _ if address == addr(OURS) => Socket::Signalling,
        _ if address == rtp_socket(number) => Socket::Media(number),
        _ => Socket::Rtcp(number),
    }
}
