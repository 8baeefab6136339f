//! Rows on disk between the end of an attempt and ClickHouse.
//!
//! Owns a folder of segment files (see [`crate::segment`]), written from the front and deleted from the back. Never drops
//! a row and never grows beyond its limit: a full spool refuses. Threads that append wait for the disk; [`crate::Shipper`]
//! reads. Every opening begins a new segment, so that a position, once given out, never means other rows.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::sync::watch;
use uuid::Uuid;

use crate::{AttemptRow, crc_frame, private, row_binary, schema, segment};

/// Rows of one frame. A batch is made of whole frames, so this bounds by how much it misses its wanted size.
const FRAME_ROWS_MAX: usize = 2048;

/// How large a spool may be.
#[derive(Clone, Debug)]
pub struct SpoolConfig {
    /// Its folder; made if missing. One process at a time.
    pub path: PathBuf,
    /// Most bytes on disk. Default 4 GiB: some 8 million attempts, eleven hours at 200 calls/s.
    pub bytes_max: u64,
    /// When a segment is followed by the next one, bytes. Space comes back by whole segments. Default 16 MiB.
    pub segment_bytes: u64,
}

impl SpoolConfig {
    /// A spool in `path` with the defaults.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), bytes_max: 4 << 30, segment_bytes: 16 << 20 }
    }
}

/// A place between two frames, ordered in time.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Position {
    /// Segment.
    pub segment: u64,
    /// Byte in that segment.
    pub offset: u64,
}

/// Why rows were not taken, or a spool not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// The spool is full. Nothing of the call was taken.
    #[error("the spool is full: {bytes} of {bytes_max} bytes wait for ClickHouse")]
    Full {
        /// Bytes that it holds.
        bytes: u64,
        /// Bytes that it may hold.
        bytes_max: u64,
    },
    /// The disk failed. Whether the rows of the call will be found again is not known; they may be appended again.
    #[error("the spool {} cannot be written: {message}", path.display())]
    Disk {
        /// Folder of the spool.
        path: PathBuf,
        /// What the system said.
        message: String,
    },
    /// Another process has the spool open.
    #[error("the spool {} is in use by another process", path.display())]
    InUse {
        /// Folder of the spool.
        path: PathBuf,
    },
}

/// The rows that ClickHouse does not have yet.
pub struct Spool {
    config: SpoolConfig,
    /// Begins every deduplication token: two spools never mean the same batch.
    id: Uuid,
    /// Bytes that the opening cut off a torn tail.
    torn_bytes: u64,
    state: Mutex<State>,
    committed: Condvar,
    /// End of what is durable.
    end: watch::Sender<Position>,
    _lock: File,
}

struct State {
    /// Taken out while a thread writes.
    writer: Option<segment::Writer>,
    /// Frames for the next write, of `group`.
    pending: Vec<u8>,
    group: Arc<Group>,
    /// Durable lengths of all segments, the one being written included.
    segments: BTreeMap<u64, u64>,
    /// Sum of those.
    bytes: u64,
}

/// Frames that become durable together.
#[derive(Default)]
struct Group {
    /// Where its first frame begins, or why the write failed.
    outcome: OnceLock<Result<Position, String>>,
}

