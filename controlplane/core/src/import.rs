//! Rows of a CSV file, one by one.
//!
//! The shell gives a reader of bytes and takes an iterator of judged rows: a file of any size is held in memory only one
//! row at a time, besides the numbers seen. A bad row is reported by its line and never stops the others; only the
//! reader's own failure, or a file that no row can come of, ends the import.
//!
//! The first row is a header if one of its cells is a known name for the column of numbers, or if its first cell has no
//! digits; otherwise it is data and the number stands in the first column.

use std::{
    collections::HashMap,
    io::{self, Read as _},
};

use common::E164;

use crate::{
    contact,
    model::{RejectedRow, RowError},
    number::{self, Region},
};

/// Cells longer than this are no data of a contact; the bound keeps a row's memory small. All of a row together have as many.
const MAX_CELL: usize = 4_096;

/// Columns beyond this are a file that is not CSV, or cut by the wrong delimiter.
const MAX_COLUMNS: usize = 256;

/// Numbers remembered with their line, so that a duplicate can say where it was first seen: about 24 bytes each. Beyond
/// that the store finds the duplicates alone.
const MAX_REMEMBERED: usize = 4_000_000;

/// Names of the column of numbers, lower case.
const NUMBER_COLUMNS: [&str; 12] = [
    "number",
    "phone",
    "mobile",
    "tel",
    "telephone",
    "phone_number",
    "msisdn",
    "号码",
    "手机号",
    "手机",
    "电话",
    "电话号码",
];

/// A row that can become a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoodRow {
    /// Line of the file, from 1, at which the row starts.
    pub line: u64,
    /// Whom to call.
    pub number: E164,
    /// The other columns as a JSON object, empty cells left out; an empty text when nothing is left.
    pub fields: String,
}

/// Why a file cannot be imported at all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The bytes stopped coming.
    #[error("the file could not be read to its end")]
    Read(#[source] io::Error),
    /// Not text.
    #[error("the file starts with the byte order mark of UTF-16; save it as UTF-8")]
    Utf16,
    /// No single row.
    #[error("the file is empty")]
    Empty,
    /// Too many columns.
    #[error("the first row has {0} columns; at most 256 are allowed")]
    Columns(usize),
}

/// A CSV file being read. Iterate over it.
pub struct Rows<R> {
    csv: csv::Reader<R>,
    row: csv::ByteRecord,
    columns: Columns,
    region: Option<Region>,
    /// The first row, when it turned out to be data.
    pending: bool,
    failed: bool,
    seen: HashMap<E164, u32>,
}

struct Columns {
    number: usize,
    names: Vec<String>,
}

/// What became of a row.
pub type Judged = Result<GoodRow, RejectedRow>;

impl<R: io::Read> Rows<PlainLines<R>> {
    /// Reads the beginning of the file, finds its delimiter (`,`, `;` or tab) and its header. `region` is where numbers
    /// without country code are.
    pub fn open(mut bytes: R, region: Option<Region>) -> Result<Self, ImportError> {
        let (head, broken) = read_head(&mut bytes)?;
        let mut csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter(&head))
            .from_reader(PlainLines {
                head: io::Cursor::new(head),
                broken,
                rest: bytes,
                last: b'\n',
                ended: false,
            });
        let mut row = csv::ByteRecord::new();
        if !csv.read_byte_record(&mut row).map_err(read_error)? {
            return Err(ImportError::Empty);
        }
        if row.len() > MAX_COLUMNS {
            return Err(ImportError::Columns(row.len()));
        }
        let (columns, is_header) = Columns::of(&row);
        Ok(Self { csv, row, columns, region, pending: !is_header, failed: false, seen: HashMap::new() })
    }
}

impl<R: io::Read> Iterator for Rows<R> {
    type Item = Result<Judged, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.failed {
                return None;
            }
            if !std::mem::take(&mut self.pending) {
                match self.csv.read_byte_record(&mut self.row) {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(error) => {
                        self.failed = true;
                        return Some(Err(read_error(error)));
                    }
                }
            }
            // A row of nothing but delimiters is what spreadsheets write below the data.
            if self.row.iter().all(|cell| cell.trim_ascii().is_empty()) {
                continue;
            }
            return Some(Ok(self.judge()));
        }
    }
}

impl<R: io::Read> Rows<R> {
    fn judge(&mut self) -> Judged {
        // The parser stands behind the row's last LF; quoted cells hold the others. Where the row began it does not
        // say when empty lines come before it.
        let inside: usize = self.row.iter().map(|cell| cell.iter().filter(|&&b| b == b'\n').count()).sum();
        let line = self.csv.position().line().saturating_sub(1 + inside as u64);
        self.read_row(line).map_err(|reason| RejectedRow { line, reason })
    }

