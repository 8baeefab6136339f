//! The task that carries rows from the spool to ClickHouse.
//!
//! One batch at a time: write down which, send it, and when ClickHouse has it, move on. A batch that fails is sent again,
//! the same bytes under the same token, for as long as it takes; ClickHouse drops the second of two. What the token
//! does not catch (a window that was overrun, a table that was made anew) the replacing table does.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle, time::Instant};

use crate::{
    Analytics, AnalyticsError, Position, Spool,
    batch::{self, Batch, Next},
    cursor::Cursor,
    spool::now_micros,
};

/// How batches are made and repeated.
#[derive(Clone, Debug)]
pub struct ShipperConfig {
    /// A batch is sent when it has so many rows. Default 50,000.
    pub batch_rows: u64,
    /// A batch is sent when it has so many bytes. Default 16 MiB. ClickHouse takes a batch of this size as one block,
    /// which its deduplication counts on; keep it below 256 MiB.
    pub batch_bytes: u64,
    /// A smaller batch is sent when its first row is so old. Default 1 s: each batch becomes a file set of its own, and
    /// ClickHouse wants few of them.
    pub linger: Duration,
    /// Pause after the first failure; it doubles up to `pause_max`. Default 200 ms.
    pub pause_min: Duration,
    /// Longest pause between two tries. Default 10 s.
    pub pause_max: Duration,
}

impl Default for ShipperConfig {
    fn default() -> Self {
        Self {
            batch_rows: 50_000,
            batch_bytes: 16 << 20,
            linger: Duration::from_secs(1),
            pause_min: Duration::from_millis(200),
            pause_max: Duration::from_secs(10),
        }
    }
}

/// What the shipper did since its start.
#[derive(Clone, Debug, Default)]
pub struct ShipperStats {
    /// Rows that ClickHouse has confirmed.
    pub rows: u64,
    /// Batches that it has confirmed.
    pub batches: u64,
    /// Tries that failed.
    pub failures: u64,
    /// When the oldest row that ClickHouse does not have was appended, unix µs; `None` if it has them all.
    pub oldest_at: Option<i64>,
    /// Segments that could not be read and were renamed for people to look at.
    pub damaged_segments: u64,
    /// Why the last try failed; `None` after a success.
    pub last_error: Option<String>,
}

impl ShipperStats {
    /// Age of the oldest row that ClickHouse does not have, seconds; 0 if it has them all.
    pub fn lag_s(&self) -> f64 {
        self.oldest_at.map_or(0.0, |at| (now_micros() - at).max(0) as f64 / 1e6)
    }
}

/// The running task. Dropping it stops the task at its next step; nothing is lost by that.
pub struct Shipper {
    shared: Arc<Shared>,
    shipped: watch::Receiver<Position>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

struct Shared {
    stats: Mutex<ShipperStats>,
}

impl Shipper {
    /// Starts to ship what `spool` holds and will hold. Brings the schema up to date first, when ClickHouse is there.
    pub fn start(spool: Arc<Spool>, analytics: Analytics, config: ShipperConfig) -> Self {
        let shared = Arc::new(Shared { stats: Mutex::default() });
        let cursor = Cursor::load(spool.folder()).unwrap_or_default();
        let (shipped_sender, shipped) = watch::channel(cursor.acknowledged);
        let (stop, stopped) = watch::channel(false);
        let run = Run {
            end: spool.watch(),
            spool,
            analytics,
            config,
            shared: shared.clone(),
            cursor,
            stored: true,
            shipped: shipped_sender,
            stopped,
        };
        Self { shared, shipped, stop, task: tokio::spawn(run.run()) }
    }

    /// What it did so far.
    pub fn stats(&self) -> ShipperStats {
        self.shared.stats().clone()
    }

    /// Waits until ClickHouse has everything before `position`.
    pub async fn shipped(&self, position: Position) {
        // An error means that the task has ended, and then nobody can wait for it.
        let _ = self.shipped.clone().wait_for(|&shipped| shipped >= position).await;
    }

