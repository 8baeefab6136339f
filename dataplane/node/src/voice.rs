//! The voice threads: each listens, speaks and asks for all calls of a shard, so that no shard ever waits for anybody.
//!
//! ```text
//!  shards ── wishes ─▶ dispatcher ─▶ Hub ── pieces of audio ─▶ sessions ─▶ recognisers
//!     │                               │ │              ◀── pieces of audio ── sessions ◀─▶ bots
//!     │                               │ ├── sentences ───────▶ Speaker ──▶ voices, cache
//!     └──── tapped audio ────────────▶│ └── requests ────────▶ Asker ────▶ servers
//!     ◀──────────── mail ─────────────┘
//! ```
//!
//! One thread for each shard, with a runtime of its own. It looks at the tap every few milliseconds, as listeners do; answers go straight
//! to the shard's mail. Whatever it is late with, calls go on: each of their wishes has a deadline of the call's own. Recognisers, bots,
//! models and voices are the node's: their places, breakers and caches are shared by all threads.

mod ahead;
mod asking;
mod attending;
pub mod config;
mod conversing;
mod file;
mod hearing;
mod hub;
mod interpreting;
mod models;
mod running;
mod speaking;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ::voice::fetch::{Fetcher, Reach};
use call::voice::Wish;
use call::{CallName, Mail, TapQueue};
use crossbeam_channel::Sender;
use jiff::tz::TimeZone;
use prometheus::Histogram;
use script::Sentence;
use shard::MailSender;
use tokio::sync::mpsc::{self, error::TrySendError};

use crate::config::InvalidConfig;
use crate::dispatch::Input;
use crate::metrics::VoiceMetrics;
use crate::voice::asking::Asker;
use crate::voice::attending::Bots;
use crate::voice::config::VoiceConfig;
use crate::voice::conversing::Talker;
use crate::voice::hearing::Recognisers;
use crate::voice::hub::{Hub, Tools};
use crate::voice::interpreting::Interpreter;
use crate::voice::models::Models;
use crate::voice::speaking::Speaker;

pub use file::{HearError, hear_wav};

/// Wishes that may wait for a thread: several of every call that a core carries.
const COMMANDS_MAX: usize = 65_536;

/// How long a callee who has hung up is waited for: a recogniser's last word, and whoever says what it means.
pub(crate) const LAST_WORDS_MAX: Duration = Duration::from_secs(15);

/// What the dispatcher hands over.
#[derive(Debug)]
pub(crate) enum Command {
    /// A call wants something. The zone is that of the callee.
    Wish { shard: u16, call: CallName, zone: TimeZone, wish: Wish },
    /// A script's sentence is spoken before its calls.
    Prepare(Sentence),
}

/// Why the thread could not start.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// A value of the configuration.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// The folder of spoken sentences.
    #[error("node.voice.cache: {0}")]
    Cache(String),
    /// The voice of scripts.
    #[error("node.voice.voices.{0}: {1}")]
    Source(String, String),
    /// A thread, or what asks servers.
    #[error("a voice thread cannot start: {0}")]
    Machine(String),
}

/// What the threads share with the node.
pub(crate) struct Surroundings {
    /// Tap and mail of each shard.
    pub(crate) shards: Vec<(TapQueue, MailSender<Mail>)>,
    /// Where what was prepared goes.
    pub(crate) results: Sender<Input>,
    pub(crate) metrics: VoiceMetrics,
    /// How late tapped audio is taken.
    pub(crate) lag: Histogram,
}

/// The running threads. Dropping this ends them.
#[derive(Debug)]
pub(crate) struct Voice {
    threads: Vec<VoiceThread>,
    free: FreeSessions,
}

/// The thread of a shard.
#[derive(Debug)]
struct VoiceThread {
    commands: mpsc::Sender<Command>,
    thread: JoinHandle<()>,
}

/// Sessions that each recogniser could still open.
#[derive(Clone, Debug, Default)]
pub(crate) struct FreeSessions(Arc<Mutex<HashMap<String, u32>>>);

impl FreeSessions {
    fn set(&self, free: HashMap<String, u32>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = free;
    }
}

impl Voice {
    /// `data` is the node's folder.
    pub(crate) fn start(config: &VoiceConfig, data: &Path, around: Surroundings) -> Result<Self, VoiceError> {
        config.check()?;
        let Surroundings { shards, results, metrics, lag } = around;
        let speaker = Speaker::open(config, data, metrics.clone())?;
        let fetcher = Fetcher::new(Reach::with(config.own_networks()?));
        let models = Models::new(config);
        let interpreter = Interpreter::new(fetcher.clone(), models.clone(), metrics.clone());
        let free = FreeSessions::default();
        let tools = Tools {
            recognisers: Recognisers::new(config, interpreter, metrics.clone()),
            bots: Bots::new(config, metrics.bots().clone()),
            asker: Asker::new(fetcher.clone(), config.webhook_secret.0.clone(), metrics.clone()),
            talker: Talker::new(models.clone(), fetcher, speaker.clone(), metrics.clone()),
            free: free.clone(),
            speaker,
            models,
            results,
            metrics,
            lag,
        };
        let thread = |(shard, (tap, mail))| VoiceThread::start(shard, Hub::new(tap, mail, tools.clone()));
        let threads = shards.into_iter().enumerate().map(thread).collect::<std::io::Result<_>>();
        let threads = threads.map_err(|error| VoiceError::Machine(error.to_string()))?;
        Ok(Self { threads, free })
    }

    /// Hands over what a call wants; gives it back when there is no room.
    pub(crate) fn command(&self, command: Command) -> Result<(), Command> {
        let shard = match &command {
            Command::Wish { shard, .. } => usize::from(*shard),
            // Any would do.
            Command::Prepare(_) => 0,
        };
        self.threads[shard].commands.try_send(command).map_err(|refused| match refused {
            TrySendError::Full(command) | TrySendError::Closed(command) => command,
        })
    }

    /// False once a thread has ended, which it does before its time only by a panic.
    pub(crate) fn is_running(&self) -> bool {
        self.threads.iter().all(|thread| !thread.thread.is_finished())
    }

    /// Sessions that each recogniser could still open, by its name; of the default under the empty name too.
    pub(crate) fn free(&self) -> HashMap<String, u32> {
        self.free.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl VoiceThread {
    fn start(shard: usize, hub: Hub) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        let thread = std::thread::Builder::new().name(format!("peal-voice-{shard}")).spawn(move || {
            runtime.block_on(hub.run(commands));
            runtime.shutdown_background();
        })?;
        Ok(Self { commands: sender, thread })
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        let threads = self.threads.drain(..).map(|VoiceThread { commands, thread }| {
            drop(commands);
            thread
        });
        for thread in threads.collect::<Vec<_>>() {
            if thread.join().is_err() {
                tracing::error!("a voice thread panicked");
            }
        }
    }
}
