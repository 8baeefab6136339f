//! The carrier's one thread: sockets, timers, the tick, the ledger.
//!
//! A turn: wait; read audio, if only every few milliseconds; read signalling; fire timers; play the phases that are due; send;
//! write. [`requests`] says what a message does to a call, [`calls`] what callees do, [`reports`] when RTCP is sent and when a window
//! is measured; [`places`] has the far addresses, [`beat`] the tick, [`media`] the audio of a call, [`stage`] its customer.

mod beat;
mod calls;
pub(crate) mod media;
pub(crate) mod places;
mod reports;
mod requests;
pub(crate) mod stage;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::io;
use std::net::SocketAddrV4;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::behaviour::Callees;
use crate::call::Call;
use crate::carrier::{CarrierError, Gauges};
use crate::cast::Cast;
use crate::config::{CarrierConfig, LineConfig, RtcpMode};
use crate::ledger::{Ending, LineRecord, Record, Writer};
use crate::measure::Window;
use crate::net::{self, BATCH, Bell, Inbox, Outgoing, Poll, Reach, Udp};
use crate::random;
use crate::recording::Recorder;
use crate::rtp::Arrival;
use crate::window::SECOND_US;
use beat::Beat;
use places::{Ear, Outgoings, Places};

/// How often audio sockets are read. At a thousand calls this is two hundred packets in eight queues of thousands.
const HEAR_EVERY_MS: u64 = 4;
/// Full batches that are read from one socket before the others have their turn: half a thousand packets.
const BATCHES: usize = 8;
/// How long a record may stay in memory.
const FLUSH_EVERY: Duration = Duration::from_millis(200);
/// How long a call that is over is remembered, so that what comes late is not taken for a new call.
const REMEMBER: Duration = Duration::from_secs(32);
/// How often the kernel is asked what it dropped: with a port a call that is a question for each.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// The name of the bell among polled descriptors; lines are named by their index.
const BELL: u64 = u64::MAX;

/// Everything that the thread owns.
pub(crate) struct Engine {
    callees: Callees,
    /// The people among the callees who say things.
    cast: Option<&'static Cast>,
    recorder: Option<Recorder>,
    seed: u64,
    garbage_percent: u8,
    call_limit: Duration,
    stop_grace: Duration,

    lines: Vec<Line>,
    calls: Vec<Option<Box<Call>>>,
    free: Vec<u32>,
    by_call_id: HashMap<Box<[u8]>, u32>,
    /// Calls that are over, by a hash of their Call-ID, and when each is forgotten.
    over: HashSet<u64>,
    forget: VecDeque<(Instant, u64)>,
    /// When, slot, and number of the call: a timer of a call that is gone finds nobody.
    timers: BinaryHeap<Reverse<(Instant, u32, u64)>>,

    places: Places,
    beat: Beat,
    outgoings: Outgoings,
    rtcp: RtcpMode,
    rtcp_interval: Duration,
    window: Option<Window>,
    /// When the calls that are up were last counted for it.
    window_looked: Instant,

    ledger: Writer,
    next_id: u64,
    pub(crate) gauges: Arc<Gauges>,
    poll: Poll,
    stopping: bool,
    begun: Instant,
}

/// One line at work.
struct Line {
    config: LineConfig,
    udp: Udp,
    outbox: Outbox,
    /// Calls from INVITE to release.
    active: u32,
    /// Receive times of the INVITEs of the last second.
    recent: VecDeque<u64>,
}

impl Line {
    /// Notes a new call; whether it is within the limits.
    fn admit(&mut self, at_us: u64) -> bool {
        while self.recent.front().is_some_and(|first| at_us.saturating_sub(*first) >= SECOND_US) {
            self.recent.pop_front();
        }
        self.recent.push_back(at_us);
        self.active += 1;
        self.config.max_calls.is_none_or(|max| self.active <= max)
            && self.config.max_cps.is_none_or(|max| self.recent.len() <= max as usize)
    }
}