    /// Stops. A batch under way is given up and sent again by the next shipper. To ship everything first, wait for
    /// [`Self::shipped`] of [`Spool::end`], with a time limit.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.task.await;
    }
}

impl Shared {
    fn stats(&self) -> std::sync::MutexGuard<'_, ShipperStats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task's own.
struct Run {
    spool: Arc<Spool>,
    analytics: Analytics,
    config: ShipperConfig,
    shared: Arc<Shared>,
    cursor: Cursor,
    /// Whether the file says what `cursor` says.
    stored: bool,
    end: watch::Receiver<Position>,
    shipped: watch::Sender<Position>,
    stopped: watch::Receiver<bool>,
}

/// The shipper is to end.
struct Stopped;

impl Run {
    async fn run(mut self) {
        // The only way out is the stop.
        let Err(Stopped) = self.ship().await;
        if !self.stored
            && let Err(error) = self.cursor.store(self.spool.folder())
        {
            tracing::warn!(%error, "the spool's cursor was not stored; the next shipper repeats the last batch");
        }
    }

    async fn ship(&mut self) -> Result<std::convert::Infallible, Stopped> {
        self.until_done("bring the schema up to date", |run| {
            let analytics = run.analytics.clone();
            async move { analytics.migrate().await }
        })
        .await?;
        loop {
            let batch = self.next_batch().await?;
            self.cursor.under_way = Some(batch.range);
            self.store_cursor().await?;
            self.send(batch).await?;
        }
    }

    /// The batch that was under way when the last shipper ended, else the next one.
    async fn next_batch(&mut self) -> Result<Batch, Stopped> {
        if let Some(range) = self.cursor.under_way.take() {
            let spool = self.spool.clone();
            let batch = self.on_disk(move || batch::again(&spool, range)).await?;
            if let Some(batch) = batch {
                return Ok(batch);
            }
            tracing::error!(?range, "the batch under way is not in the spool any more");
        }
        loop {
            // What arrives from here on wakes the wait below.
            let end = *self.end.borrow_and_update();
            let (spool, position) = (self.spool.clone(), self.cursor.acknowledged);
            let (rows, bytes) = (self.config.batch_rows, self.config.batch_bytes);
            match self.on_disk(move || batch::next(&spool, position, rows, bytes)).await? {
                Next::Batch(batch) => {
                    self.shared.stats().oldest_at = Some(batch.oldest_at);
                    let age = Duration::from_micros((now_micros() - batch.oldest_at).max(0) as u64);
                    // Nothing is added to a segment that another one follows.
                    let closed = batch.range.segment < self.spool.end().segment;
                    match self.config.linger.checked_sub(age).filter(|_| !batch.full && !closed) {
                        Some(linger) if !linger.is_zero() => self.linger(linger).await?,
                        _ => return Ok(batch),
                    }
                }
                Next::Nothing => {
                    self.shared.stats().oldest_at = None;
                    if self.cursor.acknowledged < end {
                        // The rest holds no rows: the headers of segments, and segments that were set aside.
                        self.cursor.acknowledged = end;
                        self.stored = false;
                    }
                    if !self.stored {
                        self.store_cursor().await?;
                    }
                    self.shipped.send_replace(self.cursor.acknowledged);
                    self.unless_stopped_changed().await?;
                }
                Next::Damaged { segment, bytes } => self.set_aside(segment, bytes).await?,
            }
        }
    }

    /// Waits for more rows until the first ones are old enough; a while at least, so that a trickle is not read again
    /// with every row.
    async fn linger(&mut self, linger: Duration) -> Result<(), Stopped> {
        let until = Instant::now() + linger;
        let filled = async {
            let step = self.config.linger / 8;
            while tokio::time::timeout_at(until, self.end.changed()).await.is_ok() {
                tokio::time::sleep(step).await;
                if self.spool.end().segment > self.cursor.acknowledged.segment
                    || self.spool.end().offset - self.cursor.acknowledged.offset >= self.config.batch_bytes
                {
                    break;
                }
            }
        };
        tokio::select! {
            () = filled => Ok(()),
            _ = self.stopped.wait_for(|&stopped| stopped) => Err(Stopped),
        }
    }

