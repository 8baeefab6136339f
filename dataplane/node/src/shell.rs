//! The dispatcher's thread: carries inputs to [`Dispatch`] and its actions to link, journal, disk, shards and side
//! threads. Decides nothing.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use call::voice::{BotWish, Wish};
use call::{CallName, Mail};
use common::AttemptId;
use crossbeam_channel::{Receiver, Select};
use disk::{Disk, DiskConfig, DiskError, Health, Repaired, Report};
use jiff::tz::TimeZone;
use link::{Down, Uplink, UplinkRefused};
use proto::v1::AssetRequest;
use script::Sentence;
use shard::{MailRefused, ShardHandle, Stop};

use crate::assets::AudioName;
use crate::clock::Now;
use crate::dispatch::{Action, ClosedRecording, Dispatch, Input, Phase, RecordingJob};
use crate::journal::Store;
use crate::listener::Listener;
use crate::scrape::Sources;
use crate::side::Side;
use crate::voice::{Command, Voice};

/// Inputs taken of one kind before the others have their turn.
const BITE: usize = 256;
/// Pause after a round in which there was something to do: what comes meanwhile is taken in one round, for one wake-up,
/// however many calls are set up. Adds up to itself to the way of an order, which is handed over that much ahead.
const GATHER: Duration = Duration::from_millis(2);
/// How soon what was refused is tried again.
const RETRY: Duration = Duration::from_millis(2);
/// How often the state of journal and disk is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(crate) type Shards = Vec<ShardHandle<Mail, call::Event>>;

/// Why a node ended otherwise than it was told to.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A shard's thread panicked, and its calls are lost. The next start reports them.
    #[error("shard {0} panicked; its calls are lost and will be reported by the next start")]
    ShardDied(u16),
}

/// The recordings disk. Dropping it ends every recording properly.
#[derive(Debug)]
pub(crate) struct Recordings {
    /// Taken when it is dropped.
    disk: Option<Disk>,
}

impl Recordings {
    pub(crate) fn start(config: DiskConfig) -> Result<Self, DiskError> {
        Ok(Self { disk: Some(Disk::start(config)?) })
    }

    pub(crate) fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("only drop takes it")
    }
}

impl Drop for Recordings {
    fn drop(&mut self) {
        drop(self.disk.take().expect("only drop takes it").stop());
    }
}

/// Everything that the thread owns.
pub(crate) struct Shell {
    pub(crate) dispatch: Dispatch,
    pub(crate) down: Receiver<Down>,
    pub(crate) uplink: Option<Uplink>,
    pub(crate) inputs: Receiver<Input>,
    pub(crate) shards: Shards,
    pub(crate) store: Store,
    pub(crate) disk: Option<Recordings>,
    pub(crate) listener: Option<Listener>,
    pub(crate) voice: Option<Voice>,
    pub(crate) side: Side,
    pub(crate) sources: Arc<Sources>,
    pub(crate) active_calls: Arc<AtomicU32>,
    pub(crate) recordings: PathBuf,
    /// Mail that found its queue full and must not be lost: hang-ups. Bounded by the calls.
    pub(crate) hang_ups: Vec<VecDeque<Mail>>,
    /// By shard, commands that found the queue of its voice thread full and that nobody makes up for: ends. Bounded by the calls.
    pub(crate) voice_ends: Vec<VecDeque<Command>>,
    /// Recordings whose close found the disk's queue full.
    pub(crate) closes: VecDeque<AttemptId>,
    pub(crate) look_at: Instant,
    pub(crate) uplink_full: bool,
}

