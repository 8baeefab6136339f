//! Recordings: one WAV file for each recorded attempt, written by one thread from blocks that shards hand over.
//!
//! A file grows as `<stem>.part.wav`. Its header is refreshed every 4 s, so that the file opens at any moment, also after
//! `kill -9`; it is synced and renamed to `<stem>.wav` when the call ends. `.part.wav` files that
//! a dead process left are repaired to their true length and renamed by [`Disk::start`] (promise P5). Nothing is
//! ever overwritten: where a name is taken, `<stem>-1` and so on is used.
//!
//! A write that fails ends that recording: what is safe is kept, the rest is given up, the attempt is named in a
//! [`Report`], and [`DiskHandle::health`] turns away from [`Health::Good`] until the disk takes data again, so that the
//! node can stop dialling where recording is required (promise P11). The same happens *before* the disk is full, when
//! less than [`DiskConfig::reserve_bytes`] are free: the reserve is there for the calls that are up.

mod file;
mod health;
mod name;
mod repair;
mod writer;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use common::AttemptId;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use media::Block;
use media::wav::WavFormat;
use tokio::sync::Notify;

pub use health::Health;
pub use repair::Repaired;

/// Room in the queue, beyond its length, for the ends of recordings: a close is never refused while anything else
/// could be.
const CLOSE_HEADROOM: usize = 16_384;

/// Reports that may wait to be read. Older ones are kept; what does not fit is counted.
const REPORTS_MAX: usize = 16_384;

/// How much nicer the thread is than the process.
const NICER: i32 = 5;

/// Where and how recordings are written.
#[derive(Clone, Debug)]
pub struct DiskConfig {
    /// Folder of all recordings; made when missing. One process at a time may use it.
    pub recordings_dir: PathBuf,
    /// How samples are stored. PCM by default.
    pub format: WavFormat,
    /// Blocks and beginnings that may wait, at least 1. With blocks of 0.8 s, 4096 is the tenth of a second that
    /// 32,000 recorded calls fill; memory is bounded by the shards' block pools, not by this.
    pub queue_len: usize,
    /// Free space below which the disk counts as full before it is, in bytes. A minute of 500 calls is 1 GB of PCM.
    pub reserve_bytes: u64,
}

impl DiskConfig {
    /// Defaults for a folder: PCM, 4096 waiting, 256 MiB reserve.
    pub fn new(recordings_dir: impl Into<PathBuf>) -> DiskConfig {
        DiskConfig {
            recordings_dir: recordings_dir.into(),
            format: WavFormat::Pcm16,
            queue_len: 4096,
            reserve_bytes: 256 << 20,
        }
    }
}

/// Why the disk thread could not start.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The folder cannot be made, read or written.
    #[error("recordings folder {path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Another process writes there.
    #[error("recordings folder {0} is in use by another process")]
    InUse(PathBuf),
    /// The kernel refuses an io_uring.
    #[error(
        "no io_uring for the disk thread ({0}): check kernel.io_uring_disabled, seccomp and memlock limits"
    )]
    Ring(io::Error),
    /// No thread.
    #[error("no thread for the disk: {0}")]
    Thread(io::Error),
}

/// The queue is full: the disk does not keep up. The block's memory went back to its pool; its place in the file
/// becomes silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the disk queue is full")]
pub struct DiskBusy;

/// Why a recording ended badly.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The name is empty, absolute, too long, or leads out of the recordings folder.
    #[error("{0:?} is no name for a recording")]
    Name(String),
    /// A hundred recordings of that name exist.
    #[error("every name for the recording is taken")]
    NameTaken,
    /// The attempt is being recorded already.
    #[error("the attempt has a recording under way")]
    AlreadyOpen,
    /// The disk, the quota or the file-size limit is exhausted.
    #[error("no space for the recording: {0}")]
    NoSpace(io::Error),
    /// Anything else that the kernel said.
    #[error("the recording cannot be written: {0}")]
    Io(io::Error),
}

