//! The measuring window: a time in which a set of calls is up from beginning to end, and every packet of theirs is noted.
//!
//! Owns the notes and what is computed from them. They are exact, not histograms: twelve bytes a packet, written one after the
//! other while the window is open, sorted when the carrier has stopped.
//!
//! **Due-time error.** A packet is due at its stream's beginning plus what its timestamp has advanced since. When the stream began is
//! not read from its first packet, which may itself have been late, but from the packet of the window that came soonest against
//! the timeline: against it every other is as late as it is. A caller cannot look better by this choice, and one late packet does
//! not make its call look worse. Arrivals are the kernel's stamps, put on when the packet enters our queue, so that a carrier
//! that reads late does not make the caller late. Both clocks are of one machine and run at one rate.
//!
//! **Gap deviation.** How far the time from one arrival of a call to the next is from what their timestamps say: from 20 ms.

mod verdict;

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use crate::config::MeasureConfig;
use crate::ledger::WindowRecord;
use crate::net;
use crate::rtp::{Arrival, Deviation};

/// Longest window.
const LENGTH_MAX: Duration = Duration::from_secs(600);
/// How long after its end packets of the window may still be in our queues.
const LINGER: Duration = Duration::from_millis(100);
/// Packets a second of one call that the notes have room for, a tenth above what is due.
const NOTES_A_SECOND: u64 = 55;
/// Most notes, 3 GiB of them: the whole window of 6,000 calls for 600 s would be 2.2 GiB.
const NOTES_MAX: u64 = 1 << 28;

/// One packet.
#[derive(Debug, Clone, Copy)]
struct Note {
    /// Index of the call in the window.
    call: u32,
    /// Counted from the first of the stream.
    sequence: i32,
    /// Arrival less due time, microseconds from an origin that is the call's own; [`TIMELESS`] for events.
    offset_us: i32,
}

const TIMELESS: i32 = i32::MIN;

/// What the carrier counts beside the calls; taken when the window begins and when it ends.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    pub(crate) drops: u64,
    pub(crate) stray: u64,
    pub(crate) cpu: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not enough calls are up.
    Waiting,
    /// Enough are, since then.
    Settling(Instant),
    Open,
    /// Packets of the window are still read.
    Lingering(Instant),
    Closed,
}

/// The window.
#[derive(Debug)]
pub(crate) struct Window {
    config: MeasureConfig,
    state: State,
    begin_us: u64,
    end_us: u64,
    calls: u32,
    notes: Vec<Note>,
    /// Packets that there was no room for.
    unnoted: u64,
    /// Calls that began another stream.
    restarted: u32,
    /// Calls that were over before the window was.
    ended_early: u32,
    before: Counts,
    spent: Counts,
    /// How late our own phases were played.
    late: Deviation,
}

/// What the engine has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Nothing,
    /// Mark the calls that are up, then [`Window::begin`].
    Begin,
    /// Count the marked calls that are still up, then [`Window::end`].
    End,
}

impl Window {
    pub(crate) fn new(config: MeasureConfig) -> Self {
        let length = config.length.min(LENGTH_MAX);
        Self {
            config: MeasureConfig { length, ..config },
            state: State::Waiting,
            begin_us: 0,
            end_us: 0,
            calls: 0,
            notes: Vec::new(),
            unnoted: 0,
            restarted: 0,
            ended_early: 0,
            before: Counts::default(),
            spent: Counts::default(),
            late: Deviation::default(),
        }
    }

    /// Whether [`Window::step`] looks at the number of calls.
    pub(crate) fn waits(&self) -> bool {
        matches!(self.state, State::Waiting | State::Settling(_))
    }

