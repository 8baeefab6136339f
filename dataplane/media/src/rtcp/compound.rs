//! Reading a compound packet (RFC 3550 sections 6.1 and 6.4, appendix A.2).
//!
//! The whole datagram is checked before any of it is handed out, so that one is taken whole or not at all. RTCP is made
//! of 32-bit words; so is this.

use super::{BYE, RECEIVER_REPORT, RtcpDrop, SENDER_REPORT};

type Word = [u8; 4];

/// A datagram whose every length, count and padding was found to fit.
#[derive(Clone, Copy, Debug)]
pub struct Compound<'a> {
    words: &'a [Word],
}

/// One packet of a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// SR.
    Sender {
        /// Who sends it.
        ssrc: u32,
        /// Wall clock, or time since the sender's start, as an NTP timestamp.
        ntp: u64,
        /// On what it hears.
        blocks: Blocks<'a>,
    },
    /// RR.
    Receiver {
        /// Who sends it.
        ssrc: u32,
        /// On what it hears.
        blocks: Blocks<'a>,
    },
    /// BYE, since a call's end is SIP's, source descriptions, feedback, extended reports and all else, in which there is
    /// nothing for us.
    Other,
}

/// The report blocks of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks<'a>(&'a [[Word; 6]]);

/// What somebody hears of one source (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The source.
    pub ssrc: u32,
    /// Part of the packets since the report before that was lost, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; below 0 when more copies came than packets were lost. 24 bits.
    pub lost: i32,
    /// Highest sequence number received, with the number of wraps in the upper half.
    pub highest: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// Middle of the NTP timestamp of the last SR from this source; 0 for none.
    pub last_sr: u32,
    /// Time since that SR arrived, in 1/65536 s.
    pub delay: u32,
}

impl<'a> Compound<'a> {
    /// Checks a datagram.
    pub fn parse(bytes: &'a [u8]) -> Result<Compound<'a>, RtcpDrop> {
        let (words, []) = bytes.as_chunks::<4>() else { return Err(RtcpDrop::Malformed) };
        let mut rest = words;
        let mut first = true;
        while !rest.is_empty() {
            let (part, after) = split(rest).ok_or(RtcpDrop::Malformed)?;
            if first && !matches!(part, Part::Sender { .. } | Part::Receiver { .. }) {
                return Err(RtcpDrop::NoReport);
            }
            (rest, first) = (after, false);
        }
        if first { Err(RtcpDrop::Malformed) } else { Ok(Compound { words }) }
    }

    /// Its packets, in order.
    pub fn parts(self) -> impl Iterator<Item = Part<'a>> {
        let mut rest = self.words;
        std::iter::from_fn(move || {
            let (part, after) = split(rest)?;
            rest = after;
            Some(part)
        })
    }
}

impl<'a> Blocks<'a> {
    /// The blocks, in order.
    pub fn iter(self) -> impl Iterator<Item = Block> + use<'a> {
        self.0.iter().map(Block::read)
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl Block {
    fn read([ssrc, loss, highest, jitter, last_sr, delay]: &[Word; 6]) -> Block {
        let [fraction_lost, lost @ ..] = *loss;
        Block {
            ssrc: u32::from_be_bytes(*ssrc),
            fraction_lost,
            // Shifted down again with its sign.
            lost: i32::from_be_bytes([lost[0], lost[1], lost[2], 0]) >> 8,
            highest: u32::from_be_bytes(*highest),
            jitter: u32::from_be_bytes(*jitter),
            last_sr: u32::from_be_bytes(*last_sr),
            delay: u32::from_be_bytes(*delay),
        }
    }
}

/// The first packet of `words`, and what follows it; `None` when something in it does not fit.
fn split(words: &[Word]) -> Option<(Part<'_>, &[Word])> {
    let ([flags, packet_type, high, low], rest) = words.split_first()?;
    let (body, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?;
    let (version, padded, count) = (flags >> 6, flags & 0x20 != 0, usize::from(flags & 0x1F));
    if version != 2 || (padded && !rest.is_empty()) {
        return None;
    }
    let body = if padded { without_padding(body)? } else { body };
    let part = match *packet_type {
        SENDER_REPORT => {
            let [ssrc, ntp_high, ntp_low, _rtp, _packets, _octets, blocks @ ..] = body else { return None };
            Part::Sender {
                ssrc: u32::from_be_bytes(*ssrc),
                ntp: u64::from(u32::from_be_bytes(*ntp_high)) << 32 | u64::from(u32::from_be_bytes(*ntp_low)),
                blocks: Blocks(blocks.as_chunks().0.get(..count)?),
            }
        }
        RECEIVER_REPORT => {
            let [ssrc, blocks @ ..] = body else { return None };
            Part::Receiver {
                ssrc: u32::from_be_bytes(*ssrc),
                blocks: Blocks(blocks.as_chunks().0.get(..count)?),
            }
        }
        BYE if body.len() < count => return None,
        _ => Part::Other,
    };
    Some((part, rest))
}

/// The last byte counts the bytes of padding, itself included.
fn without_padding(body: &[Word]) -> Option<&[Word]> {
    let [.., padding] = *body.last()?;
    if padding == 0 || !padding.is_multiple_of(4) {
        return None;
    }
    body.get(..body.len().checked_sub(usize::from(padding / 4))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_have_a_sign() {
        let words = |loss: [u8; 4]| [[0; 4], loss, [0; 4], [0; 4], [0; 4], [0; 4]];
        let lost = |loss| Block::read(&words(loss)).lost;
        assert_eq!(lost([9, 0, 1, 0]), 256);
        assert_eq!(lost([9, 0xFF, 0xFF, 0xFF]), -1);
        assert_eq!(lost([9, 0x80, 0, 0]), -0x80_0000);
        assert_eq!(lost([9, 0x7F, 0xFF, 0xFF]), 0x7F_FFFF);
    }
}
