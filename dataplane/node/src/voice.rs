//! The voice thread: listens, speaks and asks for all calls of the node, so that no shard ever waits for anybody.
//!
//! ```text
//!  shards ── wishes ─▶ dispatcher ─▶ Hub ── pieces of audio ─▶ sessions ─▶ recognisers
//!     │                               │ │              ◀── pieces of audio ── sessions ◀─▶ bots
//!     │                               │ ├── sentences ───────▶ Speaker ──▶ voices, cache
//!     └──── tapped audio ────────────▶│ └── requests ────────▶ Asker ────▶ servers
//!     ◀──────────── mail ─────────────┘
//! ```
//!
//! One thread with a runtime of its own. It looks at the taps every few milliseconds, as listeners do; answers go straight to the shards'
//! mail. Whatever it is late with, calls go on: each of their wishes has a deadline of the call's own.

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
use crate::voice::config::VoiceConfig;
use crate::voice::hub::Hub;
use crate::voice::models::Models;
use crate::voice::speaking::Speaker;

pub use file::{HearError, hear_wav};

/// Wishes that may wait: several of every call that a core carries.
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
    /// The thread, or what asks servers.
    #[error("the voice thread cannot start: {0}")]
    Machine(String),
}

/// What the thread shares with the node.
pub(crate) struct Surroundings {
    /// The taps of all shards.
    pub(crate) taps: Vec<TapQueue>,
    /// The mail of all shards.
    pub(crate) mail: Vec<MailSender<Mail>>,
    /// Where what was prepared goes.
    pub(crate) results: Sender<Input>,
    pub(crate) metrics: VoiceMetrics,
    /// How late tapped audio is taken.
    pub(crate) lag: Histogram,
}

/// The running thread. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Voice {
    commands: Option<mpsc::Sender<Command>>,
    free: FreeSessions,
    thread: Option<JoinHandle<()>>,
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
        let speaker = Speaker::open(config, data, around.metrics.clone())?;
        let fetcher = Fetcher::new(Reach::with(config.own_networks()?));
        let models = Models::new(config);
        let asker = Asker::new(fetcher.clone(), config.webhook_secret.0.clone(), around.metrics.clone());
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        let free = FreeSessions::default();
        let hub = Hub::new(config, around, speaker, fetcher, asker, models, free.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| VoiceError::Machine(error.to_string()))?;
        let thread = std::thread::Builder::new()
            .name("peal-voice".to_owned())
            .spawn(move || {
                runtime.block_on(hub.run(commands));
                runtime.shutdown_background();
            })
            .map_err(|error| VoiceError::Machine(error.to_string()))?;
        Ok(Self { commands: Some(sender), free, thread: Some(thread) })
    }

    /// Hands over what a call wants; gives it back when there is no room.
    pub(crate) fn command(&self, command: Command) -> Result<(), Command> {
        let commands = self.commands.as_ref().expect("taken at the end only");
        commands.try_send(command).map_err(|refused| match refused {
            TrySendError::Full(command) | TrySendError::Closed(command) => command,
        })
    }

    /// False once the thread has ended, which it does before its time only by a panic.
    pub(crate) fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Sessions that each recogniser could still open, by its name; of the default under the empty name too.
    pub(crate) fn free(&self) -> HashMap<String, u32> {
        self.free.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the voice thread panicked");
        }
    }
}