/// Messages of one line that wait for the end of the turn.
#[derive(Default)]
struct Outbox {
    bytes: Vec<u8>,
    messages: Vec<(Range<usize>, SocketAddrV4)>,
}

impl Outbox {
    fn push(&mut self, message: &[u8], to: SocketAddrV4) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(message);
        self.messages.push((start..self.bytes.len(), to));
    }

    fn flush(&mut self, udp: &Udp) {
        let Self { bytes, messages } = self;
        net::send(
            udp.fd(),
            messages.iter().map(|(range, to)| Outgoing {
                head: &bytes[range.clone()],
                tail: &[],
                to: *to,
                from: None,
            }),
        );
        messages.clear();
        bytes.clear();
    }
}

impl Engine {
    /// Binds everything and opens the ledger. Nothing is served before [`Engine::run`].
    pub(crate) fn open(
        config: &CarrierConfig,
        gauges: Arc<Gauges>,
        bell: &Bell,
    ) -> Result<Self, CarrierError> {
        let poll = Poll::new().map_err(CarrierError::Poll)?;
        poll.add(bell.fd(), BELL).map_err(CarrierError::Poll)?;
        let mut ledger = Writer::open(config.ledger.as_deref()).map_err(CarrierError::Ledger)?;
        let mut lines = Vec::new();
        for (n, line) in config.lines.iter().enumerate() {
            let bind = |source| CarrierError::Bind { address: line.address, source };
            let udp = Udp::bind(line.address, Reach::Address).map_err(bind)?;
            poll.add(udp.fd(), n as u64).map_err(CarrierError::Poll)?;
            let record = LineRecord {
                name: line.name.clone(),
                address: udp.local,
                max_calls: line.max_calls,
                max_cps: line.max_cps,
            };
            ledger.write(&Record::Line(record)).map_err(CarrierError::Ledger)?;
            lines.push(Line {
                config: line.clone(),
                udp,
                outbox: Outbox::default(),
                active: 0,
                recent: VecDeque::new(),
            });
        }
        let recorder = config.cast_recordings.clone().map(Recorder::open).transpose();
        let recorder = recorder.map_err(CarrierError::Recordings)?;
        let places = Places::open(config.media, config.rtcp, *config.lines[0].address.ip())
            .map_err(CarrierError::Media)?;
        Ok(Self {
            callees: Callees::new(config.seed, config.time_scale, config.mix.clone(), config.rules.clone()),
            cast: config.cast,
            recorder,
            seed: config.seed,
            garbage_percent: config.garbage_percent,
            call_limit: config.call_limit,
            stop_grace: config.stop_grace,
            lines,
            calls: Vec::new(),
            free: Vec::new(),
            by_call_id: HashMap::new(),
            over: HashSet::new(),
            forget: VecDeque::new(),
            timers: BinaryHeap::new(),
            outgoings: Outgoings::new(places.sockets()),
            places,
            beat: Beat::new(),
            rtcp: config.rtcp,
            rtcp_interval: config.rtcp_interval,
            window: config.measure.clone().map(Window::new),
            window_looked: Instant::now(),
            ledger,
            next_id: 1,
            gauges,
            poll,
            stopping: false,
            begun: Instant::now(),
        })
    }

    /// The addresses of the lines, in the order of the configuration.
    pub(crate) fn addresses(&self) -> Vec<SocketAddrV4> {
        self.lines.iter().map(|line| line.udp.local).collect()
    }