impl From<io::Error> for RecordingError {
    fn from(error: io::Error) -> RecordingError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                RecordingError::NoSpace(error)
            }
            _ => RecordingError::Io(error),
        }
    }
}

/// How a recording ended.
#[derive(Debug)]
pub enum Report {
    /// Complete on disk, synced and under its final name.
    Kept {
        /// Whose it is.
        attempt: AttemptId,
        /// Its file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// Samples of each side, at 8 kHz.
        samples: u64,
        /// Of those, silence in place of blocks that never arrived.
        missing: u64,
    },
    /// Given up.
    Failed {
        /// Whose it was.
        attempt: AttemptId,
        /// Why.
        error: RecordingError,
        /// What was saved of it, if anything.
        kept: Option<Repaired>,
    },
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounters {
    /// Recordings kept.
    pub kept: u64,
    /// Recordings given up.
    pub failed: u64,
    /// Recordings being written.
    pub open: usize,
    /// Bytes written, headers included.
    pub bytes: u64,
    /// Blocks and beginnings refused because the queue was full.
    pub busy: u64,
    /// Blocks that came for a recording that is not open: it had failed or ended.
    pub orphans: u64,
    /// Reports that nobody read in time.
    pub reports_lost: u64,
}

pub(crate) enum Job {
    Open { attempt: AttemptId, stem: String },
    Block { attempt: AttemptId, block: Block },
    Close { attempt: AttemptId },
}

/// What handles and the thread share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    bell: Notify,
    stopping: AtomicBool,
    health: AtomicU8,
    kept: AtomicU64,
    failed: AtomicU64,
    open: AtomicUsize,
    bytes: AtomicU64,
    busy: AtomicU64,
    orphans: AtomicU64,
    reports_lost: AtomicU64,
}

/// The running disk thread.
#[derive(Debug)]
pub struct Disk {
    /// How recordings ended. To be read.
    pub reports: Receiver<Report>,
    /// What was found of an earlier process and repaired.
    pub repaired: Vec<Repaired>,
    handle: DiskHandle,
    thread: JoinHandle<()>,
}

impl Disk {
    /// Makes the folder, repairs what an earlier process left, and starts the thread. Blocks while it repairs.
    pub fn start(config: DiskConfig) -> Result<Disk, DiskError> {
        let folder = |source| DiskError::Folder { path: config.recordings_dir.clone(), source };
        crate::folder::create(&config.recordings_dir).map_err(folder)?;
        let lock = lock(&config)?;
        let repaired = repair::repair_folder(&config.recordings_dir).map_err(folder)?;
        let shared = Arc::new(Shared::default());
        shared.set_health(health::look(&config).map_err(folder)?);

        let queue_len = config.queue_len.max(1);
        let (jobs, mail) = crossbeam_channel::bounded(queue_len + CLOSE_HEADROOM);
        let (report, reports) = crossbeam_channel::bounded(REPORTS_MAX);
        let (started, start) = crossbeam_channel::bounded(1);
        let context = writer::Context::new(config, Arc::clone(&shared), report);
        let thread = std::thread::Builder::new()
            .name("peal-disk".to_owned())
            .spawn(move || {
                let _lock = lock;
                give_way();
                match crate::ring::runtime() {
                    Ok(runtime) => {
                        let _ = started.send(Ok(()));
                        runtime.block_on(writer::run(context, mail));
                    }
                    Err(error) => drop(started.send(Err(error))),
                }
            })
            .map_err(DiskError::Thread)?;
        start.recv().expect("the thread tells how it started").map_err(DiskError::Ring)?;
        Ok(Disk { reports, repaired, handle: DiskHandle { jobs, queue_len, shared }, thread })
    }

    /// A handle for a shard.
    pub fn handle(&self) -> DiskHandle {
        self.handle.clone()
    }

    /// Writes what is queued, ends all recordings properly, and waits for that. Reports stay readable.
    pub fn stop(self) -> Receiver<Report> {
        self.handle.shared.stopping.store(true, Ordering::Release);
        self.handle.shared.bell.notify_one();
        if self.thread.join().is_err() {
            tracing::error!("the disk thread panicked; recordings under way are repaired at the next start");
        }
        self.reports
    }
}

