//! The disk thread: takes jobs from the queue and gives each recording a task of its own, so that one slow write holds
//! up only its own file.
//!
//! Blocks in work are bounded by [`IN_WORK_MAX`]; beyond that jobs stay in the queue, which fills and refuses.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::AttemptId;
use crossbeam_channel::{Receiver, Sender, TryRecvError};
use media::Block;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::file::RecordingFile;
use super::health::{self, Health};
use super::{DiskConfig, Job, RecordingError, Report, Shared, repair};

/// Blocks that may be on their way to files at once.
const IN_WORK_MAX: usize = 1024;

/// How often the disk is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What all tasks of the thread share.
pub(super) struct Context {
    config: DiskConfig,
    shared: Arc<Shared>,
    reports: Sender<Report>,
    in_work: Cell<usize>,
}

impl Context {
    pub(super) fn new(config: DiskConfig, shared: Arc<Shared>, reports: Sender<Report>) -> Context {
        Context { config, shared, reports, in_work: Cell::new(0) }
    }

    fn done(&self) {
        let before = self.in_work.replace(self.in_work.get() - 1);
        if before == IN_WORK_MAX {
            self.shared.bell.notify_one();
        }
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
    let mut recordings =
        Recordings { context: Rc::clone(&context), open: HashMap::new(), tasks: JoinSet::new() };
    loop {
        let ended = recordings.take_mail(&mail);
        while recordings.tasks.try_join_next().is_some() {}
        if ended {
            break;
        }
        context.shared.bell.notified().await;
    }
    // Dropping the senders is what ends the files.
    recordings.open.clear();
    while recordings.tasks.join_next().await.is_some() {}
    watch.abort();
}

struct Recordings {
    context: Rc<Context>,
    open: HashMap<AttemptId, mpsc::UnboundedSender<Block>>,
    tasks: JoinSet<()>,
}

impl Recordings {
    /// Takes what may be taken now, and says whether there will be no more.
    fn take_mail(&mut self, mail: &Receiver<Job>) -> bool {
        while self.context.in_work.get() < IN_WORK_MAX {
            match mail.try_recv() {
                Ok(job) => self.take(job),
                Err(TryRecvError::Disconnected) => return true,
                Err(TryRecvError::Empty) => return self.context.shared.stopping.load(Ordering::Acquire),
            }
        }
        false
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Open { attempt, .. } if self.open.contains_key(&attempt) => {
                self.context.report(Report::Failed {
                    attempt,
                    error: RecordingError::AlreadyOpen,
                    kept: None,
                });
            }
            Job::Open { attempt, stem } => {
                let (blocks, mail) = mpsc::unbounded_channel();
                self.open.insert(attempt, blocks);
                self.context.shared.open.fetch_add(1, Ordering::Relaxed);
                self.tasks.spawn_local(record(Rc::clone(&self.context), attempt, stem, mail));
            }
            Job::Block { attempt, block } => {
                self.context.in_work.set(self.context.in_work.get() + 1);
                // A recording that failed has dropped its receiver.
                let taken = self.open.get(&attempt).is_some_and(|blocks| blocks.send(block).is_ok());
                if !taken {
                    self.context.shared.orphans.fetch_add(1, Ordering::Relaxed);
                    self.context.done();
                }
            }
            Job::Close { attempt } => drop(self.open.remove(&attempt)),
        }
    }
}

/// One recording from its first block to its report.
async fn record(
    context: Rc<Context>,
    attempt: AttemptId,
    stem: String,
    mut blocks: mpsc::UnboundedReceiver<Block>,
) {
    let mut part: Option<PathBuf> = None;
    let report = match write(&context, &stem, &mut blocks, &mut part).await {
        Ok(kept) => Report::Kept { attempt, path: kept.path, samples: kept.samples, missing: kept.missing },
        Err(error) => {
            if matches!(error, RecordingError::NoSpace(_) | RecordingError::Io(_)) {
                context.shared.set_health(Health::Failing);
            }
            Report::Failed { attempt, error, kept: part.as_deref().map(repair::repair) }
        }
    };
    blocks.close();
    while blocks.try_recv().is_ok() {
        context.shared.orphans.fetch_add(1, Ordering::Relaxed);
        context.done();
    }
    context.shared.open.fetch_sub(1, Ordering::Relaxed);
    context.report(report);
}

async fn write(
    context: &Context,
    stem: &str,
    blocks: &mut mpsc::UnboundedReceiver<Block>,
    part: &mut Option<PathBuf>,
) -> Result<super::file::Kept, RecordingError> {
    let config = &context.config;
    let mut file = RecordingFile::create(&config.recordings_dir, stem, config.format).await?;
    *part = Some(file.part().to_owned());
    while let Some(block) = blocks.recv().await {
        let result = file.write(block).await;
        context.done();
        context.shared.bytes.fetch_add(result?, Ordering::Relaxed);
    }
    Ok(file.finish().await?)
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