    fn read_row(&mut self, line: u64) -> Result<GoodRow, RowError> {
        if self.row.len() != self.columns.names.len() {
            return Err(RowError::Columns {
                found: self.row.len() as u64,
                expected: self.columns.names.len() as u64,
            });
        }
        if let Some(column) = self.row.iter().position(|cell| cell.len() > MAX_CELL) {
            return Err(RowError::TooLong { column: self.columns.names[column].clone() });
        }
        let text = |cell| std::str::from_utf8(cell).map_err(|_| RowError::NotUtf8);
        let number = number::normalise(text(&self.row[self.columns.number])?, self.region)
            .map_err(|problem| RowError::Number { problem: problem.to_string() })?;
        let mut fields = serde_json::Map::new();
        for (column, cell) in self.row.iter().enumerate() {
            let cell = text(cell)?.trim();
            if column != self.columns.number && !cell.is_empty() {
                fields.insert(self.columns.names[column].clone(), cell.into());
            }
        }
        let fields =
            if fields.is_empty() { String::new() } else { serde_json::Value::Object(fields).to_string() };
        if fields.len() > contact::BYTES_MAX {
            return Err(RowError::FieldsTooLong { bytes: fields.len() as u64 });
        }
        if let Some(&first_line) = self.seen.get(&number) {
            return Err(RowError::Duplicate { first_line: first_line.into() });
        }
        if self.seen.len() < MAX_REMEMBERED
            && let Ok(line) = u32::try_from(line)
        {
            self.seen.insert(number, line);
        }
        Ok(GoodRow { line, number, fields })
    }
}

impl Columns {
    /// The columns, and whether the row is their header.
    fn of(row: &csv::ByteRecord) -> (Self, bool) {
        let cells: Vec<String> =
            row.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect();
        let known = cells.iter().position(|cell| NUMBER_COLUMNS.contains(&cell.to_lowercase().as_str()));
        let is_header = known.is_some()
            || !cells[0].is_empty() && !cells[0].chars().any(|c| c.is_numeric() || c == '+' || c == '＋');
        let mut names = Vec::<String>::with_capacity(cells.len());
        for (index, cell) in cells.into_iter().enumerate() {
            let mut name = if is_header && !cell.is_empty() && cell.len() <= 100 && !names.contains(&cell) {
                cell
            } else {
                format!("column_{}", index + 1)
            };
            while names.contains(&name) {
                name.push('_');
            }
            names.push(name);
        }
        (Self { number: known.unwrap_or(0), names }, is_header)
    }
}

/// Bytes already read, then the rest, with every line ended by one LF, the last one too: the parser counts lines by LF
/// alone, and takes CRLF for a line and an empty one.
pub struct PlainLines<R> {
    head: io::Cursor<Vec<u8>>,
    /// Why the head is all there is, if so. Told once the head is used up, so that its rows are kept.
    broken: Option<io::Error>,
    rest: R,
    last: u8,
    ended: bool,
}

impl<R: io::Read> io::Read for PlainLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() && !self.ended {
            let count = match self.head.read(buffer)? {
                0 => match self.broken.take() {
                    Some(error) => return Err(error),
                    None => self.rest.read(buffer)?,
                },
                count => count,
            };
            if count == 0 {
                self.ended = true;
                if !matches!(self.last, b'\n' | b'\r') {
                    buffer[0] = b'\n';
                    return Ok(1);
                }
                break;
            }
            let mut kept = 0;
            for index in 0..count {
                let byte = buffer[index];
                if !(byte == b'\n' && self.last == b'\r') {
                    buffer[kept] = if byte == b'\r' { b'\n' } else { byte };
                    kept += 1;
                }
                self.last = byte;
            }
            if kept > 0 {
                return Ok(kept);
            }
        }
        Ok(0)
    }
}

/// Enough to see the first row of any sensible file.
const HEAD: usize = 16 * 1024;

/// The first bytes, and the error that cut them short.
fn read_head(bytes: &mut impl io::Read) -> Result<(Vec<u8>, Option<io::Error>), ImportError> {
    let mut head = Vec::with_capacity(HEAD);
    let broken = bytes.take(HEAD as u64).read_to_end(&mut head).err();
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return Err(ImportError::Utf16);
    }
    if head.starts_with("\u{feff}".as_bytes()) {
        head.drain(..3);
    }
    Ok((head, broken))
}

/// The one of `,`, `;` and tab that the first line has most of, quoted parts left out; a comma when it has none.
fn delimiter(head: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for &byte in head {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ if !quoted => {
                for (sign, count) in &mut counts {
                    *count += usize::from(*sign == byte);
                }
            }
            _ => {}
        }
    }
    // The first of equals wins, so a line without any is read with commas.
    counts.into_iter().rev().max_by_key(|&(_, count)| count).map_or(b',', |(sign, _)| sign)
}

fn read_error(error: csv::Error) -> ImportError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => ImportError::Read(error),
        // Bytes are taken as they are and rows may have any length, so there is nothing else to fail.
        other => ImportError::Read(io::Error::other(format!("{other:?}"))),
    }
}
