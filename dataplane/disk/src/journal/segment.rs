//! Bytes of a segment: a header that names its first record, then records one behind the other.
//!
//! Header: `PEALJRN1`, number of the first record (8 bytes), CRC-32 of both. Record: length (4), CRC-32 of number,
//! length and content (4), content. All integers little-endian. A record's number is not stored but checked: it follows
//! from its place, and a record that was left by an older use of the disk does not fit it.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// Longest record. An event is a few hundred bytes; the limit is what a damaged length may make us look for.
pub const RECORD_LEN_MAX: usize = 1 << 20;

/// Bytes before the first record.
pub(super) const HEADER_LEN: usize = 20;

const MAGIC: &[u8; 8] = b"PEALJRN1";
const RECORD_HEADER_LEN: usize = 8;
const EXTENSION: &str = "journal";

/// A segment file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// Number of the first record, whether or not it is there yet.
    pub(super) first: u64,
    /// Bytes that are durable, header included.
    pub(super) len: u64,
}

/// Where the segment that begins with `first` lies. The names sort as the numbers do.
pub(super) fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.{EXTENSION}"))
}

/// The first record's number by a file's name, if it is a segment's.
pub(super) fn first_by_name(path: &Path) -> Option<u64> {
    let stem = path.file_stem()?.to_str()?;
    (path.extension()? == EXTENSION && stem.len() == 20).then(|| stem.parse().ok()).flatten()
}

pub(super) fn header(first: u64) -> [u8; HEADER_LEN] {
    let mut out = [0; HEADER_LEN];
    out[..8].copy_from_slice(MAGIC);
    out[8..16].copy_from_slice(&first.to_le_bytes());
    let checksum = crc32fast::hash(&out[..16]);
    out[16..].copy_from_slice(&checksum.to_le_bytes());
    out
}

pub(super) fn encoded_len(record: &[u8]) -> usize {
    RECORD_HEADER_LEN + record.len()
}

pub(super) fn encode(number: u64, record: &[u8], out: &mut Vec<u8>) {
    out.extend((record.len() as u32).to_le_bytes());
    out.extend(checksum(number, record).to_le_bytes());
    out.extend(record);
}

/// The valid records of a segment's bytes, as numbers and places, up to the first that is not valid.
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    next: u64,
}

impl<'a> Records<'a> {
    /// `None` when the header is not that of a segment which begins with `first`.
    pub(super) fn of(bytes: &'a [u8], first: u64) -> Option<Records<'a>> {
        bytes.starts_with(&header(first)).then_some(Records { bytes, at: HEADER_LEN, next: first })
    }

    /// Number of the record that would come next.
    pub(super) fn next_number(&self) -> u64 {
        self.next
    }

    /// Bytes up to the end of the last record given out.
    pub(super) fn valid_len(&self) -> usize {
        self.at
    }
}

impl Iterator for Records<'_> {
    type Item = (u64, Range<usize>);

    fn next(&mut self) -> Option<(u64, Range<usize>)> {
        let rest = &self.bytes[self.at..];
        let (head, rest) = rest.split_first_chunk::<RECORD_HEADER_LEN>()?;
        let [a, b, c, d, e, f, g, h] = *head;
        let len = u32::from_le_bytes([a, b, c, d]) as usize;
        let record = rest.get(..len).filter(|_| len <= RECORD_LEN_MAX)?;
        if checksum(self.next, record) != u32::from_le_bytes([e, f, g, h]) {
            return None;
        }
        let (number, start) = (self.next, self.at + RECORD_HEADER_LEN);
        self.next += 1;
        self.at = start + len;
        Some((number, start..self.at))
    }
}

fn checksum(number: u64, record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&(record.len() as u32).to_le_bytes());
    hasher.update(record);
    hasher.finalize()
}
