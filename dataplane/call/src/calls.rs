//! The set of all calls of a shard, and the five verbs by which the shard drives it.

mod audio;
mod ending;
mod orders;
mod pools;
mod reports;
mod signalling;
mod transferring;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    AttemptId,
    entropy::Entropy,
    slab::{Key, Slab},
};
use media::{DropReason, Lookup, Prompt};
use pools::Pools;
use sip::Endpoint;

use crate::{
    CallsConfig, Counters, Event, HungUpBy, Mail,
    admission::Admission,
    call::{self, Call, State},
    phases::Phases,
};

/// How many calls ahead of the one whose packet is written memory is fetched: each takes some 100 ns, and memory twice
/// that.
const FETCH_AHEAD: usize = 3;

/// How often the counters are published to the node.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// A socket of the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Socket {
    /// The SIP socket.
    Signalling,
    /// An RTP socket, by its position in [`CallsConfig::shared_media`] followed by [`CallsConfig::own_media`].
    Media(u16),
    /// The RTCP socket beside the RTP socket of the same number.
    Rtcp(u16),
}

/// A datagram written into the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where it leaves.
    pub socket: Socket,
    /// Where it goes.
    pub to: SocketAddr,
    /// How many bytes of the slot it fills.
    pub len: usize,
}

/// All calls of one shard.
#[derive(Debug)]
pub struct Calls {
    config: CallsConfig,
    sip: Endpoint,
    calls: Slab<Call>,
    by_attempt: HashMap<AttemptId, Key>,
    pools: Pools,
    phases: Phases,
    admission: Admission,
    /// The call whose tick has just found that a report is due.
    reporter: Option<Key>,
    /// When each call wants to be looked at. An entry that is not its call's present deadline is void.
    deadlines: BinaryHeap<Reverse<(Instant, u64)>>,
    events: VecDeque<Event>,
    entropy: Entropy,
    /// What callees hear while the telephone of whom they are given to rings.
    ring_back: Arc<Prompt>,
    counters: Counters,
    next_report: Instant,
    /// Calls were here since the last report.
    unreported: bool,
}

impl Calls {
    /// No calls yet. `seed` must be random; strangers must not be able to guess it.
    pub fn new(now: Instant, config: CallsConfig, seed: u64) -> Self {
        let mut entropy = Entropy::new(seed, config.sip.shard);
        Self {
            sip: Endpoint::new(config.sip.clone()),
            calls: Slab::with_capacity(config.max_calls),
            by_attempt: HashMap::new(),
            pools: Pools::new(&config, &mut entropy),
            phases: Phases::new(now),
            admission: Admission::new(),
            reporter: None,
            deadlines: BinaryHeap::new(),
            events: VecDeque::new(),
            entropy,
            ring_back: transferring::ring_back(),
            counters: Counters::default(),
            next_report: now + REPORT_INTERVAL,
            unreported: false,
            config,
        }
    }

    /// A datagram arrived. Any bytes of any length.
    pub fn handle_datagram(&mut self, now: Instant, socket: Socket, from: SocketAddr, bytes: &[u8]) {
        match socket {
            Socket::Signalling => {
                self.sip.handle_input(now, from, bytes);
                self.take_sip_events(now);
            }
            Socket::Media(number) => self.on_rtp(now, number, from, bytes),
            Socket::Rtcp(number) => self.on_rtcp(now, number, from, bytes),
        }
    }

    /// A datagram from `from` is handed over soon: fetches the memory of its call, and says which it is. RTP only, of which
    /// there is so much.
    pub fn anticipate(&self, socket: Socket, from: SocketAddr) -> Option<u64> {
        let Socket::Media(number) = socket else { return None };
        let (Lookup::Call(packed) | Lookup::Pending(packed)) = self.pools.find(number, from) else {
            return None;
        };
        self.calls.prefetch(Key::from_u64(packed), call::HOT_BYTES);
        Some(packed)
    }

    /// A call that was anticipated is next but a few: fetches what its memory points to.
    pub fn approach(&self, packed: u64) {
        if let Some(media) = self.calls.find(Key::from_u64(packed)).and_then(|call| call.media.as_ref()) {
            media.session.prefetch_receive();
        }
    }

    /// The node sent something.
    pub fn handle_mail(&mut self, now: Instant, mail: Mail) {
        match mail {
            Mail::Order(order) => self.on_order(now, order),
            Mail::HangUp { attempt, by } => {
                if let Some(&call) = self.by_attempt.get(&attempt) {
                    self.hang_up(now, call, by);
                }
            }
            Mail::Voice { call, told } => self.on_told(now, call, told),
            Mail::Transfer { call, number, target } => self.on_target(now, call, number, target),
            Mail::VoiceGone => self.on_voice_gone(now),
            Mail::HangUpAll { by } => {
                let calls: Vec<Key> = self.calls.keys().collect();
                for call in calls {
                    self.hang_up(now, call, by);
                }
            }
        }
        self.take_sip_events(now);
    }

