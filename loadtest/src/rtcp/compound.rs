//! Reading a compound RTCP packet, as strictly as RFC 3550 section 6.1 and appendix A.2 allow.

/// What is looked at of a compound packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compound {
    /// Of the one who reports.
    pub(super) ssrc: u32,
    /// The first sender report.
    pub(super) info: Option<SenderInfo>,
    /// Of all reports.
    pub(super) blocks: Vec<Block>,
    /// Whether somebody leaves.
    pub(super) has_bye: bool,
}

/// What a sender says of itself (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SenderInfo {
    /// 32.32 seconds since 1900.
    pub(super) ntp: u64,
    pub(super) timestamp: u32,
    pub(super) packets: u32,
    pub(super) octets: u32,
}

/// What a receiver says of a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) ssrc: u32,
    /// In 256ths, since the report before.
    pub(super) fraction_lost: u8,
    /// In all; 24 bits, below 0 when packets were doubled.
    pub(super) lost: i32,
    /// Extended highest sequence number.
    pub(super) highest: u32,
    /// In units of the timestamp.
    pub(super) jitter: u32,
    /// Middle 32 bits of the last sender report's NTP time; 0 for none.
    pub(super) last_sender_report: u32,
    /// From its arrival to this report, in 65,536ths of a second.
    pub(super) delay: u32,
}

/// Why it cannot be read, in words.
type Malformed = &'static str;

pub(super) const SENDER_REPORT: u8 = 200;
pub(super) const RECEIVER_REPORT: u8 = 201;
pub(super) const DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
pub(super) const CNAME: u8 = 1;
pub(super) const BLOCK_BYTES: usize = 24;

impl Compound {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut compound = Self { ssrc: 0, info: None, blocks: Vec::new(), has_bye: false };
        let (mut rest, mut is_first, mut has_cname) = (bytes, true, false);
        while !rest.is_empty() {
            let head = rest.first_chunk::<4>().ok_or("cut short")?;
            let length = 4 * (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1);
            let (packet, after) = rest.split_at_checked(length).ok_or("longer than the datagram")?;
            let (count, kind) = (usize::from(head[0] & 0x1F), head[1]);
            if head[0] >> 6 != 2 {
                return Err("not version 2");
            }
            if is_first && !matches!(kind, SENDER_REPORT | RECEIVER_REPORT) {
                return Err("does not begin with a report");
            }
            // Padding is for ciphers: at the end of the last packet only (RFC 3550 section 6.4.1).
            let padding = if head[0] & 0x20 == 0 { 0 } else { usize::from(packet[length - 1]) };
            if head[0] & 0x20 != 0 && (!after.is_empty() || padding == 0 || padding % 4 != 0) {
                return Err("padded in a wrong way");
            }
            let body = packet.get(4..length - padding).ok_or("all padding")?;
            match kind {
                SENDER_REPORT | RECEIVER_REPORT => compound.report(kind, count, body, is_first)?,
                DESCRIPTION => has_cname |= names_its_sender(body, count)?,
                BYE if body.len() < 4 * count => return Err("a BYE that is too short"),
                BYE => compound.has_bye = true,
                // APP, feedback, extended reports: not ours to judge.
                _ => {}
            }
            (rest, is_first) = (after, false);
        }
        if is_first {
            return Err("empty");
        }
        // RFC 3550 section 6.1: every compound packet carries the CNAME.
        if !has_cname {
            return Err("without a CNAME");
        }
        Ok(compound)
    }

    fn report(&mut self, kind: u8, count: usize, body: &[u8], is_first: bool) -> Result<(), Malformed> {
        let info = if kind == SENDER_REPORT { 20 } else { 0 };
        // What follows the blocks is an extension of a profile.
        if body.len() < 4 + info + BLOCK_BYTES * count {
            return Err("a report that is too short");
        }
        if is_first {
            self.ssrc = word(body, 0);
        }
        if kind == SENDER_REPORT && self.info.is_none() {
            self.info = Some(SenderInfo {
                ntp: u64::from(word(body, 4)) << 32 | u64::from(word(body, 8)),
                timestamp: word(body, 12),
                packets: word(body, 16),
                octets: word(body, 20),
            });
        }
        for block in body[4 + info..].chunks_exact(BLOCK_BYTES).take(count) {
            self.blocks.push(Block {
                ssrc: word(block, 0),
                fraction_lost: block[4],
                lost: (word(block, 4) << 8) as i32 >> 8,
                highest: word(block, 8),
                jitter: word(block, 12),
                last_sender_report: word(block, 16),
                delay: word(block, 20),
            });
        }
        Ok(())
    }
}

