//! Calls without a control plane: the tool with which an engineer tries a line (`peal dial`).
//!
//! A small control plane of its own leads a [`Node`](crate::Node) that keeps no journal: one line, one script, a number of
//! calls to a list of destinations. Everything below it, from the line's gate to the sockets, is what runs in production.

mod leader;
mod tap;
mod usage;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};

use common::{CallsPerSecond, Outcome};
pub use proto::v1::turn::Speaker;
pub use proto::v1::{Dialogue, Ended, MediaQuality, Turn};

use crate::config::{NodeConfig, PortRange, RecordingFormat};
use crate::listener::Listen;
use crate::node::{Node, StartError};
use crate::shell::NodeError;
use crate::voice::config::VoiceConfig;
use leader::Leader;
use tap::{Counted, Counting};
pub use tap::{DialTap, TapReport};
pub use usage::Usage;

/// What is to be dialled, and how.
#[derive(Clone, Debug)]
pub struct DialConfig {
    /// Where calls are made from.
    pub local: Local,
    /// The line under test.
    pub line: DialLine,
    /// User parts to call, used in turn; at least one.
    pub destinations: Vec<String>,
    /// How many calls to make in all.
    pub count: usize,
    /// A WAV file to play after the answer.
    pub play: Option<Vec<u8>>,
    /// How long to stay on the call after that.
    pub hold: Duration,
    /// What calls do instead of playing and holding.
    pub script: Option<DialScript>,
    /// Folder and file name stem for recordings: with more than one call, `-1`, `-2`, … is added.
    pub record: Option<(PathBuf, String)>,
    /// How recordings are stored.
    pub record_format: RecordingFormat,
    /// What to do with what the callees say, while they say it.
    pub tap: Option<DialTap>,
    /// From INVITE to answer; then CANCEL. 1 ms to 10 min.
    pub max_ring: Duration,
    /// From answer to BYE. 1 ms to 24 h.
    pub max_call: Duration,
}

/// A script, and what it speaks and listens with.
#[derive(Clone, Debug)]
pub struct DialScript {
    /// As JSON; checked, and without recorded prompts.
    pub document: String,
    /// What it knows of the callee, by the name after `contact.`.
    pub contact: Vec<(String, String)>,
    /// Recognisers, voices and models.
    pub voice: VoiceConfig,
    /// Folder in which spoken sentences are kept, unless the configuration says another.
    pub data: PathBuf,
}

/// Where calls are made from.
#[derive(Clone, Debug)]
pub struct Local {
    /// Address of this machine that the carrier can reach.
    pub address: IpAddr,
    /// As [`NodeConfig::sip_port`]; 0 lets the kernel choose.
    pub sip_port: u16,
    /// As [`NodeConfig::rtp_ports`].
    pub rtp_ports: PortRange,
    /// Of these, how many are for `own` media ports.
    pub rtp_own_ports: u16,
    /// Shards.
    pub shards: u16,
    /// Cores to pin them to; empty for none.
    pub cores: Vec<usize>,
    /// Whether silence is sent while nothing is played.
    pub send_silence: bool,
    /// Text of the User-Agent header.
    pub user_agent: String,
}

/// The line under test.
#[derive(Clone, Debug)]
pub struct DialLine {
    /// `host` or `host:port` of the carrier.
    pub address: String,
    /// Host part of the URIs; the address's host when empty.
    pub domain: String,
    /// User name for digest authentication; empty for none.
    pub username: String,
    /// Its password.
    pub password: String,
    /// User part of From; empty for anonymous.
    pub caller_id: String,
    /// Calls at once, at least 1.
    pub max_calls: u32,
    /// New calls in any rolling second.
    pub rate: CallsPerSecond,
    /// `PCMA`, `PCMU`; empty for both.
    pub codecs: Vec<String>,
    /// Whether each call has an RTP port of its own.
    pub own_ports: bool,
}

/// What happens while dialling. `call` counts from 0 in the order of dialling.
#[derive(Clone, Debug)]
pub enum DialEvent {
    /// A call has reached a stage.
    Stage {
        /// Which call.
        call: usize,
        /// What.
        stage: DialStage,
    },
    /// A call is over.
    Ended(Box<DialResult>),
    /// A recording is complete, or failed.
    Recorded {
        /// Which call.
        call: usize,
        /// The file.
        path: PathBuf,
        /// What went wrong; empty when nothing did.
        error: String,
    },
}