    /// The thread that drives these calls used this share of its core, 0–1, in the last tenth of a second or so. New calls
    /// are refused before it is used up.
    pub fn handle_load(&mut self, share: f32) {
        self.admission.on_share(share);
    }

    /// Makes the packets ready that are due at `now`. Part of [`Calls::handle_timeout`], for drivers that want them to
    /// leave before anything else is done.
    pub fn handle_tick(&mut self, now: Instant) {
        match self.phases.advance(now) {
            Some(late) => self.admission.on_tick(late),
            None if self.phases.is_empty() => self.admission.on_idle(),
            None => {}
        }
    }

    /// The time of [`Calls::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.sip.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.sip.handle_timeout(now);
            // Before the deadlines: what has just ended must not be cancelled.
            self.take_sip_events(now);
        }
        while let Some(&Reverse((at, packed))) = self.deadlines.peek() {
            if at > now {
                break;
            }
            self.deadlines.pop();
            let key = Key::from_u64(packed);
            if let Some(call) = self.calls.find_mut(key)
                && call.deadline == Some(at)
            {
                call.deadline = None;
                self.on_deadline(now, key);
            }
        }
        self.handle_tick(now);
        self.take_sip_events(now);
        self.pools.pass_time(now);
        if self.next_report <= now {
            self.next_report = now + REPORT_INTERVAL;
            self.unreported = !self.calls.is_empty();
            self.events.push_back(Event::Counters(Box::new(self.counters())));
        }
    }

    /// Writes the next datagram into `slot`, which must hold [`sip::DATAGRAM_BYTES_MAX`] bytes.
    pub fn poll_transmit(&mut self, now: Instant, slot: &mut [u8]) -> Option<Transmit> {
        loop {
            if let Some(sip::Transmit { to, len }) = self.sip.poll_transmit(now, slot) {
                return Some(Transmit { socket: Socket::Signalling, to, len });
            }
            if let Some(call) = self.reporter.take()
                && let Some(transmit) = self.report(now, call, slot)
            {
                return Some(transmit);
            }
            let call = self.phases.next_due()?;
            self.fetch_ahead();
            let transmit = self.tick(now, call, slot);
            self.take_sip_events(now);
            if transmit.is_some() {
                return transmit;
            }
        }
    }

    /// Fetches a later call's memory, and the frame that a nearer one, whose memory has come meanwhile, will send.
    fn fetch_ahead(&self) {
        if let Some(later) = self.phases.due_later(2 * FETCH_AHEAD) {
            self.calls.prefetch(later, call::HOT_BYTES);
        }
        let nearer = self.phases.due_later(FETCH_AHEAD).and_then(|key| self.calls.find(key));
        if let Some(media) = nearer.and_then(|call| call.media.as_ref()) {
            media.session.prefetch_tick();
        }
    }

    /// The next thing that the node has to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Calls::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let sip = self.sip.poll_timeout().map(|(at, _)| at);
        let deadline = self.deadlines.peek().map(|Reverse((at, _))| *at);
        let timer = [sip, deadline, Some(self.next_report)].into_iter().flatten().min();
        // Timers wait for the tick, so that thousands of them cost no wake-up of their own.
        let timer = timer.map(|at| self.phases.on_grid(at));
        [timer, self.phases.next_wake()].into_iter().flatten().min()
    }

    /// Whether no call is under way and nothing waits to be told, the last counters included.
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.events.is_empty() && !self.unreported
    }

    /// What was counted so far. Also told once a second by [`Event::Counters`].
    pub fn counters(&self) -> Counters {
        let (rtcp_strangers, rtcp_late) = self.pools.rtcp_astray();
        Counters {
            sip: *self.sip.counters(),
            rtp_strangers: self.pools.strangers(),
            rtp_late: self.pools.late(),
            rtcp_strangers,
            rtcp_late,
            tick_skipped_ms: self.phases.skipped_ms(),
            calls: self.calls.len() as u64,
            ports_in_use: self.pools.in_use(),
            ports_resting: self.pools.resting(),
            ..self.counters.clone()
        }
    }

    fn on_deadline(&mut self, now: Instant, key: Key) {
        let Some(call) = self.calls.find(key) else { return };
        match call.state {
            State::Waiting => self.dial(now, key),
            State::Dialling { .. } => self.hang_up(now, key, HungUpBy::RingLimit),
            State::Talking { .. } => self.look_after(now, key),
            State::Over => {}
        }
    }

    fn set_deadline(&mut self, key: Key, at: Instant) {
        if let Some(call) = self.calls.find_mut(key) {
            call.deadline = Some(at);
            self.deadlines.push(Reverse((at, key.to_u64())));
        }
    }

    fn count_drop(&mut self, reason: DropReason) {
        self.counters.rtp_dropped[reason as usize] += 1;
    }
}