impl Spool {
    /// Opens the spool, cuts a torn tail and begins a new segment.
    pub fn open(config: SpoolConfig) -> Result<Arc<Self>, SpoolError> {
        let folder = config.path.clone();
        let disk = |error: io::Error| SpoolError::Disk { path: folder.clone(), message: error.to_string() };
        private::folder(&folder).map_err(disk)?;
        let lock = private::file(&folder.join("lock")).map_err(disk)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(SpoolError::InUse { path: folder }),
            Err(fs::TryLockError::Error(error)) => return Err(disk(error)),
        }
        let id = identity(&folder).map_err(disk)?;
        let (mut segments, torn_bytes) = survey(&folder).map_err(disk)?;
        // Never the index of a segment that was deleted, whose batches ClickHouse may remember.
        let seen = crate::cursor::Cursor::load(&folder).map_or(0, |cursor| cursor.acknowledged.segment);
        let index = segments.last_key_value().map_or(0, |(&last, _)| last).max(seen) + 1;
        let writer = segment::Writer::create(&folder, index, schema::COLUMNS).map_err(disk)?;
        segments.insert(writer.index, writer.length);
        let end = Position { segment: writer.index, offset: writer.length };
        let bytes = segments.values().sum();
        let state =
            State { writer: Some(writer), pending: Vec::new(), group: Arc::default(), segments, bytes };
        Ok(Arc::new(Self {
            config,
            id,
            torn_bytes,
            state: Mutex::new(state),
            committed: Condvar::new(),
            end: watch::Sender::new(end),
            _lock: lock,
        }))
    }

    /// Appends rows; they are durable on return. Returns where they end: [`crate::Shipper::shipped`] waits for it.
    ///
    /// Blocks for a write to disk (or for the next one, together with other threads' rows): call it from a thread that
    /// may. A row that is appended twice is one row in ClickHouse.
    pub fn append(&self, rows: &[AttemptRow]) -> Result<Position, SpoolError> {
        if rows.is_empty() {
            return Ok(self.end());
        }
        let frames = encode(rows);
        let mut state = self.lock();
        let bytes = state.bytes + state.pending.len() as u64;
        if bytes + frames.len() as u64 > self.config.bytes_max {
            return Err(SpoolError::Full { bytes, bytes_max: self.config.bytes_max });
        }
        state.pending.extend_from_slice(&frames);
        let end_in_group = state.pending.len() as u64;
        let group = state.group.clone();
        loop {
            if let Some(outcome) = group.outcome.get() {
                return match outcome {
                    Ok(start) => Ok(Position { segment: start.segment, offset: start.offset + end_in_group }),
                    Err(message) => Err(self.disk(message)),
                };
            }
            state = match state.writer.take() {
                // Nobody writes: this thread does, for all that wait.
                Some(writer) => self.commit(state, writer),
                None => self.committed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// How full it is, 0 to 1.
    pub fn fill(&self) -> f64 {
        let state = self.lock();
        (state.bytes + state.pending.len() as u64) as f64 / self.config.bytes_max as f64
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// End of what is durable.
    pub fn end(&self) -> Position {
        *self.end.borrow()
    }

    /// Bytes that the opening cut off: rows whose append never returned.
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.config.path
    }

    /// Tells when [`Self::end`] moves.
    pub(crate) fn watch(&self) -> watch::Receiver<Position> {
        self.end.subscribe()
    }

    /// First segment at or after `index` and its durable length.
    pub(crate) fn segment_from(&self, index: u64) -> Option<(u64, u64)> {
        self.lock().segments.range(index..).next().map(|(&index, &length)| (index, length))
    }

    /// Deletes the segments before `index`. What cannot be deleted is tried again by the next opening.
    pub(crate) fn forget_before(&self, index: u64) -> io::Result<()> {
        let gone: Vec<u64> = self.lock().segments.range(..index).map(|(&index, _)| index).collect();
        for index in gone {
            fs::remove_file(segment::path(&self.config.path, index))?;
            self.drop_segment(index);
        }
        Ok(())
    }

    /// Renames a damaged segment, for people to look at.
    pub(crate) fn set_aside(&self, index: u64) -> io::Result<PathBuf> {
        let path = segment::path(&self.config.path, index);
        let aside = path.with_extension("damaged");
        fs::rename(path, &aside)?;
        self.drop_segment(index);
        Ok(aside)
    }

    fn drop_segment(&self, index: u64) {
        let mut state = self.lock();
        let length = state.segments.remove(&index).unwrap_or(0);
        state.bytes -= length;
    }

    /// Writes the pending group with `writer`, which goes back into the state.
    fn commit<'s>(
        &'s self,
        mut state: MutexGuard<'s, State>,
        mut writer: segment::Writer,
    ) -> MutexGuard<'s, State> {
        let frames = std::mem::take(&mut state.pending);
        let group = std::mem::take(&mut state.group);
        drop(state);
        let outcome = self.write(&mut writer, &frames);
        let mut state = self.lock();
        if let Ok(start) = outcome {
            let before = state.segments.insert(start.segment, writer.length).unwrap_or(0);
            state.bytes += writer.length - before;
            self.end.send_replace(Position { segment: start.segment, offset: writer.length });
        }
        state.writer = Some(writer);
        let outcome = outcome.map_err(|error| error.to_string());
        group.outcome.set(outcome).expect("a group is written once");
        self.committed.notify_all();
        state
    }

    fn write(&self, writer: &mut segment::Writer, frames: &[u8]) -> io::Result<Position> {
        if writer.broken || writer.length >= self.config.segment_bytes {
            *writer = segment::Writer::create(&self.config.path, writer.index + 1, schema::COLUMNS)?;
        }
        let start = Position { segment: writer.index, offset: writer.length };
        writer.append(frames)?;
        Ok(start)
    }

    fn disk(&self, message: &str) -> SpoolError {
        SpoolError::Disk { path: self.config.path.clone(), message: message.to_owned() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing between lock and unlock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn encode(rows: &[AttemptRow]) -> Vec<u8> {
    let now = now_micros();
    let mut frames = Vec::new();
    let mut payload = Vec::new();
    for rows in rows.chunks(FRAME_ROWS_MAX) {
        payload.clear();
        for row in rows {
            row_binary::write(row, &mut payload);
        }
        crc_frame::write(&mut frames, rows.len() as u32, now, &payload);
    }
    frames
}

/// The spool's own id, made once.
fn identity(folder: &Path) -> io::Result<Uuid> {
    let path = folder.join("id");
    if let Some(id) = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()) {
        return Ok(id);
    }
    let id = Uuid::new_v4();
    let mut file = private::file(&path)?;
    file.write_all(id.to_string().as_bytes())?;
    file.sync_all()?;
    segment::sync_folder(folder)?;
    Ok(id)
}

/// Lengths of the segments that are there, after the torn tail of the last one was cut, and how much was cut.
///
/// Only the last can be torn: every other was followed by one that was created after it was durable. Segments without
/// rows are removed.
fn survey(folder: &Path) -> io::Result<(BTreeMap<u64, u64>, u64)> {
    let indices = segment::list(folder)?;
    let mut segments = BTreeMap::new();
    let mut torn = 0;
    for (at, &index) in indices.iter().enumerate() {
        let path = segment::path(folder, index);
        let mut length = fs::metadata(&path)?.len();
        if at + 1 == indices.len() {
            (length, torn) = segment::cut_torn_tail(folder, index)?;
        }
        let rows_begin = segment::Reader::open(folder, index)?.map(|reader| reader.start);
        if length == 0 || rows_begin == Some(length) {
            fs::remove_file(&path)?;
        } else {
            segments.insert(index, length);
        }
    }
    Ok((segments, torn))
}

pub(crate) fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{self, Batch, Next};

    fn row(number: u16) -> AttemptRow {
        AttemptRow { shard: number, error: "\n\n".repeat(number.into()), ..AttemptRow::default() }
    }

    fn open(folder: &Path) -> Arc<Spool> {
        Spool::open(SpoolConfig::new(folder)).expect("opens")
    }

    /// Every batch that the spool holds.
    fn batches(spool: &Spool) -> Vec<Batch> {
        let (mut position, mut batches) = (Position::default(), Vec::new());
        while let Next::Batch(batch) = batch::next(spool, position, 10, 1 << 20).expect("reads") {
            position = Position { segment: batch.range.segment, offset: batch.range.to };
            batches.push(batch);
        }
        batches
    }

    fn data(spool: &Spool) -> Vec<u8> {
        batches(spool).iter().flat_map(|batch| batch.data.to_vec()).collect()
    }

    fn encoded(rows: &[AttemptRow]) -> Vec<u8> {
        let mut bytes = Vec::new();
        rows.iter().for_each(|row| row_binary::write(row, &mut bytes));
        bytes
    }

    #[test]
    fn a_tail_torn_at_any_byte_costs_the_torn_frame_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let whole = folder.path().join("whole");
        let spool = open(&whole);
        let kept = spool.append(&[row(1), row(2)]).expect("room");
        let end = spool.append(&[row(3)]).expect("room");
        drop(spool);
        let segment_path = segment::path(&whole, end.segment);
        let bytes = fs::read(&segment_path).expect("a segment");
        assert_eq!(bytes.len() as u64, end.offset);
        for length in kept.offset..end.offset {
            let torn = folder.path().join(length.to_string());
            fs::create_dir(&torn).expect("a folder");
            fs::write(segment::path(&torn, end.segment), &bytes[..length as usize]).expect("a torn segment");
            let spool = open(&torn);
            assert_eq!(spool.torn_bytes(), length - kept.offset);
            let after = spool.append(&[row(4)]).expect("room");
            assert!(after > end, "a position never means other rows");
            assert_eq!(data(&spool), encoded(&[row(1), row(2), row(4)]), "torn at {length}");
        }
    }

    #[test]
    fn batches_are_the_same_whenever_they_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = open(folder.path());
        for number in 0..25 {
            spool.append(&[row(number)]).expect("room");
        }
        let before = batches(&spool);
        assert_eq!(before.iter().map(|batch| batch.rows).collect::<Vec<_>>(), [10, 10, 5]);
        spool.append(&[row(25)]).expect("room");
        for batch in &before {
            let again = batch::again(&spool, batch.range).expect("reads").expect("is there");
            assert_eq!((&again.data, again.rows), (&batch.data, batch.rows));
        }
        let id = spool.id();
        drop(spool);
        let spool = open(folder.path());
        assert_eq!(spool.id(), id, "tokens outlive a restart");
        let again = batch::again(&spool, before[2].range).expect("reads").expect("is there");
        assert_eq!(again.data, before[2].data);
    }

    #[test]
    fn threads_share_commits_and_nothing_is_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = SpoolConfig { segment_bytes: 4 << 10, ..SpoolConfig::new(folder.path()) };
        let spool = Spool::open(config.clone()).expect("opens");
        std::thread::scope(|scope| {
            for thread in 0..8_u16 {
                let spool = &spool;
                scope.spawn(move || {
                    let mut last = Position::default();
                    for number in 0..50 {
                        let end = spool.append(&[row(thread * 50 + number)]).expect("room");
                        assert!(end > last && end <= spool.end());
                        last = end;
                    }
                });
            }
        });
        let bytes = spool.bytes();
        drop(spool);
        let spool = Spool::open(config).expect("opens");
        assert_eq!(batches(&spool).iter().map(|batch| batch.rows).sum::<u64>(), 400);
        assert!(spool.bytes() >= bytes && segment::list(folder.path()).expect("a list").len() > 10);
    }

    #[test]
    fn a_damaged_segment_is_told_apart_from_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = open(folder.path());
        let end = spool.append(&[row(1)]).expect("room");
        drop(spool);
        let path = segment::path(folder.path(), end.segment);
        let spool = open(folder.path());
        let mut bytes = fs::read(&path).expect("a segment");
        *bytes.last_mut().expect("not empty") ^= 1;
        fs::write(&path, bytes).expect("writes");
        let next = batch::next(&spool, Position::default(), 10, 1 << 20).expect("reads");
        assert!(matches!(next, Next::Damaged { segment, .. } if segment == end.segment));
        assert!(spool.set_aside(end.segment).expect("renames").exists());
        assert!(matches!(batch::next(&spool, Position::default(), 10, 1 << 20), Ok(Next::Nothing)));
    }

    #[test]
    fn a_disk_that_fails_is_told_and_used_again_when_it_works() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("spool");
        let spool = Spool::open(SpoolConfig { segment_bytes: 1, ..SpoolConfig::new(&path) }).expect("opens");
        let away = folder.path().join("away");
        fs::rename(&path, &away).expect("renames");
        assert!(matches!(spool.append(&[row(1)]), Err(SpoolError::Disk { .. })));
        let fill = spool.fill();
        fs::rename(&away, &path).expect("renames back");
        spool.append(&[row(2)]).expect("room");
        assert!(spool.fill() > fill);
        assert_eq!(data(&spool), encoded(&[row(2)]));
    }

    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("data/spool");
        let spool = open(&folder);
        spool.append(&[row(1)]).expect("room");
        crate::cursor::Cursor::default().store(&folder).expect("stored");
        let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        let files: Vec<_> =
            fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("one").path()).collect();
        assert!(files.len() >= 4, "lock, id, cursor and a segment: {files:?}");
        for file in files {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    }

    #[test]
    fn two_processes_cannot_have_it_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let _first = open(folder.path());
        let second = Spool::open(SpoolConfig::new(folder.path()));
        assert!(matches!(second.err(), Some(SpoolError::InUse { .. })));
    }
}
