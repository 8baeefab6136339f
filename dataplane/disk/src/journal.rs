//! The journal: records that a node must not lose, numbered from 1, kept on disk until they are acknowledged.
//!
//! [`JournalHandle::append`] never waits: it numbers the record and puts it into the batch that is gathering. The
//! journal's thread writes a batch, syncs it, and moves the durable mark; while it does, the next batch gathers, so that
//! one sync serves many records. What must not happen before a record is durable waits for the mark
//! ([`JournalHandle::wait_durable`], [`JournalHandle::durable_mark`]).
//!
//! The journal is bounded. When acknowledgements stay away and [`JournalConfig::max_bytes`] are reached, appending is
//! refused with [`AppendError::Full`], and its owner takes on no new work.
//!
//! # What a crash leaves
//!
//! A record counts when its checksum, which covers its number and length, is right. Opening the journal keeps the
//! records up to the first that is not; what follows was never reported durable, and is cut off. In a segment before
//! the last such a tail is only accepted when the next segment goes on with the very number that is due: anything else
//! is a hole, and [`JournalError::Hole`] refuses to go on (promise P11).
//!
//! # When the disk fails
//!
//! After a failed write or sync the kernel may have forgotten what was not written, so the file is never trusted again:
//! it is cut to its durable length, and the batch is written anew into a fresh segment, again and again until that
//! works. Meanwhile [`AppendError::Stalled`] refuses new records and the durable mark stands.

mod recovery;
mod replay;
mod segment;
mod writer;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

pub use recovery::Recovered;
pub use replay::Replay;
pub use segment::RECORD_LEN_MAX;

use segment::Segment;

/// Where and how big.
#[derive(Clone, Debug)]
pub struct JournalConfig {
    /// Folder of the segments; made when missing. One process at a time may use it.
    pub dir: PathBuf,
    /// Bytes after which a new segment begins. Acknowledged records leave the disk by whole segments.
    pub segment_bytes: u64,
    /// Most bytes of all segments together; at least four segments.
    pub max_bytes: u64,
    /// Most bytes that may gather while a sync is under way.
    pub max_gathering_bytes: usize,
    /// How long a batch gathers after its first record. Longer means fewer syncs and later marks; 10 ms at most.
    pub gather: Duration,
}

impl JournalConfig {
    /// Defaults for a folder: segments of 8 MiB, 1 GiB in all, 16 MiB gathering, 2 ms.
    pub fn new(dir: impl Into<PathBuf>) -> JournalConfig {
        JournalConfig {
            dir: dir.into(),
            segment_bytes: 8 << 20,
            max_bytes: 1 << 30,
            max_gathering_bytes: 16 << 20,
            gather: Duration::from_millis(2),
        }
    }
}

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The folder or a file in it cannot be used.
    #[error("journal {path}: {source}")]
    Io {
        /// Folder or file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("journal {0} is in use by another process")]
    InUse(PathBuf),
    /// Records are missing in the middle. Nothing is repaired: somebody has to look.
    #[error("journal {path}: record {expected} is missing; the next segment begins with {found}")]
    Hole {
        /// The segment with the hole.
        path: PathBuf,
        /// The record that should come.
        expected: u64,
        /// Where the next segment begins.
        found: u64,
    },
    /// The configuration cannot work.
    #[error("journal: {0}")]
    Config(&'static str),
    /// The kernel refuses an io_uring.
    #[error("no io_uring for the journal ({0}): check kernel.io_uring_disabled, seccomp and memlock limits")]
    Ring(io::Error),
}

/// Why a record was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// As many bytes wait to be acknowledged, or to be synced, as may.
    #[error("the journal is full")]
    Full,
    /// The disk does not take data; it is tried again every second.
    #[error("the journal cannot be written: {0}")]
    Stalled(String),
    /// Longer than [`RECORD_LEN_MAX`].
    #[error("a record of {0} bytes is too long for the journal")]
    TooLong(usize),
    /// The journal was stopped.
    #[error("the journal is closed")]
    Closed,
}

/// What a journal holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes on disk and gathering.
    pub bytes: u64,
    /// The most there may be.
    pub max_bytes: u64,
    /// The oldest record that is still there, acknowledged or not; equal to `next` when there is none.
    pub first: u64,
    /// Number of the next record.
    pub next: u64,
    /// Highest number acknowledged, 0 for none since the start.
    pub acknowledged: u64,
    /// Syncs since the start.
    pub syncs: u64,
    /// Failed writes and syncs since the start.
    pub failures: u64,
}

/// Under the lock.
#[derive(Debug)]
struct State {
    /// Encoded records that no write has taken yet.
    gathering: Vec<u8>,
    next: u64,
    acknowledged: u64,
    /// Bytes of all segments and of `gathering`.
    bytes: u64,
    segments: VecDeque<Segment>,
    stalled: Option<String>,
    stopping: bool,
    closed: bool,
    syncs: u64,
    failures: u64,
}

