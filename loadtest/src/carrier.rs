//! A carrier as its owner sees it: started, watched, stopped.

use std::io;
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::config::{CarrierConfig, LineConfig, MediaMode};
use crate::engine::Engine;
use crate::ledger::{Ledger, LedgerError};
use crate::net::{self, Bell};
use crate::summary::Summary;

/// The far end of a test. See the crate's documentation.
#[derive(Debug)]
pub struct Carrier;

/// Why a carrier cannot start or cannot judge.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// The configuration contradicts itself.
    #[error("{0}")]
    Config(&'static str),
    /// A line's address cannot be bound.
    #[error("cannot listen at {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddrV4,
        /// What the kernel says.
        source: io::Error,
    },
    /// Audio sockets cannot be bound.
    #[error(
        "cannot open the audio sockets: {0}; with one port a call, the limit of open files (ulimit -n) must be above it"
    )]
    Media(#[source] io::Error),
    /// The poll set cannot be made.
    #[error("cannot poll: {0}")]
    Poll(#[source] io::Error),
    /// The thread cannot be pinned.
    #[error("cannot stay on core {core}: {source}")]
    Pin {
        /// The core asked for.
        core: usize,
        /// What the kernel says.
        source: io::Error,
    },
    /// The folder of recordings cannot be made.
    #[error("cannot make the folder of recordings: {0}")]
    Recordings(#[source] io::Error),
    /// The ledger cannot be created.
    #[error("cannot create the ledger: {0}")]
    Ledger(#[source] io::Error),
    /// The carrier stopped by itself, most likely because its ledger could not be written.
    #[error("the carrier failed while serving: {0}")]
    Serving(#[source] io::Error),
    /// The thread could not be started, or panicked.
    #[error("the carrier's thread is gone")]
    Thread,
    /// The ledger cannot be read back.
    #[error(transparent)]
    Unreadable(#[from] LedgerError),
    /// The summary cannot be written.
    #[error("cannot write the summary: {0}")]
    Summary(#[source] io::Error),
}

impl Carrier {
    /// Binds all addresses, then serves them from a thread of its own.
    pub fn start(config: CarrierConfig) -> Result<CarrierHandle, CarrierError> {
        check(&config)?;
        let gauges = Arc::new(Gauges::default());
        let bell = Arc::new(Bell::new().map_err(CarrierError::Poll)?);
        let stop = Arc::new(AtomicBool::new(false));
        let engine = Engine::open(&config, Arc::clone(&gauges), &bell)?;
        let addresses = engine.addresses();

        let (pinned, is_pinned) = mpsc::channel();
        let core = config.core;
        let thread = std::thread::Builder::new()
            .name("carrier".into())
            .spawn({
                let stop = Arc::clone(&stop);
                // The bell is polled by the engine: it must not be closed before.
                let bell = Arc::clone(&bell);
                move || {
                    let outcome = core.map_or(Ok(()), net::pin_to);
                    let goes_on = outcome.is_ok();
                    // Who started us may be gone already; then the stop flag tells.
                    let _ = pinned.send(outcome);
                    let served = if goes_on { engine.run(&stop) } else { Ok(Vec::new()) };
                    drop(bell);
                    served
                }
            })
            .map_err(|_| CarrierError::Thread)?;
        is_pinned
            .recv()
            .map_err(|_| CarrierError::Thread)?
            .map_err(|source| CarrierError::Pin { core: core.unwrap_or_default(), source })?;

        let running = Running { thread: Some(thread), stop, bell };
        let CarrierConfig { lines, ledger, summary, calls_per_number_max, .. } = config;
        Ok(CarrierHandle { lines, addresses, ledger, summary, calls_per_number_max, gauges, running })
    }
}

fn check(config: &CarrierConfig) -> Result<(), CarrierError> {
    if config.lines.is_empty() {
        return Err(CarrierError::Config("a carrier needs at least one line"));
    }
    for (n, line) in config.lines.iter().enumerate() {
        if config.lines[..n].iter().any(|other| other.name == line.name) {
            return Err(CarrierError::Config("two lines have the same name"));
        }
        if line.address.ip().is_unspecified() {
            return Err(CarrierError::Config("a line needs an address of its own, not 0.0.0.0"));
        }
        if config.media == MediaMode::Addresses && !line.address.ip().is_loopback() {
            return Err(CarrierError::Config(
                "an address for each call exists on loopback only: choose a port for each call (own) instead",
            ));
        }
    }
    if !(0.0..=1_000.0).contains(&config.time_scale) {
        return Err(CarrierError::Config("the time scale must be from 0 to 1000"));
    }
    if config.garbage_percent > 100 {
        return Err(CarrierError::Config("garbage is a percentage, 0 to 100"));
    }
    Ok(())
}

/// A running carrier. Dropping it stops it without a summary.
#[derive(Debug)]
pub struct CarrierHandle {
    lines: Vec<LineConfig>,
    addresses: Vec<SocketAddrV4>,
    ledger: Option<PathBuf>,
    summary: Option<PathBuf>,
    calls_per_number_max: u32,
    gauges: Arc<Gauges>,
    running: Running,
}

impl CarrierHandle {
    /// Where the lines listen, in the order of the configuration, ports filled in.
    pub fn addresses(&self) -> &[SocketAddrV4] {
        &self.addresses
    }

    /// Where a line listens.
    pub fn address_of(&self, line: &str) -> Option<SocketAddrV4> {
        self.lines.iter().position(|l| l.name == line).map(|n| self.addresses[n])
    }

    /// What happened so far.
    pub fn stats(&self) -> CarrierStats {
        self.gauges.snapshot()
    }

    /// Whether the thread still serves; `false` when it failed, which [`CarrierHandle::stop`] explains.
    pub fn is_serving(&self) -> bool {
        self.running.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Ends all calls (BYE, 503), waits for the answers no longer than the grace, and judges the ledger.
    pub fn stop(self) -> Result<Summary, CarrierError> {
        self.stop_with_ledger().map(|(summary, _)| summary)
    }

    /// Like [`CarrierHandle::stop`], and hands over the ledger that was judged.
    pub fn stop_with_ledger(mut self) -> Result<(Summary, Ledger), CarrierError> {
        let memory = self.running.finish().ok_or(CarrierError::Thread)?.map_err(CarrierError::Serving)?;
        let ledger = match &self.ledger {
            Some(path) => Ledger::open(path)?,
            None => Ledger::read(&memory[..])?,
        };
        let summary = Summary::of(&ledger, self.calls_per_number_max);
        if let Some(path) = &self.summary {
            let json = serde_json::to_vec_pretty(&summary).map_err(|e| CarrierError::Summary(e.into()))?;
            std::fs::write(path, json).map_err(CarrierError::Summary)?;
        }
        Ok((summary, ledger))
    }
}

/// The thread, and how to end it.
#[derive(Debug)]
struct Running {
    thread: Option<JoinHandle<io::Result<Vec<u8>>>>,
    stop: Arc<AtomicBool>,
    bell: Arc<Bell>,
}

impl Running {
    /// `None` if the thread panicked.
    fn finish(&mut self) -> Option<io::Result<Vec<u8>>> {
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
        self.thread.take()?.join().ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Counters of a running carrier, from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CarrierStats {
    /// Calls.
    pub invites: u64,
    /// Calls answered with 200.
    pub answered: u64,
    /// Calls between INVITE and release, now.
    pub active: u64,
    /// Calls that are over.
    pub ended: u64,
    /// INVITEs that came again.
    pub invite_retransmissions: u64,
    /// Responses and BYEs that we had to send again.
    pub our_retransmissions: u64,
    /// RTP datagrams received.
    pub packets_received: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP datagrams that came to an address of no call.
    pub stray_packets: u64,
    /// Datagrams that the kernel dropped because we did not read in time: what the ledger calls lost may be these.
    pub queue_drops: u64,
    /// Calls in which an RTCP report of ours has answered one of the caller's.
    pub reported: u64,
    /// SIP datagrams that could not be understood.
    pub malformed: u64,
    /// SIP messages for calls that were over.
    pub late_messages: u64,
    /// Junk datagrams that we sent on purpose.
    pub junk_sent: u64,
    /// CPU time of the carrier's thread, a fifth of a second old at most.
    pub cpu: Duration,
}

/// The same, shared between the threads.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) invites: AtomicU64,
    pub(crate) answered: AtomicU64,
    pub(crate) active: AtomicU64,
    pub(crate) ended: AtomicU64,
    pub(crate) invite_retransmissions: AtomicU64,
    pub(crate) our_retransmissions: AtomicU64,
    pub(crate) packets_received: AtomicU64,
    pub(crate) packets_sent: AtomicU64,
    pub(crate) stray_packets: AtomicU64,
    pub(crate) queue_drops: AtomicU64,
    pub(crate) reported: AtomicU64,
    pub(crate) malformed: AtomicU64,
    pub(crate) late_messages: AtomicU64,
    pub(crate) junk_sent: AtomicU64,
    pub(crate) cpu_us: AtomicU64,
}

impl Gauges {
    /// There is one writer: a load and a store do, where `fetch_add` would lock the bus.
    pub(crate) fn add(gauge: &AtomicU64, n: u64) {
        gauge.store(gauge.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }

    pub(crate) fn subtract(gauge: &AtomicU64, n: u64) {
        gauge.store(gauge.load(Ordering::Relaxed) - n, Ordering::Relaxed);
    }

    fn snapshot(&self) -> CarrierStats {
        let read = |gauge: &AtomicU64| gauge.load(Ordering::Relaxed);
        CarrierStats {
            invites: read(&self.invites),
            answered: read(&self.answered),
            active: read(&self.active),
            ended: read(&self.ended),
            invite_retransmissions: read(&self.invite_retransmissions),
            our_retransmissions: read(&self.our_retransmissions),
            packets_received: read(&self.packets_received),
            packets_sent: read(&self.packets_sent),
            stray_packets: read(&self.stray_packets),
            queue_drops: read(&self.queue_drops),
            reported: read(&self.reported),
            malformed: read(&self.malformed),
            late_messages: read(&self.late_messages),
            junk_sent: read(&self.junk_sent),
            cpu: Duration::from_micros(read(&self.cpu_us)),
        }
    }
}