/// Hands recordings to the disk thread, from any thread, without waiting.
#[derive(Clone, Debug)]
pub struct DiskHandle {
    jobs: Sender<Job>,
    queue_len: usize,
    shared: Arc<Shared>,
}

impl DiskHandle {
    /// Begins the recording of an attempt. `stem` is its path in the recordings folder, with `/` between folders and
    /// without `.wav`.
    pub fn open(&self, attempt: AttemptId, stem: impl Into<String>) -> Result<(), DiskBusy> {
        self.admit(Job::Open { attempt, stem: stem.into() })?;
        // A thread with nothing to write waits for this. While it writes it looks by itself.
        self.shared.bell.notify_one();
        Ok(())
    }

    /// Adds a block. Blocks of one recording go in the order of their positions.
    pub fn block(&self, attempt: AttemptId, block: Block) -> Result<(), DiskBusy> {
        self.admit(Job::Block { attempt, block })
    }

    /// Ends a recording. Refused only when 16,384 ends wait on top of a full queue; then to be tried again.
    pub fn close(&self, attempt: AttemptId) -> Result<(), DiskBusy> {
        self.send(Job::Close { attempt })
    }

    /// Whether recordings can be written. Where recording is required, no call is begun unless this is
    /// [`Health::Good`].
    pub fn health(&self) -> Health {
        // A disk that hangs holds up the thread that would say so.
        if self.jobs.len() >= self.queue_len {
            return Health::Failing;
        }
        Health::from_u8(self.shared.health.load(Ordering::Acquire))
    }

    /// Counts since the start.
    pub fn counters(&self) -> DiskCounters {
        let shared = &self.shared;
        DiskCounters {
            kept: shared.kept.load(Ordering::Relaxed),
            failed: shared.failed.load(Ordering::Relaxed),
            open: shared.open.load(Ordering::Relaxed),
            bytes: shared.bytes.load(Ordering::Relaxed),
            busy: shared.busy.load(Ordering::Relaxed),
            orphans: shared.orphans.load(Ordering::Relaxed),
            reports_lost: shared.reports_lost.load(Ordering::Relaxed),
        }
    }

    fn admit(&self, job: Job) -> Result<(), DiskBusy> {
        if self.jobs.len() >= self.queue_len { self.refuse() } else { self.send(job) }
    }

    fn send(&self, job: Job) -> Result<(), DiskBusy> {
        match self.jobs.try_send(job) {
            Ok(()) => Ok(()),
            // A thread that is gone keeps up with nothing.
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.refuse(),
        }
    }

    fn refuse(&self) -> Result<(), DiskBusy> {
        self.shared.busy.fetch_add(1, Ordering::Relaxed);
        Err(DiskBusy)
    }
}

impl Shared {
    fn set_health(&self, health: Health) {
        let before = Health::from_u8(self.health.swap(health as u8, Ordering::AcqRel));
        if before != health {
            tracing::warn!(?before, now = ?health, "health of the recordings disk changed");
        }
    }
}

/// Lowers the priority of this thread: on a core that it shares with a shard, blocks may wait and packets may not.
fn give_way() {
    let lower =
        |nice: i32| rustix::process::setpriority_process(Some(rustix::thread::gettid()), nice + NICER);
    if let Err(error) = rustix::process::getpriority_process(None).and_then(lower) {
        tracing::warn!(%error, "the disk thread runs at the priority of everything else");
    }
}

/// Two processes would repair each other's files under way. The lock goes with the process, however it ends.
fn lock(config: &DiskConfig) -> Result<File, DiskError> {
    let path = config.recordings_dir.join(".lock");
    let folder = |source| DiskError::Folder { path: config.recordings_dir.clone(), source };
    let lock = File::options().create(true).truncate(false).write(true).open(path).map_err(folder)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(DiskError::InUse(config.recordings_dir.clone())),
        Err(std::fs::TryLockError::Error(error)) => Err(folder(error)),
    }
}