    /// Serves until `stop` is set and the bell rings. Returns the ledger if it is in memory.
    pub(crate) fn run(mut self, stop: &AtomicBool) -> io::Result<Vec<u8>> {
        self.begun = Instant::now();
        let mut signalling = Inbox::new(8 * 1024);
        let mut audio = Inbox::new(512);
        let mut counted = self.begun;
        let (mut ready, mut audible) = (Vec::new(), Vec::new());
        let mut heard_ms = 0;
        let mut flushed = self.begun;
        let mut stop_by: Option<Instant> = None;
        loop {
            self.poll.wait(self.patience(Instant::now(), flushed, stop_by), &mut ready)?;
            let now = Instant::now();
            let now_ms = (now - self.begun).as_millis() as u64;
            // Before signalling: what was sent before a BYE still counts.
            if !ready.is_empty() || now_ms >= heard_ms + HEAR_EVERY_MS {
                heard_ms = now_ms;
                self.hear(&mut audio, &mut audible)?;
            }
            for name in ready.iter().filter(|name| **name != BELL) {
                self.read_line(*name as usize, &mut signalling, now)?;
            }
            if stop.load(Ordering::Acquire) && stop_by.is_none() {
                self.begin_stop(now)?;
                stop_by = Some(now + self.stop_grace);
            }
            self.fire_timers(now)?;
            self.play(now, now_ms);
            for line in &mut self.lines {
                line.outbox.flush(&line.udp);
            }
            self.step_window(now)?;
            if now - flushed >= FLUSH_EVERY {
                flushed = now;
                self.ledger.flush()?;
                self.gauges.cpu_us.store(net::thread_cpu().as_micros() as u64, Ordering::Relaxed);
            }
            if now - counted >= COUNT_EVERY {
                counted = now;
                self.count_drops();
            }
            if let Some(by) = stop_by
                && (self.by_call_id.is_empty() || now >= by)
            {
                break;
            }
        }
        self.hear(&mut audio, &mut audible)?;
        self.end_all()?;
        self.count_drops();
        if let Some(record) = self.window.take().and_then(Window::judge) {
            self.ledger.write(&Record::Window(record))?;
        }
        self.ledger.flush()?;
        self.gauges.cpu_us.store(net::thread_cpu().as_micros() as u64, Ordering::Relaxed);
        Ok(self.ledger.into_memory())
    }

    /// How long nothing will be due.
    fn patience(&self, now: Instant, flushed: Instant, stop_by: Option<Instant>) -> Duration {
        let mut due = flushed + FLUSH_EVERY;
        if let Some(Reverse((at, ..))) = self.timers.peek() {
            due = due.min(*at);
        }
        if let Some(by) = stop_by {
            due = due.min(by);
        }
        if let Some(at) = self.window.as_ref().and_then(|window| window.due(now)) {
            due = due.min(at);
        }
        if !self.by_call_id.is_empty() {
            let step_ms = if self.beat.senders > 0 { 1 } else { HEAR_EVERY_MS };
            let next_ms = (now - self.begun).as_millis() as u64 + step_ms;
            due = due.min(self.begun + Duration::from_millis(next_ms));
        }
        due.saturating_duration_since(now)
    }

    /// Reads what waits at a line; a bounded bite, the rest is still readable.
    fn read_line(&mut self, line: usize, inbox: &mut Inbox, now: Instant) -> io::Result<()> {
        let count = inbox.receive(self.lines[line].udp.fd())?;
        for n in 0..count {
            let datagram = inbox.datagram(n);
            self.on_datagram(line, datagram, now)?;
        }
        Ok(())
    }

    /// Reads all audio sockets that have something.
    fn hear(&mut self, inbox: &mut Inbox, ready: &mut Vec<u64>) -> io::Result<()> {
        self.places.poll.wait(Duration::ZERO, ready)?;
        let mut heard = 0;
        for ear in ready.drain(..).map(|name| self.places.ear(name)) {
            for _ in 0..BATCHES {
                let count = inbox.receive(self.places.socket(ear).fd())?;
                for n in 0..count {
                    let datagram = inbox.datagram(n);
                    let call = self.places.call_for(ear, &datagram);
                    let media = call.and_then(|slot| self.calls[slot as usize].as_mut()?.media.as_mut());
                    let Some(media) = media else {
                        Gauges::add(&self.gauges.stray_packets, 1);
                        continue;
                    };
                    if let Ear::Rtcp(_) = ear {
                        media.hear_control(&datagram);
                        continue;
                    }
                    let arrival = media.hear(&datagram);
                    if let Some(window) = self.window.as_mut().filter(|window| window.listens()) {
                        if arrival == Arrival::First && media.reception.is_replaced() {
                            window.on_restart(&mut media.watched);
                        }
                        window.note(&mut media.watched, arrival, datagram.at_us);
                    }
                }
                heard += count as u64;
                if count < BATCH {
                    break;
                }
            }
        }
        Gauges::add(&self.gauges.packets_received, heard);
        Ok(())
    }