    async fn send(&mut self, batch: Batch) -> Result<(), Stopped> {
        let token = batch::token(&self.spool, batch.range);
        self.until_done("insert a batch", |run| {
            let analytics = run.analytics.clone();
            let (columns, data, token) = (batch.columns.clone(), batch.data.clone(), token.clone());
            async move { analytics.insert(&columns, data, &token).await }
        })
        .await?;
        let reached = Position { segment: batch.range.segment, offset: batch.range.to };
        self.cursor = Cursor { acknowledged: reached, under_way: None };
        // Stored together with the next batch, or when there is none: a crash before that repeats this batch.
        self.stored = false;
        {
            let mut stats = self.shared.stats();
            stats.rows += batch.rows;
            stats.batches += 1;
        }
        self.shipped.send_replace(reached);
        Ok(())
    }

    /// Tries until it succeeds, with growing pauses.
    async fn until_done<F, W>(&mut self, what: &str, mut work: W) -> Result<(), Stopped>
    where
        W: FnMut(&Self) -> F,
        F: Future<Output = Result<(), AnalyticsError>>,
    {
        let mut pause = self.config.pause_min;
        loop {
            let done = tokio::select! {
                done = work(self) => done,
                _ = stop_wanted(self.stopped.clone()) => return Err(Stopped),
            };
            let Err(error) = done else {
                if self.shared.stats().last_error.take().is_some() {
                    tracing::info!(what, "ClickHouse is back");
                }
                return Ok(());
            };
            let error = error.to_string();
            let first = {
                let mut stats = self.shared.stats();
                stats.failures += 1;
                stats.last_error.replace(error.clone()).is_none()
            };
            if first {
                tracing::warn!(what, error, "ClickHouse does not take rows; they wait in the spool");
            } else {
                tracing::debug!(what, error, ?pause, "ClickHouse still does not take rows");
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop_wanted(self.stopped.clone()) => return Err(Stopped),
            }
            pause = (pause * 2).min(self.config.pause_max);
        }
    }

    async fn unless_stopped_changed(&mut self) -> Result<(), Stopped> {
        tokio::select! {
            changed = self.end.changed() => changed.map_err(|_| Stopped),
            _ = self.stopped.wait_for(|&stopped| stopped) => Err(Stopped),
        }
    }

    /// Stores the cursor, then deletes what lies wholly before it.
    async fn store_cursor(&mut self) -> Result<(), Stopped> {
        let (spool, cursor) = (self.spool.clone(), self.cursor.clone());
        self.on_disk(move || {
            cursor.store(spool.folder())?;
            spool.forget_before(cursor.acknowledged.segment)
        })
        .await?;
        self.stored = true;
        Ok(())
    }

    async fn set_aside(&mut self, segment: u64, bytes: u64) -> Result<(), Stopped> {
        let spool = self.spool.clone();
        let path = self.on_disk(move || spool.set_aside(segment)).await?;
        tracing::error!(path = %path.display(), bytes, "a segment of the spool is damaged; its rows are not in ClickHouse");
        self.shared.stats().damaged_segments += 1;
        Ok(())
    }

    /// Does file work on a thread that may block, again and again until it succeeds.
    async fn on_disk<T: Send + 'static>(
        &mut self,
        work: impl Fn() -> io::Result<T> + Clone + Send + 'static,
    ) -> Result<T, Stopped> {
        loop {
            let work = work.clone();
            let error = match tokio::task::spawn_blocking(work).await {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(error)) => error.to_string(),
                // The runtime is ending.
                Err(_) => return Err(Stopped),
            };
            tracing::error!(error, "the spool cannot be read or its cursor not written");
            {
                let mut stats = self.shared.stats();
                stats.failures += 1;
                stats.last_error = Some(error);
            }
            tokio::select! {
                () = tokio::time::sleep(self.config.pause_max) => {}
                _ = stop_wanted(self.stopped.clone()) => return Err(Stopped),
            }
        }
    }
}

/// Done when the shipper is to stop, or its owner is gone.
async fn stop_wanted(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|&stopped| stopped).await;
}
