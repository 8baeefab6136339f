//! The disk thread: takes jobs from the queue and writes each block where it belongs; what waits for the disk itself, the
//! end of a recording, is a task of its own.
//!
//! While anything is recorded the thread looks into the queue every [`GATHER`] and is woken by nobody: a wake-up for
//! each block would cost whoever hands it over a system call and this thread a turn, together more
//! than the write. A disk that stops holds up the thread; jobs stay in the queue, which fills and refuses.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::AttemptId;
use crossbeam_channel::{Receiver, Sender, TryRecvError};
use media::Block;
use media::recorder::{BLOCK_SAMPLES, LATE_SAMPLES};
use tokio::task::JoinSet;

use super::file::{Kept, RecordingFile};
use super::health::{self, Health};
use super::{DiskConfig, Job, RecordingError, Repaired, Report, Shared, repair};

/// How long jobs are left to gather. A block of 0.8 s that waits 0.06 s for late packets and this long is written within
/// the second of which promise P5 speaks.
const GATHER: Duration = Duration::from_millis(20);
const _: () = {
    let samples_a_ms = media::SAMPLE_RATE as usize / 1_000;
    let gathering = GATHER.as_millis() as usize * samples_a_ms;
    assert!(
        BLOCK_SAMPLES + LATE_SAMPLES + gathering <= 950 * samples_a_ms,
        "the way to the disk takes time too"
    );
};

/// Jobs after which endings and the watch have their turn.
const BATCH: usize = 256;

/// How often the disk is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What all tasks of the thread share.
pub(super) struct Context {
    config: DiskConfig,
    shared: Arc<Shared>,
    reports: Sender<Report>,
}

impl Context {
    pub(super) fn new(config: DiskConfig, shared: Arc<Shared>, reports: Sender<Report>) -> Context {
        Context { config, shared, reports }
    }

    fn failed(&self, attempt: AttemptId, error: RecordingError, kept: Option<Repaired>) {
        if matches!(error, RecordingError::NoSpace(_) | RecordingError::Io(_)) {
            self.shared.set_health(Health::Failing);
        }
        self.report(Report::Failed { attempt, error, kept });
    }

    fn report(&self, report: Report) {
        match &report {
            Report::Kept { .. } => self.shared.kept.fetch_add(1, Ordering::Relaxed),
            Report::Failed { attempt, error, .. } => {
                tracing::error!(%attempt, %error, "recording failed");
                self.shared.failed.fetch_add(1, Ordering::Relaxed)
            }
        };
        if self.reports.try_send(report).is_err() {
            self.shared.reports_lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Runs until it is told to stop, or until all handles are gone; then ends every recording.
pub(super) async fn run(context: Context, mail: Receiver<Job>) {
    let context = Rc::new(context);
    let watch = tokio_uring::spawn(watch(Rc::clone(&context)));
    let mut recordings = Recordings {
        context: Rc::clone(&context),
        open: HashMap::new(),
        endings: JoinSet::new(),
        buffer: Vec::new(),
    };
    loop {
        match recordings.take_mail(&mail) {
            // Not a yield: what endings ask of the ring is submitted only when the thread parks.
            Mail::More => tokio::time::sleep(Duration::from_millis(1)).await,
            // Only a beginning rings the bell.
            Mail::Empty if recordings.open.is_empty() => context.shared.bell.notified().await,
            Mail::Empty => tokio::time::sleep(GATHER).await,
            Mail::Ended => break,
        }
        while recordings.endings.try_join_next().is_some() {}
    }
    for (attempt, file) in std::mem::take(&mut recordings.open) {
        recordings.end(attempt, file);
    }
    while recordings.endings.join_next().await.is_some() {}
    watch.abort();
}

/// What the queue held.
enum Mail {
    More,
    Empty,
    Ended,
}

struct Recordings {
    context: Rc<Context>,
    open: HashMap<AttemptId, RecordingFile>,
    endings: JoinSet<()>,
    /// Memory in which blocks are woven.
    buffer: Vec<u8>,
}

impl Recordings {
    fn take_mail(&mut self, mail: &Receiver<Job>) -> Mail {
        for _ in 0..BATCH {
            match mail.try_recv() {
                Ok(job) => self.take(job),
                Err(TryRecvError::Empty) if !self.context.shared.stopping.load(Ordering::Acquire) => {
                    return Mail::Empty;
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return Mail::Ended,
            }
        }
        Mail::More
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Open { attempt, stem } => self.begin(attempt, &stem),
            Job::Block { attempt, block } => self.write(attempt, block),
            Job::Close { attempt } => {
                if let Some(file) = self.open.remove(&attempt) {
                    self.end(attempt, file);
                }
            }
        }
    }

    fn begin(&mut self, attempt: AttemptId, stem: &str) {
        if self.open.contains_key(&attempt) {
            return self.context.failed(attempt, RecordingError::AlreadyOpen, None);
        }
        let config = &self.context.config;
        match RecordingFile::create(&config.recordings_dir, stem, config.format) {
            Ok(file) => {
                self.open.insert(attempt, file);
                self.context.shared.open.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => self.context.failed(attempt, error, None),
        }
    }

    fn write(&mut self, attempt: AttemptId, block: Block) {
        let shared = &self.context.shared;
        // A recording that failed is open no more.
        let Some(file) = self.open.get_mut(&attempt) else {
            shared.orphans.fetch_add(1, Ordering::Relaxed);
            return;
        };
        match file.write(block, &mut self.buffer) {
            Ok(bytes) => drop(shared.bytes.fetch_add(bytes, Ordering::Relaxed)),
            Err(error) => {
                let kept = repair::repair(file.part());
                self.open.remove(&attempt);
                shared.open.fetch_sub(1, Ordering::Relaxed);
                self.context.failed(attempt, error.into(), Some(kept));
            }
        }
    }

    /// Makes a recording durable, beside everything else.
    fn end(&mut self, attempt: AttemptId, file: RecordingFile) {
        let context = Rc::clone(&self.context);
        self.endings.spawn_local(async move {
            let part = file.part().to_owned();
            let ended = file.finish().await;
            context.shared.open.fetch_sub(1, Ordering::Relaxed);
            match ended {
                Ok(Kept { path, bytes, samples, missing }) => {
                    context.report(Report::Kept { attempt, path, bytes, samples, missing });
                }
                Err(error) => context.failed(attempt, error.into(), Some(repair::repair(&part))),
            }
        });
    }
}

/// Looks after the disk's health: free space always, and a trial write while writes fail.
async fn watch(context: Rc<Context>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let failing = context.shared.health.load(Ordering::Acquire) == Health::Failing as u8;
        let health = match health::look(&context.config) {
            Ok(health) if !failing => health,
            Ok(health) => match health::probe(&context.config).await {
                Ok(()) => health,
                Err(_) => Health::Failing,
            },
            Err(_) => Health::Failing,
        };
        context.shared.set_health(health);
        // Handles that are all gone ring no bell; this is how their absence is noticed.
        context.shared.bell.notify_one();
    }
}
