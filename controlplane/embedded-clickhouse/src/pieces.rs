//! Which formats may be streamed, and how their pieces become one document again.
//!
//! The engine formats each piece of a streamed result on its own: a JSON result of three pieces is three JSON
//! documents. So a result is streamed only in formats whose rows simply follow each other, or after the repeated
//! header of each later piece is cut off. Every other format is computed whole.

use bytes::{Buf, Bytes};

use crate::exception::Exception;

/// How the pieces of a format join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joining {
    /// Rows follow each other.
    Plain,
    /// Each piece begins with this many lines of header; line breaks in names are escaped.
    Lines(u8),
    /// Each piece begins with this many CSV records of header; names are quoted.
    CsvRecords(u8),
    /// Each piece begins with names (and types) in RowBinary, this many lists.
    BinaryLists(u8),
}

/// How `format` joins, or `None` if it must be computed whole.
///
/// `settings` is any text in which settings may be named: some of them turn rows into a document.
pub(crate) fn joining(format: &str, settings: &str) -> Option<Joining> {
    // A JSON array of rows, bars between rows, and the like.
    if settings.contains("output_format_") || settings.contains("format_custom_") {
        return None;
    }
    Some(match format {
        "TabSeparated"
        | "TSV"
        | "TabSeparatedRaw"
        | "TSVRaw"
        | "CSV"
        | "JSONEachRow"
        | "JSONLines"
        | "NDJSON"
        | "JSONStringsEachRow"
        | "JSONCompactEachRow"
        | "JSONCompactStringsEachRow"
        | "RowBinary"
        | "Native"
        | "MsgPack"
        | "LineAsString"
        | "Null" => Joining::Plain,
        "TabSeparatedWithNames" | "TSVWithNames" | "JSONCompactEachRowWithNames" => Joining::Lines(1),
        "TabSeparatedWithNamesAndTypes" | "TSVWithNamesAndTypes" | "JSONCompactEachRowWithNamesAndTypes" => {
            Joining::Lines(2)
        }
        "CSVWithNames" => Joining::CsvRecords(1),
        "CSVWithNamesAndTypes" => Joining::CsvRecords(2),
        "RowBinaryWithNames" => Joining::BinaryLists(1),
        "RowBinaryWithNamesAndTypes" => Joining::BinaryLists(2),
        _ => return None,
    })
}

/// Joins pieces: the first as it is, the later ones without their header.
pub(crate) struct Joiner {
    joining: Joining,
    header: Option<Bytes>,
}

impl Joiner {
    pub(crate) fn new(joining: Joining) -> Self {
        Self { joining, header: None }
    }

    /// What of `piece` goes out.
    pub(crate) fn join(&mut self, mut piece: Bytes) -> Result<Bytes, Exception> {
        match &self.header {
            None => {
                let length = header_length(self.joining, &piece).ok_or_else(Exception::unexplained)?;
                self.header = Some(piece.slice(..length));
            }
            Some(header) => {
                if !piece.starts_with(header) {
                    return Err(Exception::unexplained());
                }
                piece.advance(header.len());
            }
        }
        Ok(piece)
    }
}

fn header_length(joining: Joining, piece: &[u8]) -> Option<usize> {
    match joining {
        Joining::Plain => Some(0),
        Joining::Lines(count) => nth_end(piece, count, |_| true),
        Joining::CsvRecords(count) => {
            let mut quoted = false;
            nth_end(piece, count, |byte| {
                quoted ^= byte == b'"';
                !quoted
            })
        }
        Joining::BinaryLists(lists) => {
            let mut at = 0;
            let columns = leb128(piece, &mut at)?;
            for _ in 0..columns.checked_mul(u64::from(lists))? {
                let length = usize::try_from(leb128(piece, &mut at)?).ok()?;
                at = at.checked_add(length).filter(|&at| at <= piece.len())?;
            }
            Some(at)
        }
    }
}

/// Where the `count`th line ends, counting line breaks at which `outside` holds; it sees every byte.
fn nth_end(piece: &[u8], count: u8, mut outside: impl FnMut(u8) -> bool) -> Option<usize> {
    let mut ends = piece.iter().enumerate().filter(|&(_, &byte)| outside(byte) && byte == b'\n');
    ends.nth(usize::from(count) - 1).map(|(at, _)| at + 1)
}

fn leb128(piece: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let byte = *piece.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(format: &str, pieces: &[&'static [u8]]) -> Vec<u8> {
        let mut joiner = Joiner::new(joining(format, "").expect("a streamed format"));
        pieces.iter().flat_map(|piece| joiner.join(Bytes::from_static(piece)).expect("joins")).collect()
    }

    #[test]
    fn later_headers_are_cut_off() {
        assert_eq!(joined("TSVWithNames", &[b"a\n1\n", b"a\n2\n"]), b"a\n1\n2\n");
        assert_eq!(joined("CSVWithNames", &[b"\"a\nb\"\n1\n", b"\"a\nb\"\n2\n"]), b"\"a\nb\"\n1\n2\n");
        assert_eq!(
            joined("RowBinaryWithNamesAndTypes", &[b"\x01\x01a\x05UInt8\x07", b"\x01\x01a\x05UInt8\x08"]),
            b"\x01\x01a\x05UInt8\x07\x08"
        );
    }

    #[test]
    fn documents_are_not_streamed() {
        assert_eq!(joining("JSON", ""), None);
        assert_eq!(joining("PrettyCompact", ""), None);
        assert_eq!(joining("JSONEachRow", "output_format_json_array_of_rows"), None);
    }

    #[test]
    fn a_piece_with_another_header_is_an_error() {
        let mut joiner = Joiner::new(Joining::Lines(1));
        joiner.join(Bytes::from_static(b"a\n")).expect("the first");
        assert!(joiner.join(Bytes::from_static(b"b\n1\n")).is_err());
    }
}
