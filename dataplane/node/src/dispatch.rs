//! The dispatcher's decisions: which order becomes a call, when, and on which shard; what the control plane is told.
//!
//! Pure: time comes in as [`Now`], effects leave as [`Action`]s and through the [`Outbox`]. `shell` drives it with the
//! real link, journal, shards and resolver; tests drive it in virtual time. The law is the same as for every machine:
//! one [`handle_inputs`](Dispatch::handle_inputs) or [`handle_timeout`](Dispatch::handle_timeout), then
//! [`poll_action`](Dispatch::poll_action) until it is empty, then the next.
//!
//! Inputs that are there at the same time are one change, as many as the shell takes in one bite. Each is a fact that stands
//! whatever is done about the others, and none can tell whether an action of theirs was done: what becomes of one comes
//! back as an input of its own. Actions leave in the order of their inputs. What weighs orders against each other, their
//! expiry, places and slots, is decided once, when all the facts are in.
//!
//! The way of an order, and what each step waits for:
//!
//! ```text
//!          checks          script, address       place on the line,     Begun on disk     slot
//!  order ────────▶ Parked ────────────────▶ Waiting ──────────▶ Journalling ──────▶ Ready ──────▶ Mailed ─▶ Over ─▶ (gone)
//!                    │                        │  turn comes up       │                │ ▲ missed, │ Ended   Released
//!                    │                        │                      │                │ │ declined│
//!                    ▼                        ▼                      ▼                ▼ └─────────┘
//!                 Refused                  Refused                Refused          Refused
//! ```
//!
//! `Begun` is on disk before a shard hears of the order, and so before the INVITE (promise P1). The slot is reserved
//! after that and not before, so that a slow disk delays calls but wastes no slots.

mod border;
mod call_table;
mod dialogue;
mod inquiry;
mod intake;
mod leaving;
mod line_table;
mod outcome;
mod pacing;
mod recovery;
mod shard_table;
mod shards;
mod transferring;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use common::{AttemptId, Epoch, LineId};
use prost::Message as _;
use proto::v1::{Event, Heartbeat, asset_request, event, refused, to_node};

use crate::assets::{Assets, Errand};
use crate::clock::Now;
use crate::line::Line;
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::refusal::{self, Refusal};
use crate::seen::{SeenTries, TryKey};
use crate::voice::LAST_WORDS_MAX;

pub use crate::assets::AudioName;
pub use border::{Action, ClosedRecording, Input, RecordingJob, Settings};
use call_table::CallTable;
pub use leaving::Phase;
pub use recovery::Recovered;
use shard_table::ShardTable;

/// Time between heartbeats, and the longest that the dispatcher sleeps.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// A turn that comes so long after the one before means that the process stood still, and that INVITEs which were
/// under way may leave at times that nobody planned.
const STOOD_STILL: Duration = Duration::from_millis(1_250);
/// Permission to start calls.
#[derive(Clone, Copy, Debug, Default)]
struct Lease {
    epoch: Epoch,
    /// `None` when none was given or the last has run out.
    until: Option<Instant>,
}

/// The machine.
#[derive(Debug)]
pub struct Dispatch {
    settings: Settings,
    metrics: Metrics,
    phase: Phase,
    attached: bool,
    lease: Lease,
    lines: BTreeMap<LineId, Line>,
    lines_epoch: Epoch,
    /// Lines on which an order waits for a place, a journal entry or a slot.
    busy_lines: BTreeSet<LineId>,
    assets: Assets,
    seen: SeenTries,
    calls: CallTable,
    /// `Begun` on their way to the disk, by number. May hold stale keys.
    journalling: VecDeque<(u64, TryKey)>,
    outbox: Outbox,
    /// `Begun` that were written again: the old number is kept until the new one is on disk.
    reminders: VecDeque<(u64, u64)>,
    /// Up to this the journal was told to forget.
    truncated: u64,
    journal_usable: bool,
    /// The journal that was found at the start shows every route try that was begun and not released. Not so when it is
    /// new, which may mean that the old one was deleted, or older than what the control plane has of it.
    journal_is_whole: bool,
    journal_fill: f64,
    recording_failed: bool,
    free_recognisers: HashMap<String, u32>,
    /// Recordings not closed yet: route try, line, path.
    recordings: BTreeMap<AttemptId, (u32, LineId, String)>,
    shards: ShardTable,
    /// Route tries of a predecessor that had ended and whose last messages it took with it.
    unreleased: VecDeque<(Instant, TryKey, LineId)>,
    /// Second calls that wait for an address.
    transfers: Vec<transferring::Waiting>,
    legs: transferring::Legs,
    /// Calls that are over and whose last words a voice thread may still have to understand.
    last_words: u32,
    /// How long those are waited for when no call is left.
    last_words_max: Duration,
    heartbeat_at: Instant,
    last_turn: Instant,
    actions: VecDeque<Action>,
}