    /// Sends the audio that is due.
    fn play(&mut self, now: Instant, now_ms: u64) {
        let now_us = self.begun.elapsed().as_micros() as u64;
        let unix_us = self.cast.map_or(0, |_| net::unix_us());
        let mut leaving = Vec::new();
        for (phase, due_ms) in self.beat.due(now_ms) {
            if let Some(window) = &mut self.window {
                window.note_late(now_us.saturating_sub(due_ms * 1_000));
            }
            for slot in self.beat.calls(phase) {
                let call = self.calls[*slot as usize]
                    .as_mut()
                    .expect("a call leaves the beat before its slot is freed");
                let media = call.media.as_mut().expect("only calls with media join the beat");
                let Some(remote) = media.remote else { continue };
                if call.garbage && media.sender.sent % 5 == 4 {
                    let mut random = random::Random::keyed(u64::from(media.sender.sent), &call.call_id);
                    self.places.send_one(media.place, false, &crate::junk::rtp(&mut random), remote);
                    Gauges::add(&self.gauges.junk_sent, 1);
                }
                if let Some(stage) = &mut media.stage
                    && stage.on_beat(unix_us, &mut media.sender)
                {
                    leaving.push(*slot);
                    continue;
                }
                if let Some(packet) = media.sender.next() {
                    if let Some(stage) = &mut media.stage {
                        stage.on_sent(unix_us, packet.payload);
                    }
                    self.outgoings.push(&self.places, media.place, packet, remote);
                }
            }
        }
        let (sent, refused) = self.outgoings.flush(&self.places);
        Gauges::add(&self.gauges.packets_sent, sent - refused);
        for slot in leaving {
            self.hang_up(slot, Ending::ByeFromCallee, now);
            self.arm(slot);
        }
    }

    /// Asks the kernel what it dropped because we did not read in time.
    fn count_drops(&mut self) {
        let lines: u64 = self.lines.iter().map(|line| u64::from(line.udp.drops())).sum();
        self.gauges.queue_drops.store(lines + self.places.drops(), Ordering::Relaxed);
    }

    fn fire_timers(&mut self, now: Instant) -> io::Result<()> {
        while let Some(Reverse((at, slot, id))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            let Some(call) = self.calls[slot as usize].as_mut().filter(|call| call.id == id) else {
                continue;
            };
            if call.armed == Some(at) {
                call.armed = None;
                self.on_timer(slot, now)?;
            }
        }
        while self.forget.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, hash)) = self.forget.pop_front() {
                self.over.remove(&hash);
            }
        }
        Ok(())
    }

    /// Sets the timer of a call to the first thing that is due.
    fn arm(&mut self, slot: u32) {
        let Some(call) = self.calls[slot as usize].as_mut() else { return };
        let report_at = call.control().and_then(|control| control.next_at);
        let due = [call.resend.map(|r| r.at), call.act_at, report_at].into_iter().flatten().min();
        if let Some(at) = due
            && call.armed != due
        {
            self.timers.push(Reverse((at, slot, call.id)));
        }
        call.armed = due;
    }

    fn call(&mut self, slot: u32) -> &mut Call {
        self.calls[slot as usize].as_mut().expect("the slot was looked up in this turn")
    }

    fn hash(&self, call_id: &[u8]) -> u64 {
        random::hash(self.seed, call_id)
    }
}