/// A stage of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialStage {
    /// The INVITE has left.
    Invited,
    /// 100.
    Trying,
    /// 180, or another provisional response without audio.
    Ringing,
    /// A provisional response with audio.
    EarlyMedia,
    /// 2xx.
    Answered,
    /// A key was pressed.
    Digit(char),
}

/// How one call ended.
#[derive(Clone, Debug)]
pub struct DialResult {
    /// Which call.
    pub call: usize,
    /// The user part that was dialled.
    pub destination: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The whole report; `None` when nothing left the machine.
    pub ended: Option<Ended>,
    /// For a person: what went wrong.
    pub detail: String,
}

/// What came of it all.
#[derive(Clone, Debug)]
pub struct DialReport {
    /// One for each call that was begun or refused, in the order of their ends.
    pub results: Vec<DialResult>,
    /// From start to end.
    pub elapsed: Duration,
    /// What this process used in that time.
    pub usage: Usage,
    /// Seconds of all answered calls together.
    pub call_seconds: f64,
    /// SIP requests and responses sent again because nothing came back.
    pub retransmissions: u64,
    /// SIP messages sent and received.
    pub sip_messages: (u64, u64),
    /// RTP packets sent and received.
    pub rtp_packets: (u64, u64),
    /// RTP packets that never came.
    pub rtp_lost: u64,
    /// RTCP reports sent, and datagrams taken.
    pub rtcp_packets: (u64, u64),
    /// What went wrong with recognisers, bots and models: how often, by name and kind, such as `sales: rubbish`.
    pub hook_faults: BTreeMap<String, u64>,
    /// What callees said who want no more calls.
    pub opt_outs: Vec<String>,
    /// What the listener was handed, if the calls were tapped.
    pub tap: Option<TapReport>,
}

/// A running dial.
#[derive(Debug)]
pub struct Dial {
    events: Receiver<DialEvent>,
    stop: Sender<()>,
    thread: JoinHandle<Result<DialReport, NodeError>>,
}

impl Dial {
    /// Starts dialling.
    pub fn start(config: DialConfig) -> Result<Self, StartError> {
        let (down_sender, down) = crossbeam_channel::bounded(leader::DOWN_CAPACITY);
        let counted = Counted::default();
        let listen = config.tap.as_ref().map(|tap| Counting::new(tap, counted.clone())).transpose()?;
        let listen = listen.map(|listen| Box::new(listen) as Box<dyn Listen>);
        let (records, hears) = (config.record.is_some(), config.script.is_some());
        let node = Node::start_alone(node_config(&config), down, records, listen, hears)?;
        // Unbounded, since a reader of progress must never hold up calls: some ten small events a call.
        let (event_sender, events) = crossbeam_channel::unbounded();
        let (stop, stopped) = crossbeam_channel::bounded(2);
        let leader = Leader::new(config, node, counted, down_sender, event_sender, stopped);
        let thread = std::thread::Builder::new().name("peal-dial".to_owned()).spawn(move || leader.lead())?;
        Ok(Self { events, stop, thread })
    }

    /// What happens. Ends with the last call.
    pub fn events(&self) -> &Receiver<DialEvent> {
        &self.events
    }

    /// Makes no more calls and hangs up those that are up.
    pub fn stop(&self) {
        // A second request changes nothing.
        let _ = self.stop.try_send(());
    }

    /// Waits for the end of the last call.
    pub fn wait(self) -> Result<DialReport, NodeError> {
        self.thread.join().expect("the dialling thread does not panic")
    }
}

fn node_config(config: &DialConfig) -> NodeConfig {
    let local = config.local.clone();
    let most_calls = config.line.max_calls.min(u32::try_from(config.count).unwrap_or(u32::MAX));
    NodeConfig {
        name: "dial".to_owned(),
        address: local.address,
        sip_port: local.sip_port,
        rtp_ports: local.rtp_ports,
        rtp_own_ports: local.rtp_own_ports,
        shards: local.shards,
        cores: local.cores,
        max_calls: most_calls.saturating_add(leader::AHEAD as u32).min(1_000_000),
        recordings: config.record.as_ref().map(|(folder, _)| folder.clone()).unwrap_or_default(),
        recording_format: config.record_format,
        user_agent: local.user_agent,
        send_silence: local.send_silence,
        drain_s: 0,
        voice: config.script.as_ref().map(|script| script.voice.clone()).unwrap_or_default(),
        data: config.script.as_ref().map(|script| script.data.clone()).unwrap_or_default(),
        ..NodeConfig::default()
    }
}
