//! Writing a compound RTCP packet: a report and a source description.

use super::compound::{BLOCK_BYTES, Block, CNAME, DESCRIPTION, RECEIVER_REPORT, SENDER_REPORT, SenderInfo};

/// Seconds from 1900 to 1970.
const NTP_EPOCH: u64 = 2_208_988_800;

/// Unix microseconds as 32.32 seconds since 1900.
pub(super) fn ntp(unix_us: u64) -> u64 {
    let (seconds, us) = (unix_us / 1_000_000, unix_us % 1_000_000);
    (seconds.wrapping_add(NTP_EPOCH) << 32) | ((us << 32) / 1_000_000)
}

/// A sender report if there is something to say as a sender, else a receiver report; then the name.
pub(super) fn write(ssrc: u32, info: Option<&SenderInfo>, block: Option<&Block>, cname: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    let kind = if info.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
    let length = 8 + if info.is_some() { 20 } else { 0 } + if block.is_some() { BLOCK_BYTES } else { 0 };
    head(&mut bytes, usize::from(block.is_some()), kind, length);
    let mut word = |value: u32| bytes.extend_from_slice(&value.to_be_bytes());
    word(ssrc);
    if let Some(info) = info {
        word((info.ntp >> 32) as u32);
        word(info.ntp as u32);
        word(info.timestamp);
        word(info.packets);
        word(info.octets);
    }
    if let Some(block) = block {
        word(block.ssrc);
        word(u32::from(block.fraction_lost) << 24 | (block.lost as u32 & 0xFF_FFFF));
        word(block.highest);
        word(block.jitter);
        word(block.last_sender_report);
        word(block.delay);
    }

    let cname = &cname.as_bytes()[..cname.len().min(255)];
    // One to four zeroes end the list and fill the last word (RFC 3550 section 6.5).
    let length = (8 + 2 + cname.len() + 1).next_multiple_of(4);
    let end = bytes.len() + length;
    head(&mut bytes, 1, DESCRIPTION, length);
    bytes.extend_from_slice(&ssrc.to_be_bytes());
    bytes.extend_from_slice(&[CNAME, cname.len() as u8]);
    bytes.extend_from_slice(cname);
    bytes.resize(end, 0);
    bytes
}

fn head(bytes: &mut Vec<u8>, count: usize, kind: u8, length: usize) {
    bytes.extend_from_slice(&[0x80 | count as u8, kind]);
    bytes.extend_from_slice(&((length / 4 - 1) as u16).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_counts_from_1900() {
        assert_eq!(ntp(0), NTP_EPOCH << 32);
        assert_eq!(ntp(500_000) as u32, 1 << 31);
    }
}