impl Dispatch {
    /// A dispatcher that goes on where the journal ends.
    pub fn new(now: Now, settings: Settings, metrics: Metrics, recovered: Recovered) -> Self {
        let mut dispatch = Self {
            shards: ShardTable::new(settings.shards),
            settings,
            metrics,
            phase: Phase::Running,
            attached: false,
            lease: Lease::default(),
            lines: BTreeMap::new(),
            lines_epoch: Epoch::default(),
            busy_lines: BTreeSet::new(),
            assets: Assets::default(),
            seen: SeenTries::new(now.wall),
            calls: CallTable::default(),
            journalling: VecDeque::new(),
            outbox: Outbox::default(),
            reminders: VecDeque::new(),
            truncated: 0,
            journal_usable: true,
            journal_is_whole: false,
            journal_fill: 0.0,
            recording_failed: false,
            free_recognisers: HashMap::new(),
            recordings: BTreeMap::new(),
            unreleased: VecDeque::new(),
            transfers: Vec::new(),
            legs: transferring::Legs::default(),
            last_words: 0,
            last_words_max: LAST_WORDS_MAX,
            heartbeat_at: now.at,
            last_turn: now.at,
            actions: VecDeque::new(),
        };
        dispatch.recover(now, recovered);
        dispatch
    }

    /// Takes one input.
    pub fn handle_input(&mut self, now: Now, input: Input) {
        self.handle_inputs(now, [input]);
    }

    /// Takes inputs that are there at the same time, as one change. Returns how many they were.
    pub fn handle_inputs(&mut self, now: Now, inputs: impl IntoIterator<Item = Input>) -> usize {
        self.begin_turn(now);
        let taken = inputs.into_iter().map(|input| self.on_input(now, input)).count();
        if taken > 0 {
            self.end_turn(now);
        }
        taken
    }