#[derive(Debug)]
struct Shared {
    config: JournalConfig,
    state: Mutex<State>,
    bell: Notify,
    durable: watch::Sender<u64>,
    /// Notified, under `state`, when the durable mark or the reason to wait for it changes.
    moved: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock can leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open journal and its thread.
#[derive(Debug)]
pub struct Journal {
    /// What was found when it was opened.
    pub recovered: Recovered,
    handle: JournalHandle,
    thread: JoinHandle<()>,
}

impl Journal {
    /// Opens or makes the journal in `config.dir`, cuts off what a crash left unfinished, and starts the thread.
    pub fn open(config: JournalConfig) -> Result<Journal, JournalError> {
        if config.max_bytes / 4 < config.segment_bytes {
            return Err(JournalError::Config("max_bytes must be at least four times segment_bytes"));
        }
        if config.gather > Duration::from_millis(10) {
            return Err(JournalError::Config("records may gather for 10 ms at most"));
        }
        let io = |source| JournalError::Io { path: config.dir.clone(), source };
        crate::folder::create(&config.dir).map_err(io)?;
        let lock = lock(&config.dir)?;
        let (segments, recovered) = recovery::recover(&config.dir)?;
        let state = State {
            gathering: Vec::new(),
            next: recovered.next,
            acknowledged: 0,
            bytes: segments.iter().map(|segment| segment.len).sum(),
            segments,
            stalled: None,
            stopping: false,
            closed: false,
            syncs: 0,
            failures: 0,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            bell: Notify::new(),
            durable: watch::Sender::new(recovered.next - 1),
            moved: Condvar::new(),
            config,
        });
        let thread = spawn(Arc::clone(&shared), lock)?;
        Ok(Journal { recovered, handle: JournalHandle { shared }, thread })
    }

    /// A handle for whoever appends, acknowledges or replays.
    pub fn handle(&self) -> JournalHandle {
        self.handle.clone()
    }

    /// Makes durable what has gathered, closes the journal, and waits for that. A disk that fails is not waited for.
    pub fn stop(self) {
        self.handle.shared.state().stopping = true;
        self.handle.shared.bell.notify_one();
        if self.thread.join().is_err() {
            tracing::error!("the journal thread panicked");
        }
    }
}

/// Appends to the journal, acknowledges and replays, from any thread.
#[derive(Clone, Debug)]
pub struct JournalHandle {
    shared: Arc<Shared>,
}

impl JournalHandle {
    /// Numbers a record and hands it to the thread. It is safe once the durable mark has reached its number.
    pub fn append(&self, record: &[u8]) -> Result<u64, AppendError> {
        if record.len() > RECORD_LEN_MAX {
            return Err(AppendError::TooLong(record.len()));
        }
        let config = &self.shared.config;
        let mut state = self.shared.state();
        if state.closed || state.stopping {
            return Err(AppendError::Closed);
        }
        if let Some(reason) = &state.stalled {
            return Err(AppendError::Stalled(reason.clone()));
        }
        let len = segment::encoded_len(record) as u64;
        if state.bytes + len > config.max_bytes
            || state.gathering.len() as u64 + len > config.max_gathering_bytes as u64
        {
            return Err(AppendError::Full);
        }
        let number = state.next;
        state.next += 1;
        state.bytes += len;
        segment::encode(number, record, &mut state.gathering);
        drop(state);
        self.shared.bell.notify_one();
        Ok(number)
    }

    /// All records up to `number` are safe elsewhere; segments that hold nothing else leave the disk.
    pub fn acknowledge(&self, number: u64) {
        let mut state = self.shared.state();
        state.acknowledged = state.acknowledged.max(number.min(state.next - 1));
        drop(state);
        self.shared.bell.notify_one();
    }

    /// Number of the newest durable record, 0 for none.
    pub fn durable(&self) -> u64 {
        *self.shared.durable.borrow()
    }

    /// The durable mark as it moves, for async owners.
    pub fn durable_mark(&self) -> watch::Receiver<u64> {
        self.shared.durable.subscribe()
    }

    /// Blocks until record `number` is durable, and says whether it is; `false` after `timeout`, or when the journal
    /// is closed.
    pub fn wait_durable(&self, number: u64, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.shared.state();
        loop {
            if self.durable() >= number {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.closed || left.is_zero() {
                return false;
            }
            let woken = self.shared.moved.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Reads the durable records from number `from` on, oldest first, up to the durable mark of now. Blocks on the
    /// disk. Records that are acknowledged meanwhile may be left out.
    pub fn replay(&self, from: u64) -> Replay {
        let state = self.shared.state();
        Replay::new(state.segments.iter().cloned().collect(), from, self.durable())
    }

    /// What the journal holds.
    pub fn usage(&self) -> Usage {
        let state = self.shared.state();
        Usage {
            bytes: state.bytes,
            max_bytes: self.shared.config.max_bytes,
            first: state.segments.front().map_or(state.next, |segment| segment.first),
            next: state.next,
            acknowledged: state.acknowledged,
            syncs: state.syncs,
            failures: state.failures,
        }
    }

    /// Why the disk does not take records, while it does not.
    pub fn stalled(&self) -> Option<String> {
        self.shared.state().stalled.clone()
    }
}

fn spawn(shared: Arc<Shared>, lock: File) -> Result<JoinHandle<()>, JournalError> {
    let path = shared.config.dir.clone();
    let (started, start) = crossbeam_channel::bounded(1);
    let body = move || {
        let _lock = lock;
        match crate::ring::runtime() {
            Ok(runtime) => {
                let _ = started.send(Ok(()));
                runtime.block_on(writer::run(shared));
            }
            Err(error) => drop(started.send(Err(error))),
        }
    };
    let thread = std::thread::Builder::new()
        .name("peal-journal".to_owned())
        .spawn(body)
        .map_err(|source| JournalError::Io { path, source })?;
    start.recv().expect("the thread tells how it started").map_err(JournalError::Ring)?;
    Ok(thread)
}

/// The lock goes with the process, however it ends.
fn lock(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join(".lock");
    let io = |source| JournalError::Io { path: path.clone(), source };
    let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(io)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(JournalError::InUse(dir.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(io(error)),
    }
}
