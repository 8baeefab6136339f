//! Starting a node, and holding it from outside.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::thread::JoinHandle;
use std::time::Instant;

use ::voice::fetch::Reach;
use call::TapQueue;
use crossbeam_channel::{Receiver, Sender};
use disk::{DiskConfig, DiskError, JournalError};
use link::{Down, Hello, Link, LinkConfig};
use media::BlockPool;
use shard::{Shard, ShardConfig, SocketRole};

use crate::clock::Now;
use crate::config::{InvalidConfig, NodeConfig};
use crate::dispatch::{Dispatch, Input, Recovered, Settings};
use crate::http;
use crate::journal::Store;
use crate::limits;
use crate::listener::{self, Listen, Listener};
use crate::machine::ShardPlan;
use crate::metrics::Metrics;
use crate::scrape::{ShardView, Sources};
use crate::shell::{NodeError, Recordings, Shards, Shell};
use crate::side::Side;
use crate::voice::{Surroundings, Voice, VoiceError};

/// Results of side work that may wait for the dispatcher.
const INPUTS_MAX: usize = 1_024;
/// Buffers for recordings beyond two for each call: one fills, one is on its way to the disk.
const SPARE_BLOCKS: usize = 1_024;

/// Why a node could not start. Nothing is left running then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A value of the configuration.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// The machine.
    #[error(transparent)]
    Limits(#[from] limits::TooLow),
    /// The journal.
    #[error("node.data: {0}")]
    Journal(#[from] JournalError),
    /// The recordings folder.
    #[error("node.recordings: {0}")]
    Disk(#[from] DiskError),
    /// A shard: a port in use, no io_uring, a core that is not ours.
    #[error("shard {index}: {source}")]
    Shard {
        /// Which.
        index: u16,
        /// Why.
        source: shard::StartError,
    },
    /// The link.
    #[error("node.control_plane: {0}")]
    Link(#[from] link::StartError),
    /// The metrics listener.
    #[error("node.metrics: cannot listen on {address}: {source}")]
    Metrics {
        /// As configured.
        address: SocketAddr,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The file for tapped audio.
    #[error("cannot write {}: {source}", path.display())]
    TapFile {
        /// As asked for.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The voice threads.
    #[error(transparent)]
    Voice(#[from] VoiceError),
    /// Threads or random numbers.
    #[error("the machine refuses what every process needs: {0}")]
    Machine(#[from] std::io::Error),
}

/// A running node. Dropping it stops it at once.
#[derive(Debug)]
pub struct Node {
    inputs: Sender<Input>,
    thread: Option<JoinHandle<Result<(), NodeError>>>,
    metrics_address: Option<SocketAddr>,
    sip_addresses: Vec<SocketAddr>,
    sources: Arc<Sources>,
    // Dropped, and with it closed, after the dispatcher has ended.
    _link: Option<Link>,
}

impl Node {
    /// Starts a node that is led by the control plane of the configuration.
    pub fn start(config: NodeConfig) -> Result<Self, StartError> {
        config.check()?;
        admit(&config)?;
        let (store, recovered) = Store::open(&config)?;
        let disk = Recordings::start(disk_config(&config))?;
        let boot = random::<16>()?;
        let active_calls = Arc::new(AtomicU32::new(0));
        let link = Link::start(LinkConfig {
            address: config.control_plane.clone(),
            hello: Hello {
                node: config.name.clone(),
                boot: boot.to_vec(),
                protocol: proto::PROTOCOL,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                shards: u32::from(config.shards),
                max_calls: config.max_calls,
                active_calls: 0,
                token: config.token.0.clone(),
            },
            active_calls: active_calls.clone(),
            seed: u64::from_le_bytes(random()?),
        })?;
        let parts = Parts {
            down: link.down().clone(),
            connects: link.connects(),
            serve: Some(config.metrics),
            store,
            recovered,
            disk: Some(disk),
            active_calls,
            listen: None,
            hears: true,
        };
        Self::assemble(config, parts, Some(link))
    }

    /// Starts a node that is led by whoever holds the other end of `down`, keeps no journal, and listens on no port but
    /// those of its calls. It records when `records` is set, taps calls for `listen`, if there is one, and else has voice
    /// threads when `hears` is set.
    pub(crate) fn start_alone(
        config: NodeConfig,
        down: Receiver<Down>,
        records: bool,
        listen: Option<Box<dyn Listen>>,
        hears: bool,
    ) -> Result<Self, StartError> {
        config.check()?;
        admit(&config)?;
        let disk = records.then(|| Recordings::start(disk_config(&config))).transpose()?;
        let parts = Parts {
            down,
            connects: Arc::default(),
            serve: None,
            store: Store::Nowhere { last: 0 },
            recovered: Recovered::default(),
            disk,
            active_calls: Arc::default(),
            listen,
            hears,
        };
        Self::assemble(config, parts, None)
    }

    fn assemble(config: NodeConfig, parts: Parts, link: Option<Link>) -> Result<Self, StartError> {
        let metrics = Metrics::new();
        let (input_sender, inputs) = crossbeam_channel::bounded(INPUTS_MAX);
        let side = Side::start(input_sender.clone(), config.address.is_ipv6())?;
        let http = match parts.serve {
            Some(address) => {
                let bound = side.runtime().block_on(http::bind(address));
                Some(bound.map_err(|source| StartError::Metrics { address, source })?)
            }
            None => None,
        };
        let calls_a_shard = config.max_calls as usize / usize::from(config.shards).max(1);
        let has_voice = parts.listen.is_none() && parts.hears;
        let tapped_shards = if parts.listen.is_some() || has_voice { config.shards } else { 0 };
        let taps: Vec<_> = (0..tapped_shards).map(|_| listener::queue(calls_a_shard)).collect();
        let shards = start_shards(&config, &taps)?;
        let mut voice = None;
        let mut listener = None;
        if let Some(listen) = parts.listen {
            listener = Some(Listener::start(taps, listen, metrics.listener_lag())?);
        } else if has_voice {
            let mail = shards.iter().map(|shard| shard.mail().clone());
            let around = Surroundings {
                shards: taps.into_iter().zip(mail).collect(),
                results: input_sender.clone(),
                metrics: metrics.voice().clone(),
                lag: metrics.listener_lag(),
            };
            voice = Some(Voice::start(&config.voice, &config.data, around)?);
        }
        let sip_addresses: Vec<SocketAddr> = shards
            .iter()
            .flat_map(|shard| shard.bound().of_role(SocketRole::Signalling))
            .map(|socket| socket.local)
            .collect();
        let view = |shard: &shard::ShardHandle<call::Mail, call::Event>| ShardView {
            counters: shard.counters().clone(),
            mail: shard.mail().clone(),
            cpu_us: AtomicU64::new(0),
        };
        let sources = Arc::new(Sources {
            metrics: metrics.clone(),
            shards: shards.iter().map(view).collect(),
            journal: parts.store.handle(),
            disk: parts.disk.as_ref().map(|disk| disk.disk().handle()),
            connects: parts.connects,
            healthy: AtomicBool::new(true),
            ready: AtomicBool::new(false),
        });
        let mut metrics_address = None;
        if let Some(http) = http {
            metrics_address = http.local_addr().ok();
            side.runtime().spawn(http::serve(http, sources.clone()));
        }
        if let Some(disk) = &parts.disk {
            for repaired in &disk.disk().repaired {
                tracing::info!(?repaired, "a recording of the process before this one");
                metrics.recording("repaired");
            }
        }
        let settings = Settings {
            max_calls: config.max_calls as usize,
            shards: config.shards,
            ipv6: config.address.is_ipv6(),
            drain: config.drain(),
            day_folders: link.is_some(),
            listens: listener.is_some(),
            has_voice,
            reach: Reach::with(config.voice.own_networks()?),
        };
        let shell = Shell {
            dispatch: Dispatch::new(Now::read(), settings, metrics, parts.recovered),
            down: parts.down,
            uplink: None,
            inputs,
            hang_ups: shards.iter().map(|_| VecDeque::new()).collect(),
            voice_ends: shards.iter().map(|_| VecDeque::new()).collect(),
            shards,
            store: parts.store,
            disk: parts.disk,
            listener,
            voice,
            side,
            sources: sources.clone(),
            active_calls: parts.active_calls,
            recordings: config.recordings.clone(),
            closes: VecDeque::new(),
            look_at: Instant::now(),
            uplink_full: false,
        };
        let thread =
            std::thread::Builder::new().name("peal-dispatch".to_owned()).spawn(move || shell.run())?;
        tracing::info!(name = config.name, sip = ?sip_addresses, metrics = ?metrics_address, "node started");
        Ok(Self {
            inputs: input_sender,
            thread: Some(thread),
            metrics_address,
            sip_addresses,
            sources,
            _link: link,
        })
    }

    /// Asks the node to stop: no new calls, those that are up go on for [`NodeConfig::drain_s`] at most. Asked a second
    /// time, it hangs up and ends at once.
    pub fn stop(&self) {
        // A node that has ended already has nothing to stop.
        let _ = self.inputs.send(Input::Stop);
    }

    /// Waits for the node's end.
    pub fn wait(mut self) -> Result<(), NodeError> {
        let thread = self.thread.take().expect("only wait and drop take it");
        thread.join().expect("the dispatcher does not panic")
    }

    /// False once the node has ended.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Where metrics are served.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// The shards' SIP sockets.
    pub fn sip_addresses(&self) -> &[SocketAddr] {
        &self.sip_addresses
    }

    pub(crate) fn sources(&self) -> &Arc<Sources> {
        &self.sources
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // Drain, hang up, leave.
            for _ in 0..3 {
                self.stop();
            }
            let _ = thread.join();
        }
    }
}

/// What differs between a node that is led over the link and one that is not.
struct Parts {
    down: Receiver<Down>,
    connects: Arc<AtomicU64>,
    /// Where metrics are served.
    serve: Option<SocketAddr>,
    store: Store,
    recovered: Recovered,
    disk: Option<Recordings>,
    active_calls: Arc<AtomicU32>,
    listen: Option<Box<dyn Listen>>,
    /// Whether there are voice threads, where there is no `listen`.
    hears: bool,
}

/// Of `taps` there is one for each shard, or none at all.
fn start_shards(config: &NodeConfig, taps: &[TapQueue]) -> Result<Shards, StartError> {
    let pool = BlockPool::new(2 * config.max_calls as usize + SPARE_BLOCKS);
    let mut shards = Vec::new();
    for plan in ShardPlan::all(config) {
        let mut shard_config = ShardConfig::new(plan.index, plan.sockets());
        shard_config.core = config.cores.get(usize::from(plan.index)).copied();
        let seeds = [u64::from_le_bytes(random()?), u64::from_le_bytes(random()?)];
        let (index, pool) = (plan.index, pool.clone());
        let tap = taps.get(usize::from(index)).cloned();
        let started = Shard::start(shard_config, move |bound| plan.build(bound, pool, tap, seeds));
        shards.push(started.map_err(|source| StartError::Shard { index, source })?);
    }
    Ok(shards)
}

/// Refuses a machine that does not allow what is configured, before anything is opened.
fn admit(config: &NodeConfig) -> Result<(), StartError> {
    for warning in limits::admit(config)? {
        tracing::warn!(
            found = warning.found,
            needed = warning.needed,
            remedy = warning.remedy,
            "{}",
            warning.what
        );
    }
    Ok(())
}

/// Bytes that nobody can guess.
fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn disk_config(config: &NodeConfig) -> DiskConfig {
    DiskConfig { format: config.recording_format.into(), ..DiskConfig::new(&config.recordings) }
}
