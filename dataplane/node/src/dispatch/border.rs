//! What goes into and comes out of a [`Dispatch`](super::Dispatch).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::voice::fetch::Reach;
use call::voice::Wish;
use call::{CallName, Mail};
use common::{AttemptId, Epoch, LineId, PromptId};
use jiff::tz::TimeZone;
use media::{Block, Prompt};
use proto::v1::{Heartbeat, asset_request, to_node};
use script::Sentence;

use crate::assets::AudioName;

/// What the decisions need to know of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Most calls at once, waiting orders included.
    pub max_calls: usize,
    /// How many shards there are.
    pub shards: u16,
    /// Whether our sockets are of IPv6.
    pub ipv6: bool,
    /// How long calls may go on after a request to stop.
    pub drain: Duration,
    /// Whether recordings lie in a folder for each day, or all in one.
    pub day_folders: bool,
    /// Whether there is a listener, so that calls can be tapped.
    pub listens: bool,
    /// Whether there are voice threads.
    pub has_voice: bool,
    /// Which addresses scripts may reach.
    pub reach: Reach,
}

/// What happened outside.
#[derive(Debug)]
pub enum Input {
    /// The control plane has taken us and has events up to `acknowledged_seq`.
    Attached {
        /// Events up to this number are safe.
        acknowledged_seq: u64,
        /// The planner's epoch.
        epoch: Epoch,
    },
    /// The link is gone.
    Detached,
    /// A message of the control plane.
    Message(to_node::Message),
    /// The journal has everything up to this number on disk.
    Durable(u64),
    /// Whether the journal takes more, and how full it is (0 to 1).
    Journal {
        /// False while it is full or failing.
        usable: bool,
        /// How full.
        fill: f64,
    },
    /// An event of a shard.
    Shard {
        /// Which.
        shard: u16,
        /// What.
        event: call::Event,
    },
    /// A shard's queue had no room for this order.
    MailRefused(Box<call::Order>),
    /// An answer to [`Action::LookUp`].
    LookedUp {
        /// The line.
        line: LineId,
        /// The address that was asked for.
        address: String,
        /// What it stands for, or why it stands for nothing.
        found: Result<SocketAddr, String>,
    },
    /// An answer to [`Action::Encode`] or [`Action::Speak`].
    Made {
        /// What it is audio of.
        name: AudioName,
        /// Ready to play, or why it is no audio.
        result: Result<Arc<Prompt>, String>,
    },
    /// Sessions that each recogniser could still open, by its name.
    Recognisers(HashMap<String, u32>),
    /// A voice thread has panicked. Calls go on without all of them.
    VoiceGone,
    /// A recording is complete, or failed.
    RecordingClosed(ClosedRecording),
    /// Whether recordings can be written at all at the moment.
    RecordingFailed(bool),
    /// Stop, but let calls end. A second time: stop at once.
    Stop,
}

/// How a recording ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedRecording {
    /// Whose it is.
    pub attempt: AttemptId,
    /// Its file, relative to the recordings folder; `None` when nothing was kept.
    pub path: Option<String>,
    /// Length of the file.
    pub bytes: u64,
    /// Length of the audio.
    pub duration: Duration,
    /// What went wrong; empty when nothing did.
    pub error: String,
}

/// What is to be done outside.
#[derive(Debug)]
pub enum Action {
    /// Write this to the journal; its number is the next one.
    Append {
        /// The event's number.
        seq: u64,
        /// The event, as it goes on the wire.
        bytes: Vec<u8>,
    },
    /// The journal may forget everything up to this number.
    Truncate(u64),
    /// Give this to a shard.
    Mail {
        /// Which.
        shard: u16,
        /// What.
        mail: Mail,
    },
    /// Say this to the control plane, if there is a link with room; it is said again in a second. Events go another way:
    /// [`Dispatch::outbox`](super::Dispatch::outbox).
    SayHeartbeat(Heartbeat),
    /// Ask the control plane for this, if there is a link with room; it is asked for again when it does not come.
    Ask(asset_request::Asset),
    /// Resolve a line's address; answer with [`Input::LookedUp`].
    LookUp {
        /// The line.
        line: LineId,
        /// `host` or `host:port`.
        address: String,
    },
    /// Encode a prompt; answer with [`Input::Made`].
    Encode {
        /// The prompt.
        prompt: PromptId,
        /// A WAV file.
        wav: Vec<u8>,
    },
    /// Speak a sentence that is the same in every call; answer with [`Input::Made`].
    Speak(Sentence),
    /// Something that a call wants of the voice thread.
    Voice {
        /// The call's shard, to which the answer goes.
        shard: u16,
        /// Which call.
        call: CallName,
        /// Where the callee is.
        zone: TimeZone,
        /// What.
        wish: Wish,
    },
    /// Do this to a recording.
    Record {
        /// Whose it is.
        attempt: AttemptId,
        /// What.
        job: RecordingJob,
    },
}

/// What is to be done to an attempt's recording.
#[derive(Debug)]
pub enum RecordingJob {
    /// Begin it.
    Open {
        /// Path in the recordings folder, without the extension.
        stem: String,
    },
    /// Write the next piece.
    Block(Block),
    /// Complete it; answer with [`Input::RecordingClosed`].
    Close,
}