    fn on_input(&mut self, now: Now, input: Input) {
        match input {
            Input::Attached { acknowledged_seq, epoch } => self.on_attached(now, acknowledged_seq, epoch),
            Input::Detached => self.attached = false,
            Input::Message(message) => self.on_message(now, message),
            Input::Durable(seq) => self.on_durable(now, seq),
            Input::Journal { usable, fill } => (self.journal_usable, self.journal_fill) = (usable, fill),
            Input::Shard { shard, event } => self.on_shard(now, shard, event),
            Input::MailRefused(order) => self.on_mail_refused(now, &order),
            Input::LookedUp { line, address, found } => self.on_looked_up(now, line, &address, found),
            Input::Made { name, result } => {
                if self.assets.on_made(now.at, &name, result) {
                    self.unpark(now);
                }
            }
            Input::Recognisers(free) => self.free_recognisers = free,
            Input::VoiceGone => self.on_voice_gone(now),
            Input::RecordingClosed(closed) => self.on_recording_closed(now, closed),
            Input::RecordingFailed(failed) => self.recording_failed = failed,
            Input::Stop => self.on_stop(now),
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.begin_turn(now);
        if self.lease.until.is_some_and(|until| now.at >= until) {
            self.lease.until = None;
            tracing::warn!("the lease has run out: no new calls");
            self.refuse_unsent(now, &Refusal::new(refused::Reason::NoLease, "the lease ran out"));
        }
        self.look_up(now);
        self.assets.on_time(now.at);
        while self.unreleased.front().is_some_and(|(at, ..)| now.at >= *at) {
            let (_, key, line) = self.unreleased.pop_front().expect("just looked at");
            self.record(now, key, line, event::Event::Released(proto::v1::Released {}));
            self.calls.on_released_of_predecessor(&key);
        }
        if now.at >= self.heartbeat_at {
            self.heartbeat_at = now.at + HEARTBEAT;
            self.say_heartbeat();
        }
        self.leave_on_time(now);
        self.end_turn(now);
    }

    /// The next thing to be done outside.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do: at most [`HEARTBEAT`] from `now`.
    pub fn poll_timeout(&self, now: Instant) -> Instant {
        let lease = self.lease.until.filter(|_| self.calls.unsent() > 0);
        let look_up = self.lines.values().filter_map(|line| line.look_up_at).min();
        let unreleased = self.unreleased.front().map(|(at, ..)| *at);
        [
            lease,
            look_up,
            unreleased,
            self.calls.expires_first(),
            self.assets.deadline(),
            self.phase.deadline(),
        ]
        .into_iter()
        .flatten()
        .chain(self.pace_at(now))
        .fold(self.heartbeat_at, Instant::min)
    }

    /// Events for the control plane: the shell sends them while there is room, and says so.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Where the node is between start and end.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Whether calls may be started at `now`.
    pub fn is_ready(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Running) && self.has_lease(now) && self.journal_usable
    }

    /// Calls that hold a place on a line.
    pub fn active_calls(&self) -> usize {
        self.calls.entered()
    }

    fn has_lease(&self, now: Instant) -> bool {
        self.lease.until.is_some_and(|until| now < until)
    }

    fn begin_turn(&mut self, now: Now) {
        if now.at.saturating_duration_since(self.last_turn) > STOOD_STILL {
            tracing::warn!("the process stood still; every line rests for a second");
            for line in self.lines.values_mut() {
                line.gate.rest(now.at);
            }
        }
        self.last_turn = now.at;
    }

    fn end_turn(&mut self, now: Now) {
        self.expire(now);
        self.pace(now);
        self.run_errands();
        self.truncate();
        self.leave_when_empty(now);
        self.metrics.set_levels(self.calls.entered(), self.calls.unsent(), self.has_lease(now.at));
    }

    fn on_attached(&mut self, now: Now, acknowledged_seq: u64, epoch: Epoch) {
        self.attached = true;
        self.lease.epoch = self.lease.epoch.max(epoch);
        if acknowledged_seq > self.outbox.last() {
            self.journal_is_whole = false;
            tracing::error!(
                acknowledged_seq,
                last_seq = self.outbox.last(),
                "the journal was lost or is an old copy; what was begun before the start is unknown"
            );
        }
        let again = self.outbox.skip_to(acknowledged_seq);
        for event in again {
            self.renumber(event);
        }
        self.outbox.on_acknowledged(acknowledged_seq);
        self.outbox.rewind();
        self.assets.on_attached(now.at);
        self.heartbeat_at = now.at;
    }

    fn on_message(&mut self, now: Now, message: to_node::Message) {
        match message {
            to_node::Message::Lease(lease) => self.on_lease(now, &lease),
            to_node::Message::Lines(lines) => self.on_lines(now, lines),
            to_node::Message::Order(order) => self.on_order(now, order),
            to_node::Message::Hangup(hangup) => self.on_hangup(now, &hangup),
            to_node::Message::Ack(ack) => self.outbox.on_acknowledged(ack.seq),
            to_node::Message::Script(script) => {
                if self.assets.on_script(now.at, script) {
                    self.unpark(now);
                }
            }
            to_node::Message::PromptChunk(chunk) => {
                if self.assets.on_chunk(now.at, chunk) {
                    self.unpark(now);
                }
            }
            to_node::Message::Inquiry(inquiry) => self.on_inquiry(now, inquiry),
            // The link takes these for itself.
            to_node::Message::Welcome(_) | to_node::Message::Refused(_) => {}
        }
    }

