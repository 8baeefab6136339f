//! What is sent at once: whole frames of one segment, between two positions that are written down before.

use std::io;

use bytes::Bytes;

use crate::{Position, Spool, crc_frame, cursor::Range, segment::Reader};

/// Rows for one INSERT.
pub(crate) struct Batch {
    pub(crate) range: Range,
    /// Columns of the rows.
    pub(crate) columns: String,
    /// Rows in RowBinary.
    pub(crate) data: Bytes,
    pub(crate) rows: u64,
    /// When its first row was appended, unix µs.
    pub(crate) oldest_at: i64,
    /// Whether it was cut because it was large enough, not because there was no more.
    pub(crate) full: bool,
}

/// What the spool holds after a position.
pub(crate) enum Next {
    /// A batch, as large as wanted or as there is.
    Batch(Batch),
    /// Nothing yet.
    Nothing,
    /// A segment whose rows cannot be read.
    Damaged { segment: u64, bytes: u64 },
}

/// The batch after `position`.
pub(crate) fn next(spool: &Spool, position: Position, rows_max: u64, bytes_max: u64) -> io::Result<Next> {
    let mut index = position.segment;
    while let Some((segment, length)) = spool.segment_from(index) {
        let from = if segment == position.segment { position.offset } else { 0 };
        if from < length {
            match read(spool, Range { segment, from, to: length }, rows_max, bytes_max)? {
                Ok(Some(batch)) => return Ok(Next::Batch(batch)),
                Ok(None) => {}
                Err(Damage) => return Ok(Next::Damaged { segment, bytes: length - from }),
            }
        }
        index = segment + 1;
    }
    Ok(Next::Nothing)
}

/// Exactly the batch of `range` again; `None` if its segment is gone or damaged.
pub(crate) fn again(spool: &Spool, range: Range) -> io::Result<Option<Batch>> {
    if spool
        .segment_from(range.segment)
        .is_none_or(|(segment, length)| segment != range.segment || length < range.to)
    {
        return Ok(None);
    }
    let batch = read(spool, range, u64::MAX, u64::MAX)?.ok().flatten();
    Ok(batch.filter(|batch| batch.range == range))
}

/// The token under which ClickHouse remembers the batch.
pub(crate) fn token(spool: &Spool, range: Range) -> String {
    format!("{}-{}-{}-{}", spool.id(), range.segment, range.from, range.to)
}

/// Bytes of a segment that are not what was written.
struct Damage;

fn read(
    spool: &Spool,
    range: Range,
    rows_max: u64,
    bytes_max: u64,
) -> io::Result<Result<Option<Batch>, Damage>> {
    let Some(mut reader) = Reader::open(spool.folder(), range.segment)? else { return Ok(Err(Damage)) };
    let from = range.from.max(reader.start);
    // A frame more than wanted, so that the last one is whole.
    let window = bytes_max.saturating_mul(2).max(64 << 20);
    let bytes = reader.read(from, range.to.min(from.saturating_add(window)))?;
    let mut data = Vec::new();
    let (mut at, mut rows, mut oldest_at) = (0, 0, 0);
    while at < bytes.len() && rows < rows_max && (data.len() as u64) < bytes_max {
        let Some(frame) = crc_frame::read(&bytes[at..]) else {
            if at > 0 {
                break;
            }
            return Ok(Err(Damage));
        };
        if rows == 0 {
            oldest_at = frame.appended_at;
        }
        data.extend_from_slice(frame.payload);
        rows += u64::from(frame.rows);
        at += frame.length();
    }
    if rows == 0 {
        return Ok(Ok(None));
    }
    let range = Range { segment: range.segment, from, to: from + at as u64 };
    let full = rows >= rows_max || data.len() as u64 >= bytes_max;
    Ok(Ok(Some(Batch { range, columns: reader.columns, data: data.into(), rows, oldest_at, full })))
}