    /// When [`Window::step`] has something to do that no packet brings about.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        let left = Duration::from_micros(self.end_us.saturating_sub(net::unix_us()));
        (self.state == State::Open).then(|| now + left)
    }

    /// What is to be done. `up` is the number of calls that are answered and confirmed.
    pub(crate) fn step(&mut self, now: Instant, up: u32) -> Step {
        match self.state {
            State::Waiting | State::Settling(_) if up < self.config.calls => self.state = State::Waiting,
            State::Waiting => self.state = State::Settling(now),
            State::Settling(since) if now - since >= self.config.settle => return Step::Begin,
            State::Open if net::unix_us() >= self.end_us => return Step::End,
            State::Lingering(since) if now - since >= LINGER => self.state = State::Closed,
            State::Settling(_) | State::Open | State::Lingering(_) | State::Closed => {}
        }
        Step::Nothing
    }

    /// The window begins, with that many calls.
    pub(crate) fn begin(&mut self, calls: u32, counts: Counts) -> io::Result<()> {
        let length = self.config.length;
        let notes = (u64::from(calls) * (length.as_secs() + 1) * NOTES_A_SECOND).min(NOTES_MAX);
        self.notes = Vec::with_capacity(notes as usize);
        (self.calls, self.before) = (calls, counts);
        self.begin_us = net::unix_us();
        self.end_us = self.begin_us + length.as_micros() as u64;
        self.state = State::Open;
        self.mark("begins", self.begin_us)
    }

    /// The window ends; `still_up` of its calls are up.
    pub(crate) fn end(&mut self, now: Instant, still_up: u32, counts: Counts) -> io::Result<()> {
        self.ended_early = self.calls.saturating_sub(still_up);
        self.spent = Counts {
            sent: counts.sent - self.before.sent,
            drops: counts.drops - self.before.drops,
            stray: counts.stray - self.before.stray,
            cpu: counts.cpu.saturating_sub(self.before.cpu),
        };
        self.state = State::Lingering(now);
        self.mark("ends", self.end_us)
    }

    fn mark(&self, what: &str, at_us: u64) -> io::Result<()> {
        let Some(path) = &self.config.marks else { return Ok(()) };
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(format!("{what} {at_us}\n").as_bytes())
    }

    /// Whether packets are to be noted.
    pub(crate) fn listens(&self) -> bool {
        matches!(self.state, State::Open | State::Lingering(_))
    }

    /// Notes a packet of call `watched`; afterwards that is `None` if the call is beyond measuring.
    pub(crate) fn note(&mut self, watched: &mut Option<u32>, arrival: Arrival, at_us: u64) {
        let Some(call) = *watched else { return };
        if at_us < self.begin_us || at_us >= self.end_us {
            return;
        }
        let (sequence, due_us) = match arrival {
            Arrival::New { sequence, due_us } => (sequence, due_us),
            // The first of a call that was silent is as good as any; that of another stream of a call is not.
            Arrival::First => (0, Some(0)),
            Arrival::Nothing => return,
        };
        let offset_us = due_us.map(|due_us| (at_us - self.begin_us) as i64 - due_us);
        let noted = (i32::try_from(sequence), offset_us.map_or(Ok(TIMELESS), i32::try_from));
        let (Ok(sequence), Ok(offset_us)) = noted else {
            // A timeline that leaps by more than half an hour is another one.
            self.restarted += 1;
            *watched = None;
            return;
        };
        if self.notes.len() < self.notes.capacity() {
            self.notes.push(Note { call, sequence, offset_us });
        } else {
            self.unnoted += 1;
        }
    }

    /// The stream of a call was replaced by another.
    pub(crate) fn on_restart(&mut self, watched: &mut Option<u32>) {
        if watched.take().is_some() {
            self.restarted += 1;
        }
    }

    /// A phase of our own beat was played so late.
    pub(crate) fn note_late(&mut self, late_us: u64) {
        if self.state == State::Open {
            self.late.add(late_us);
        }
    }

    /// What is to be said of it. `None`: it never ended.
    pub(crate) fn judge(self) -> Option<WindowRecord> {
        matches!(self.state, State::Lingering(_) | State::Closed).then(|| verdict::of(self))
    }
}
