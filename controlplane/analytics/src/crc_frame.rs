//! The unit of the spool: some rows that became durable together, with a checksum.
//!
//! ```text
//! 4 payload length │ 4 rows │ 8 appended at, unix µs │ 4 CRC-32 of the 16 bytes before and the payload │ payload
//! ```
//! All numbers are little-endian.

/// Bytes before the payload.
pub(crate) const HEAD: usize = 20;
/// Longest payload; a longer claim is damage. Far above what [`crate::Spool`] writes.
const PAYLOAD_MAX: usize = 256 << 20;

/// A frame as it lies in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'b> {
    pub(crate) rows: u32,
    pub(crate) appended_at: i64,
    pub(crate) payload: &'b [u8],
}

impl Frame<'_> {
    /// Length with its head.
    pub(crate) fn length(&self) -> usize {
        HEAD + self.payload.len()
    }
}

/// Appends a frame to `bytes`.
pub(crate) fn write(bytes: &mut Vec<u8>, rows: u32, appended_at: i64, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("frames are cut far below 4 GiB");
    let start = bytes.len();
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&rows.to_le_bytes());
    bytes.extend_from_slice(&appended_at.to_le_bytes());
    let checksum = checksum(&bytes[start..], payload);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes.extend_from_slice(payload);
}

/// The frame at the beginning of `bytes`; `None` if it is not whole or not true.
pub(crate) fn read(bytes: &[u8]) -> Option<Frame<'_>> {
    let head = bytes.get(..HEAD)?;
    let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
    let length = number(0) as usize;
    let payload = bytes[HEAD..].get(..length).filter(|_| length <= PAYLOAD_MAX)?;
    (checksum(&head[..16], payload) == number(16)).then(|| Frame {
        rows: number(4),
        appended_at: i64::from_le_bytes(head[8..16].try_into().expect("eight bytes")),
        payload,
    })
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(head);
    checksum.update(payload);
    checksum.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_and_no_other_bytes_do() {
        let mut bytes = Vec::new();
        write(&mut bytes, 2, -7, b"\n\nrows");
        assert_eq!(read(&bytes), Some(Frame { rows: 2, appended_at: -7, payload: b"\n\nrows" }));
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), None, "cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 0x10;
            assert_eq!(read(&broken), None, "flipped at {at}");
        }
    }
}