impl Shell {
    /// Runs until the node has left.
    pub(crate) fn run(mut self) -> Result<(), NodeError> {
        let mut died = None;
        while *self.dispatch.phase() != Phase::Left && died.is_none() {
            let mut busy = self.take_down();
            busy |= self.take_inputs();
            busy |= self.take_shards();
            busy |= self.take_reports();
            self.take_durable();
            let now = Now::read();
            if now.at >= self.dispatch.poll_timeout(now.at) {
                self.dispatch.handle_timeout(now);
                self.drain();
            }
            if now.at >= self.look_at {
                self.look_at = now.at + LOOK_EVERY;
                died = self.look_around(now);
            }
            self.retry();
            self.send_events();
            if busy {
                std::thread::sleep(GATHER);
            } else {
                self.wait();
            }
        }
        self.close();
        died.map_or(Ok(()), |shard| Err(NodeError::ShardDied(shard)))
    }

    /// One change, then drain.
    fn feed(&mut self, input: Input) {
        self.dispatch.handle_input(Now::read(), input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.dispatch.poll_action() {
            match action {
                Action::Append { seq, bytes } => self.store.append(seq, bytes),
                Action::Truncate(seq) => self.store.truncate(seq),
                Action::Mail { shard, mail } => self.mail(shard, mail),
                Action::SayHeartbeat(heartbeat) => {
                    self.say(|uplink| uplink.try_send_heartbeat(heartbeat));
                }
                Action::Ask(asset) => {
                    self.say(|uplink| uplink.try_request(AssetRequest { asset: Some(asset) }));
                }
                Action::LookUp { line, address } => self.side.look_up(line, address),
                Action::Encode { prompt, wav } => self.side.encode(prompt, wav),
                Action::Speak(sentence) => self.speak(sentence),
                Action::Voice { shard, call, zone, wish } => {
                    self.wish(shard, call, zone, wish);
                }
                Action::Record { attempt, job } => self.record(attempt, job),
            }
        }
    }

    fn speak(&mut self, sentence: Sentence) {
        let why = match &self.voice {
            None => "this node has no voice".to_owned(),
            Some(voice) if voice.command(Command::Prepare(sentence.clone())).is_ok() => return,
            Some(_) => "the voice thread of shard 0 does not keep up".to_owned(),
        };
        let name = AudioName::Sentence(sentence);
        self.dispatch.handle_input(Now::read(), Input::Made { name, result: Err(why) });
    }

    /// Says what may be lost.
    fn say(&self, what: impl FnOnce(&Uplink) -> Result<(), UplinkRefused>) {
        if let Some(uplink) = &self.uplink
            && what(uplink) == Err(UplinkRefused::Full)
        {
            tracing::debug!("the uplink is full");
        }
    }

    fn mail(&mut self, shard: u16, mail: Mail) {
        let refused = match self.shards[usize::from(shard)].mail().try_send(mail) {
            Ok(()) => return,
            Err(MailRefused::Full(mail) | MailRefused::Stopped(mail)) => mail,
        };
        match refused {
            Mail::Order(order) => self.dispatch.handle_input(Now::read(), Input::MailRefused(order)),
            hang_up => self.hang_ups[usize::from(shard)].push_back(hang_up),
        }
    }

    /// What finds no room is made up for by the call's own deadline, unless it is the end of something.
    fn wish(&mut self, shard: u16, call: CallName, zone: TimeZone, wish: Wish) {
        let Some(voice) = &self.voice else { return };
        let is_end = matches!(wish, Wish::End { .. } | Wish::Bot { wish: BotWish::Detach, .. });
        let ends = &mut self.voice_ends[usize::from(shard)];
        let command = Command::Wish { shard, call, zone, wish };
        // The end of a call does not overtake that of something in it.
        if is_end && !ends.is_empty() {
            return ends.push_back(command);
        }
        let Err(command) = voice.command(command) else { return };
        tracing::warn!(shard, "the voice thread does not keep up");
        if is_end {
            return ends.push_back(command);
        }
        self.sources.metrics.voice().wish_lost();
    }

    fn record(&mut self, attempt: AttemptId, job: RecordingJob) {
        let Some(disk) = &self.disk else { return };
        let handle = disk.disk().handle();
        match job {
            RecordingJob::Open { stem } => {
                if let Err(error) = handle.open(attempt, stem) {
                    let closed = ClosedRecording {
                        attempt,
                        path: None,
                        bytes: 0,
                        duration: Duration::ZERO,
                        error: error.to_string(),
                    };
                    self.dispatch.handle_input(Now::read(), Input::RecordingClosed(closed));
                }
            }
            // What does not fit becomes silence in the file, and is counted there.
            RecordingJob::Block(block) => drop(handle.block(attempt, block)),
            RecordingJob::Close => {
                if handle.close(attempt).is_err() {
                    self.closes.push_back(attempt);
                }
            }
        }
    }

    fn take_down(&mut self) -> bool {
        let mut other = None;
        let messages = std::iter::from_fn(|| match self.down.try_recv().ok()? {
            Down::Message(message) => Some(Input::Message(message)),
            attachment => {
                other = Some(attachment);
                None
            }
        });
        let mut taken = self.dispatch.handle_inputs(Now::read(), messages.take(BITE));
        self.drain();
        taken += usize::from(other.is_some());
        match other {
            Some(Down::Attached { acknowledged_seq, epoch, uplink }) => {
                self.uplink = Some(uplink);
                self.feed(Input::Attached { acknowledged_seq, epoch });
            }
            Some(Down::Detached) => {
                self.uplink = None;
                self.feed(Input::Detached);
            }
            Some(Down::Message(_)) | None => {}
        }
        taken > 0
    }

    fn take_inputs(&mut self) -> bool {
        let taken = self.dispatch.handle_inputs(Now::read(), self.inputs.try_iter().take(BITE));
        self.drain();
        taken > 0
    }

    fn take_shards(&mut self) -> bool {
        let mut taken = 0;
        for shard in 0..self.shards.len() {
            let events = self.shards[shard].events().try_iter().take(BITE);
            let inputs = events.map(|event| Input::Shard { shard: shard as u16, event });
            taken += self.dispatch.handle_inputs(Now::read(), inputs);
            self.drain();
        }
        taken > 0
    }

    fn take_reports(&mut self) -> bool {
        let mut taken = false;
        for _ in 0..BITE {
            let Some(Ok(report)) = self.disk.as_ref().map(|disk| disk.disk().reports.try_recv()) else {
                break;
            };
            taken = true;
            let closed = self.closed(report);
            self.feed(Input::RecordingClosed(closed));
        }
        taken
    }

    fn closed(&self, report: Report) -> ClosedRecording {
        let relative = |path: PathBuf| {
            let path = path.strip_prefix(&self.recordings).unwrap_or(&path);
            path.to_string_lossy().into_owned()
        };
        let length =
            |samples: u64| Duration::from_micros(samples * 1_000_000 / u64::from(media::SAMPLE_RATE));
        match report {
            Report::Kept { attempt, path, bytes, samples, .. } => {
                let (path, duration) = (Some(relative(path)), length(samples));
                ClosedRecording { attempt, path, bytes, duration, error: String::new() }
            }
            Report::Failed { attempt, error, kept } => {
                let (path, bytes, duration) = match kept {
                    Some(Repaired::Kept { path, bytes, samples }) => {
                        (Some(relative(path)), bytes, length(samples))
                    }
                    _ => (None, 0, Duration::ZERO),
                };
                ClosedRecording { attempt, path, bytes, duration, error: error.to_string() }
            }
        }
    }

    fn take_durable(&mut self) {
        while self.store.bell().try_recv().is_ok() {}
        let durable = self.store.durable();
        if durable > self.dispatch.outbox().durable() {
            self.feed(Input::Durable(durable));
        }
    }

    /// Tells the dispatcher how journal and disk are, and the rest of the process how the dispatcher is. Returns a shard
    /// that has died.
    fn look_around(&mut self, now: Now) -> Option<u16> {
        let (usable, fill) = self.store.usage();
        self.feed(Input::Journal { usable, fill });
        let failed = self.disk.as_ref().is_some_and(|disk| disk.disk().handle().health() != Health::Good);
        self.feed(Input::RecordingFailed(failed));
        if let Some(voice) = self.voice.take_if(|voice| !voice.is_running()) {
            drop(voice);
            self.sources.metrics.voice().on_gone();
            self.voice_ends.iter_mut().for_each(VecDeque::clear);
            self.feed(Input::VoiceGone);
        }
        if let Some(voice) = &self.voice {
            let free = voice.free();
            self.feed(Input::Recognisers(free));
        }
        for (shard, view) in self.shards.iter().zip(&self.sources.shards) {
            if let Some(time) = shard.cpu_time() {
                view.cpu_us.store(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        }
        let active = u32::try_from(self.dispatch.active_calls()).unwrap_or(u32::MAX);
        self.active_calls.store(active, Ordering::Relaxed);
        self.sources.ready.store(self.dispatch.is_ready(now.at), Ordering::Relaxed);
        let died = self.shards.iter().position(|shard| !shard.is_running());
        self.sources.healthy.store(died.is_none(), Ordering::Relaxed);
        died.map(|shard| shard as u16)
    }

    fn retry(&mut self) {
        self.store.retry();
        for (shard, waiting) in self.shards.iter().zip(&mut self.hang_ups) {
            while let Some(mail) = waiting.pop_front() {
                if let Err(refused) = shard.mail().try_send(mail) {
                    waiting.push_front(refused.into_inner());
                    break;
                }
            }
        }
        if let Some(voice) = &self.voice {
            for ends in &mut self.voice_ends {
                while let Some(command) = ends.pop_front() {
                    if let Err(command) = voice.command(command) {
                        ends.push_front(command);
                        break;
                    }
                }
            }
        }
        let Some(disk) = &self.disk else { return };
        while let Some(attempt) = self.closes.front() {
            if disk.disk().handle().close(*attempt).is_err() {
                break;
            }
            self.closes.pop_front();
        }
    }

    fn send_events(&mut self) {
        self.uplink_full = false;
        let Some(uplink) = &self.uplink else { return };
        let outbox = self.dispatch.outbox();
        while let Some(event) = outbox.next_to_send() {
            match uplink.try_send_event(event.clone()) {
                Ok(()) => outbox.on_sent(),
                Err(UplinkRefused::Full) => {
                    self.uplink_full = true;
                    return;
                }
                Err(UplinkRefused::Gone) => return,
            }
        }
    }

    fn wait(&mut self) {
        let now = Instant::now();
        let mut until = self.dispatch.poll_timeout(now).min(self.look_at);
        if self.uplink_full
            || !self.closes.is_empty()
            || self.voice_ends.iter().any(|ends| !ends.is_empty())
            || self.hang_ups.iter().any(|waiting| !waiting.is_empty())
        {
            until = until.min(now + RETRY);
        }
        let bell = self.store.bell();
        let mut select = Select::new();
        select.recv(&self.down);
        select.recv(&self.inputs);
        select.recv(&bell);
        for shard in &self.shards {
            select.recv(shard.events());
        }
        if let Some(disk) = &self.disk {
            select.recv(&disk.disk().reports);
        }
        // Whoever is ready is found by the next round.
        let _ = select.ready_timeout(until.saturating_duration_since(now));
    }

    fn close(mut self) {
        for shard in &self.shards {
            shard.stop(Stop::Now);
        }
        for (index, shard) in self.shards.drain(..).enumerate() {
            if shard.join().is_err() {
                tracing::error!(shard = index, "the shard panicked");
            }
        }
        self.sources.ready.store(false, Ordering::Relaxed);
        // Nobody takes them any more, and nobody shall wait for room there.
        self.inputs = crossbeam_channel::never();
        drop(self.disk.take());
        drop(self.listener.take());
        drop(self.voice.take());
        drop(self.store);
        self.side.stop();
    }
}
