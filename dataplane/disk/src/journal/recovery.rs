//! Reading a journal's folder when it is opened, and cutting off what a crash left unfinished.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::JournalError;
use super::segment::{self, HEADER_LEN, Records, Segment};

/// What was found when a journal was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The oldest record on disk; equal to `next` when there is none.
    pub first: u64,
    /// Number of the next record.
    pub next: u64,
    /// Bytes cut off because they were no whole record: those that were being written when the node died.
    pub cut_bytes: u64,
}

/// Finds the segments, oldest first; there is at least one afterwards, and all of it is durable.
pub(super) fn recover(dir: &Path) -> Result<(VecDeque<Segment>, Recovered), JournalError> {
    let mut found = list(dir).map_err(|source| JournalError::Io { path: dir.to_owned(), source })?;
    let (mut segments, mut cut_bytes) = (VecDeque::new(), 0);
    let mut next = found.front().map_or(1, |&(first, _)| first);
    while let Some((first, len)) = found.pop_front() {
        let path = segment::path(dir, first);
        let io = |source| JournalError::Io { path: path.clone(), source };
        if first > next {
            let path = segments.back().map_or(path, |before: &Segment| before.path.clone());
            return Err(JournalError::Hole { path, expected: next, found: first });
        }
        let bytes = fs::read(&path).map_err(io)?;
        let Some(mut records) = Records::of(&bytes, first) else {
            // Only the segment that was being begun may lack its header; nothing in it was ever durable.
            if !found.is_empty() {
                let after = found.front().map_or(first, |&(after, _)| after);
                return Err(JournalError::Hole { path, expected: first, found: after });
            }
            cut_bytes += len;
            fs::remove_file(&path).map_err(io)?;
            break;
        };
        // A segment that failed may hold records which were written again into the next one.
        let stop = found.front().map_or(u64::MAX, |&(after, _)| after);
        let mut valid = records.valid_len();
        while records.next_number() < stop && records.next().is_some() {
            valid = records.valid_len();
        }
        next = records.next_number();
        cut_bytes += len - valid as u64;
        make_durable(&path, valid as u64, len).map_err(io)?;
        segments.push_back(Segment { path, first, len: valid as u64 });
    }
    if segments.is_empty() {
        segments.push_back(create(dir, next)?);
    }
    sync_folder(dir).map_err(|source| JournalError::Io { path: dir.to_owned(), source })?;
    let first = segments.front().map_or(next, |segment| segment.first);
    Ok((segments, Recovered { first, next, cut_bytes }))
}

fn list(dir: &Path) -> io::Result<VecDeque<(u64, u64)>> {
    let mut found = vec![];
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if let Some(first) = segment::first_by_name(&entry.path()) {
            found.push((first, entry.metadata()?.len()));
        }
    }
    found.sort_unstable();
    Ok(found.into())
}

/// What was read may only be in the page cache: a mark must not be set on it before it is synced.
fn make_durable(path: &Path, valid: u64, len: u64) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    if valid < len {
        file.set_len(valid)?;
    }
    file.sync_all()
}

fn create(dir: &Path, first: u64) -> Result<Segment, JournalError> {
    let path = segment::path(dir, first);
    let write = || {
        let mut file = File::options().create(true).truncate(true).write(true).open(&path)?;
        file.write_all(&segment::header(first))?;
        file.sync_all()
    };
    write().map_err(|source| JournalError::Io { path: path.clone(), source })?;
    Ok(Segment { path, first, len: HEADER_LEN as u64 })
}

fn sync_folder(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