    fn on_lease(&mut self, now: Now, lease: &proto::v1::Lease) {
        let epoch = Epoch(lease.epoch);
        if epoch < self.lease.epoch {
            tracing::debug!(%epoch, "a lease of an old epoch");
            return;
        }
        self.lease = Lease { epoch, until: Some(now.at + Duration::from_millis(u64::from(lease.valid_ms))) };
    }

    fn run_errands(&mut self) {
        while let Some(errand) = self.assets.poll_errand() {
            self.actions.push_back(match errand {
                Errand::AskScript(id) => Action::Ask(asset_request::Asset::Script(id.0)),
                Errand::AskPrompt(id) => Action::Ask(asset_request::Asset::Prompt(id.0)),
                Errand::Encode { prompt, wav } => Action::Encode { prompt, wav },
                Errand::Speak(sentence) => Action::Speak(sentence),
            });
        }
    }

    fn say_heartbeat(&mut self) {
        self.actions.push_back(Action::SayHeartbeat(Heartbeat {
            active_calls: u32::try_from(self.calls.entered()).unwrap_or(u32::MAX),
            waiting_orders: u32::try_from(self.calls.unsent()).unwrap_or(u32::MAX),
            draining: !matches!(self.phase, Phase::Running),
            journal_fill: self.journal_fill,
            recording_failed: self.recording_failed,
            free_recognisers: self.free_recognisers.clone(),
            legs: self.legs.all(),
            line_legs: self.legs.on_lines(),
        }));
    }

    /// Tells the control plane something about a route try, by way of the journal. Returns its number.
    fn record(&mut self, now: Now, key: TryKey, line: LineId, event: event::Event) -> u64 {
        let (AttemptId(attempt), route_try) = key;
        self.renumber(Event {
            seq: 0,
            attempt: attempt.as_bytes().to_vec(),
            route_try,
            line: line.0,
            at_us: now.wall.0,
            event: Some(event),
        })
    }

    fn renumber(&mut self, event: Event) -> u64 {
        let event = self.outbox.push(event);
        let (seq, bytes) = (event.seq, event.encode_to_vec());
        self.actions.push_back(Action::Append { seq, bytes });
        seq
    }

    /// Ends a route try of which nothing has left.
    fn refuse(&mut self, now: Now, key: TryKey, refusal: Refusal) {
        let Some(call) = self.calls.remove(&key) else { return };
        if let Some(line) = self.lines.get_mut(&call.line) {
            if call.has_entered() {
                line.gate.leave();
            }
            if call.is_journalling() {
                line.journalling -= 1;
            }
        }
        self.tell_refused(now, key, call.line, refusal);
    }

    fn tell_refused(&mut self, now: Now, key: TryKey, line: LineId, refusal: Refusal) {
        self.metrics.refused(refusal::label(refusal.reason));
        let refused = proto::v1::Refused { reason: refusal.reason.into(), detail: refusal.detail };
        self.record(now, key, line, event::Event::Refused(refused));
    }

    fn refuse_unsent(&mut self, now: Now, refusal: &Refusal) {
        for key in self.calls.unsent_keys() {
            self.refuse(now, key, refusal.clone());
        }
    }

    /// Lets the journal forget what the control plane has, as far as no call that is not over began there: after a
    /// crash the journal must show every route try that was begun and not released.
    fn truncate(&mut self) {
        while self.reminders.front().is_some_and(|(_, new)| *new <= self.outbox.durable()) {
            self.reminders.pop_front();
        }
        let kept =
            self.calls.first_begun().into_iter().chain(self.reminders.front().map(|(old, _)| *old)).min();
        let upto = kept.map_or(u64::MAX, |seq| seq - 1).min(self.outbox.acknowledged());
        if upto > self.truncated {
            self.truncated = upto;
            self.actions.push_back(Action::Truncate(upto));
        }
    }
}
