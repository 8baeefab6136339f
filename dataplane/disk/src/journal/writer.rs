//! The journal's thread: batches to disk, segments begun and removed, failures sat out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio_uring::fs::{File, OpenOptions};

use super::Shared;
use super::segment::{self, HEADER_LEN, Segment};

/// How long to wait before a failed disk is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Records `first..=last`, encoded.
struct Batch {
    bytes: Vec<u8>,
    first: u64,
    last: u64,
}

struct Writer {
    shared: Arc<Shared>,
    /// The last segment; `None` at the start and after a failure, until a fresh one is begun.
    file: Option<File>,
    /// Memory of the batch before, for the one that gathers next.
    spare: Vec<u8>,
}

/// Runs until the journal is stopped.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut writer = Writer { shared, file: None, spare: Vec::new() };
    loop {
        writer.shared.bell.notified().await;
        if !writer.shared.state().stopping {
            tokio::time::sleep(writer.shared.config.gather).await;
        }
        if let Some(batch) = writer.take_batch() {
            writer.store(batch).await;
        }
        writer.remove_acknowledged().await;
        let state = writer.shared.state();
        if state.stopping && (state.gathering.is_empty() || state.stalled.is_some()) {
            break;
        }
    }
    writer.close().await;
}

impl Writer {
    fn take_batch(&mut self) -> Option<Batch> {
        let mut state = self.shared.state();
        if state.gathering.is_empty() {
            return None;
        }
        let bytes = std::mem::replace(&mut state.gathering, std::mem::take(&mut self.spare));
        let first = *self.shared.durable.borrow() + 1;
        Some(Batch { bytes, first, last: state.next - 1 })
    }

    /// Stores a batch, however often that has to be tried; gives up only when the journal is stopped meanwhile.
    async fn store(&mut self, mut batch: Batch) {
        loop {
            match self.try_store(&mut batch).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::error!(%error, first = batch.first, "the journal cannot be written");
                    self.file = None;
                    let mut state = self.shared.state();
                    state.failures += 1;
                    state.stalled = Some(error.to_string());
                    if state.stopping {
                        return;
                    }
                }
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
        self.shared.durable.send_replace(batch.last);
        let mut state = self.shared.state();
        if state.stalled.take().is_some() {
            tracing::warn!(first = batch.first, "the journal is written again");
        }
        drop(state);
        self.shared.moved.notify_all();
        batch.bytes.clear();
        self.spare = batch.bytes;
    }

    async fn try_store(&mut self, batch: &mut Batch) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) if self.tail().len < self.shared.config.segment_bytes => file,
            _ => self.begin_segment(batch.first).await?,
        };
        let at = self.tail().len;
        let (written, bytes) = file.write_all_at(std::mem::take(&mut batch.bytes), at).await;
        batch.bytes = bytes;
        written?;
        file.sync_data().await?;
        self.file = Some(file);
        let mut state = self.shared.state();
        state.syncs += 1;
        state.segments.back_mut().expect("there is always a segment").len += batch.bytes.len() as u64;
        Ok(())
    }

    /// Goes on in a fresh segment: after a start, after a failure, and when the last one is long enough.
    async fn begin_segment(&mut self, first: u64) -> io::Result<File> {
        let tail = self.tail();
        // Cut what a failed write may have left behind the durable end.
        std::fs::File::options().write(true).open(&tail.path)?.set_len(tail.len)?;
        let path = segment::path(&self.shared.config.dir, first);
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path).await?;
        let (written, _) = file.write_all_at(segment::header(first).to_vec(), 0).await;
        written?;
        file.sync_all().await?;
        crate::ring::sync_folder(&self.shared.config.dir).await?;
        // A last segment without a record has this very name, and is there already.
        if tail.first < first {
            let len = HEADER_LEN as u64;
            let mut state = self.shared.state();
            state.bytes += len;
            state.segments.push_back(Segment { path, first, len });
        }
        Ok(file)
    }

    fn tail(&self) -> Segment {
        self.shared.state().segments.back().expect("there is always a segment").clone()
    }

    /// Removes segments of which every record is acknowledged; the last one stays, as it carries the numbering.
    async fn remove_acknowledged(&self) {
        loop {
            let done = {
                let state = self.shared.state();
                match (state.segments.front(), state.segments.get(1)) {
                    (Some(oldest), Some(after)) if after.first - 1 <= state.acknowledged => oldest.clone(),
                    _ => return,
                }
            };
            if let Err(error) = tokio_uring::fs::remove_file(&done.path).await
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(%error, path = %done.path.display(), "a journal segment cannot be removed");
                return;
            }
            let mut state = self.shared.state();
            state.segments.pop_front();
            state.bytes -= done.len;
        }
    }

    async fn close(self) {
        if let Some(file) = self.file {
            let _ = file.close().await;
        }
        self.shared.state().closed = true;
        self.shared.moved.notify_all();
    }
}