/// Walks the chunks of a source description; whether one has a CNAME.
fn names_its_sender(body: &[u8], count: usize) -> Result<bool, Malformed> {
    let (mut at, mut found) = (0, false);
    for _ in 0..count {
        at += 4;
        loop {
            match body.get(at) {
                None => return Err("a description without its end"),
                // The list ends with a zero, and the chunk at the next multiple of four.
                Some(0) => break,
                Some(kind) => {
                    let length = usize::from(*body.get(at + 1).ok_or("an item cut short")?);
                    found |= *kind == CNAME && length > 0;
                    at += 2 + length;
                }
            }
        }
        at = (at + 1).next_multiple_of(4);
    }
    if at > body.len() { Err("a description cut short") } else { Ok(found) }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::super::report;
    use super::*;

    fn block() -> Block {
        Block {
            ssrc: 7,
            fraction_lost: 3,
            lost: -2,
            highest: 65_540,
            jitter: 9,
            last_sender_report: 5,
            delay: 6,
        }
    }

    fn info() -> SenderInfo {
        SenderInfo { ntp: 1 << 40 | 5, timestamp: 1, packets: 2, octets: 3 }
    }

    #[test]
    fn what_is_written_reads_back() {
        for (info, block) in
            [(Some(info()), Some(block())), (None, Some(block())), (Some(info()), None), (None, None)]
        {
            for cname in ["a", "ab", "abc", "abcd"] {
                let bytes = report::write(99, info.as_ref(), block.as_ref(), cname);
                let blocks = block.iter().cloned().collect();
                let compound = Compound { ssrc: 99, info: info.clone(), blocks, has_bye: false };
                assert_eq!(Compound::read(&bytes), Ok(compound));
            }
        }
    }

    #[test]
    fn damage_is_named() {
        let good = report::write(99, Some(&info()), Some(&block()), "abc");
        let damaged = |change: fn(&mut Vec<u8>)| {
            let mut bytes = good.clone();
            change(&mut bytes);
            Compound::read(&bytes)
        };
        assert_eq!(damaged(|b| b.clear()), Err("empty"));
        assert_eq!(damaged(|b| b.truncate(3)), Err("cut short"));
        assert_eq!(damaged(|b| b.truncate(50)), Err("longer than the datagram"));
        assert_eq!(damaged(|b| b[0] = 0x41), Err("not version 2"));
        assert_eq!(damaged(|b| b[1] = 202), Err("does not begin with a report"));
        assert_eq!(damaged(|b| b[0] |= 0x20), Err("padded in a wrong way"));
        assert_eq!(damaged(|b| b[0] = 0x9F), Err("a report that is too short"));
        assert_eq!(damaged(|b| b.truncate(52)), Err("without a CNAME"));
        assert_eq!(damaged(|b| b[61] = 200), Err("a description without its end"));
    }

    #[test]
    fn no_bytes_panic() {
        let mut random = crate::random::Random::keyed(1, b"rtcp");
        let good = report::write(99, Some(&info()), Some(&block()), "abc");
        for _ in 0..100_000 {
            let mut bytes = good.clone();
            for _ in 0..random.below(4) {
                let at = random.below(bytes.len() as u64) as usize;
                bytes[at] = random.next() as u8;
            }
            bytes.truncate(random.below(bytes.len() as u64 + 1) as usize);
            let _ = Compound::read(&bytes);
        }
    }
}
