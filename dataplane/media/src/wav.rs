//! Headers of the WAV files that recordings are: two channels at 8 kHz, 16-bit PCM or G.711.
//!
//! A header is a function of format and length, so a file is kept valid while it grows by writing the header again,
//! and one whose writer died is repaired from its length ([`repaired`]).

use crate::{Codec, SAMPLE_RATE};

/// Channels of a recording: left what we sent, right what we received.
pub const CHANNELS: u16 = 2;

/// Bytes of every header here, whatever the format, so that a file's data always begins at the same place.
pub const HEADER_LEN: usize = 58;

/// How the samples of a recording are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WavFormat {
    /// 16-bit linear, 32 kB a second: every player and every library opens it. The default.
    #[default]
    Pcm16,
    /// G.711 as it was on the wire (format tags 6 and 7), 16 kB a second: half the disk, exact, but not every library
    /// reads it (Python's `wave` and `hound` do not).
    G711,
}

/// Layout of the samples behind one header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// 16-bit linear.
    Pcm16,
    /// One byte a sample in this law.
    G711(Codec),
}

impl Layout {
    /// What a recording in `codec` becomes in `format`.
    pub const fn new(format: WavFormat, codec: Codec) -> Layout {
        match format {
            WavFormat::Pcm16 => Layout::Pcm16,
            WavFormat::G711 => Layout::G711(codec),
        }
    }

    /// Bytes of one sample of both channels.
    pub const fn frame_bytes(self) -> u32 {
        match self {
            Layout::Pcm16 => 2 * CHANNELS as u32,
            Layout::G711(_) => CHANNELS as u32,
        }
    }

    /// `WAVE_FORMAT_PCM`, `_ALAW` and `_MULAW`.
    const fn tag(self) -> u16 {
        match self {
            Layout::Pcm16 => 1,
            Layout::G711(Codec::Pcma) => 6,
            Layout::G711(Codec::Pcmu) => 7,
        }
    }

    const fn from_tag(tag: u16) -> Option<Layout> {
        match tag {
            1 => Some(Layout::Pcm16),
            6 => Some(Layout::G711(Codec::Pcma)),
            7 => Some(Layout::G711(Codec::Pcmu)),
            _ => None,
        }
    }
}

/// The header of a file with `data_len` bytes of samples. Lengths beyond what 32 bits tell are told as the most they
/// can tell; at 32 kB a second that is 37 hours.
pub fn header(layout: Layout, data_len: u64) -> [u8; HEADER_LEN] {
    let frame = layout.frame_bytes();
    let most = u64::from(u32::MAX - HEADER_LEN as u32);
    let data = data_len.min(most - most % u64::from(frame)) as u32;
    let mut out = [0; HEADER_LEN];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        out[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(b"RIFF");
    put(&(data + HEADER_LEN as u32 - 8).to_le_bytes());
    put(b"WAVEfmt ");
    put(&18u32.to_le_bytes());
    put(&layout.tag().to_le_bytes());
    put(&CHANNELS.to_le_bytes());
    put(&SAMPLE_RATE.to_le_bytes());
    put(&(SAMPLE_RATE * frame).to_le_bytes());
    put(&(frame as u16).to_le_bytes());
    put(&((frame / u32::from(CHANNELS) * 8) as u16).to_le_bytes());
    put(&0u16.to_le_bytes());
    put(b"fact");
    put(&4u32.to_le_bytes());
    put(&(data / frame).to_le_bytes());
    put(b"data");
    put(&data.to_le_bytes());
    out
}

/// For a file of ours of `file_len` bytes that begins with `head`: the header that tells its true length, and that
/// length, which is shorter than the file when the last sample was cut. `None` when it is no recording of ours.
pub fn repaired(head: &[u8], file_len: u64) -> Option<([u8; HEADER_LEN], u64)> {
    let head = head.first_chunk::<HEADER_LEN>()?;
    let layout = Layout::from_tag(u16::from_le_bytes([head[20], head[21]]))?;
    let mut expected = header(layout, 0);
    // RIFF, fact and data lengths are what may be stale.
    for range in [4..8, 46..50, 54..58] {
        expected[range.clone()].copy_from_slice(&head[range]);
    }
    if &expected != head {
        return None;
    }
    let frame = u64::from(layout.frame_bytes());
    let data = file_len.checked_sub(HEADER_LEN as u64)? / frame * frame;
    Some((header(layout, data), HEADER_LEN as u64 + data))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn another_reader_opens_what_we_write() {
        let mut file = header(Layout::Pcm16, 8).to_vec();
        file.extend([1, 0, 2, 0, 3, 0, 4, 0]);
        let mut reader = hound::WavReader::new(Cursor::new(file)).unwrap();
        let spec = reader.spec();
        assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (2, 8000, 16));
        assert_eq!(reader.samples::<i16>().map(Result::unwrap).collect::<Vec<_>>(), [1, 2, 3, 4]);
    }

    #[test]
    fn a_stale_header_is_repaired_to_whole_frames() {
        for layout in [Layout::Pcm16, Layout::G711(Codec::Pcmu), Layout::G711(Codec::Pcma)] {
            let frame = u64::from(layout.frame_bytes());
            let stale = header(layout, 0);
            let (fresh, len) = repaired(&stale, HEADER_LEN as u64 + 10 * frame + 1).unwrap();
            assert_eq!((fresh, len), (header(layout, 10 * frame), HEADER_LEN as u64 + 10 * frame));
            for cut in 0..HEADER_LEN {
                assert_eq!(repaired(&stale[..cut], cut as u64), None);
            }
        }
        assert_eq!(repaired(&[0x41; 100], 100), None);
    }

    #[test]
    fn lengths_beyond_32_bits_saturate() {
        let out = header(Layout::Pcm16, u64::MAX);
        assert_eq!(u32::from_le_bytes([out[54], out[55], out[56], out[57]]) % 4, 0);
    }
}
