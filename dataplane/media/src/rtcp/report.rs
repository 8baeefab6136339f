//! Writing what we send: SR or RR, then SDES with our CNAME (RFC 3550 sections 6.4 and 6.5).

use super::compound::Block;
use super::{RECEIVER_REPORT, SENDER_REPORT, SOURCE_DESCRIPTION};

/// The longest that is written: SR with one block, and SDES.
pub const MAX_RTCP_LEN: usize = SENDER_LEN + BLOCK_LEN + DESCRIPTION_LEN;

const SENDER_LEN: usize = 28;
const BLOCK_LEN: usize = 24;
const DESCRIPTION_LEN: usize = 28;

/// SDES item of the canonical name.
const CNAME: u8 = 1;

/// 96 random bits, in base64: a name for as long as the call, that says nothing of the machine (RFC 7022 section 4.2).
pub type Cname = [u8; 12];

/// What a sender says of its own stream (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// Time of the report as an NTP timestamp.
    pub ntp: u64,
    /// The same time on the stream's clock.
    pub timestamp: u32,
    /// Packets sent since the beginning.
    pub packets: u32,
    /// Bytes of payload in them.
    pub octets: u32,
}

/// Writes a compound packet into `out` and returns its length.
///
/// # Panics
/// If `out` is shorter than [`MAX_RTCP_LEN`].
pub fn write(
    ssrc: u32,
    info: Option<SenderInfo>,
    block: Option<Block>,
    cname: Cname,
    out: &mut [u8],
) -> usize {
    let mut writer = Writer { out: &mut out[..MAX_RTCP_LEN], len: 0 };
    let count = u8::from(block.is_some());
    let words = if info.is_some() { 6 } else { 1 } + 6 * u16::from(count);
    let packet_type = if info.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
    writer.header(count, packet_type, words);
    writer.words([ssrc]);
    if let Some(info) = info {
        writer.bytes(&info.ntp.to_be_bytes());
        writer.words([info.timestamp, info.packets, info.octets]);
    }
    if let Some(block) = block {
        let [_, lost @ ..] = block.lost.clamp(-0x80_0000, 0x7F_FFFF).to_be_bytes();
        writer.words([block.ssrc]);
        writer.bytes(&[block.fraction_lost, lost[0], lost[1], lost[2]]);
        writer.words([block.highest, block.jitter, block.last_sr, block.delay]);
    }
    let name = base64(cname);
    writer.header(1, SOURCE_DESCRIPTION, 6);
    writer.words([ssrc]);
    writer.bytes(&[CNAME, name.len() as u8]);
    writer.bytes(&name);
    // The end of the list, up to the next word.
    writer.bytes(&[0; 2]);
    writer.len
}

struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl Writer<'_> {
    /// `words` counts what follows the header.
    fn header(&mut self, count: u8, packet_type: u8, words: u16) {
        let [high, low] = words.to_be_bytes();
        self.bytes(&[0x80 | count, packet_type, high, low]);
    }

    fn words<const N: usize>(&mut self, words: [u32; N]) {
        for word in words {
            self.bytes(&word.to_be_bytes());
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.out[self.len..][..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

/// RFC 4648 section 4. Twelve bytes need no padding.
fn base64(bytes: Cname) -> [u8; 16] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = [0; 16];
    for (signs, bytes) in text.as_chunks_mut::<4>().0.iter_mut().zip(bytes.as_chunks::<3>().0) {
        let bits = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        *signs = [18, 12, 6, 0].map(|shift| ALPHABET[(bits >> shift & 63) as usize]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_base64() {
        assert_eq!(&base64(*b"Hello world!"), b"SGVsbG8gd29ybGQh");
        assert_eq!(&base64([0xFF; 12]), b"////////////////");
    }
}
