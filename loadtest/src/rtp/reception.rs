//! The listening half: loss, order, timing.

use super::deviation::Deviation;
use super::key_of;
use crate::ledger::RtpRecord;

/// Microseconds of a timestamp unit at 8 kHz.
const UNIT_US: i64 = 125;
/// Keys that a call's record keeps.
const KEYS_MAX: usize = 64;

/// The listening half.
#[derive(Debug, Default)]
pub(crate) struct Reception {
    received: u32,
    bytes: u64,
    reordered: u32,
    duplicated: u32,
    strange: u32,
    first_us: u64,
    last_us: u64,
    /// Jitter of RFC 3550 section 6.4.1 in sixteenths of a microsecond.
    jitter_16: u64,
    stream: Option<Stream>,
    /// Streams so far.
    sources: u32,
    /// Packets that sequence numbers promised in streams that were replaced.
    expected_before: u64,
    deviation: Deviation,
    keys: String,
    last_key: Option<u32>,
}

/// What a packet was to its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The first of a stream.
    First,
    /// One that had not come before.
    New {
        /// Counted from the first of the stream, which is 0; below 0 for one that should have come before it.
        sequence: i64,
        /// When it was due after the first of the stream, by their timestamps. `None` for events: all packets of a key have
        /// the time of the first.
        due_us: Option<i64>,
    },
    /// One that came before, or that is nobody's.
    Nothing,
}

/// What a report tells of the stream that is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) ssrc: u32,
    /// Extended highest sequence number (RFC 3550 section 6.4.1).
    pub(crate) highest: u32,
    pub(crate) expected: u64,
    /// Doubled ones included, as the RFC counts.
    pub(crate) received: u64,
    pub(crate) jitter_us: u64,
    /// When the last packet came, Unix microseconds.
    pub(crate) last_us: u64,
}

/// One synchronisation source: a change begins the sequence anew.
#[derive(Debug, Clone, Copy)]
struct Stream {
    ssrc: u32,
    /// Packets, doubled ones included.
    received: u64,
    /// Timestamp units from its first packet to the last one that tells time.
    elapsed: i64,
    first: i64,
    /// Highest sequence number, wraps included.
    highest: i64,
    /// The 64 sequence numbers up to the highest, as bits: which of them came.
    came: u64,
    timestamp: u32,
    at_us: u64,
}

impl Stream {
    fn expected(&self) -> u64 {
        (self.highest - self.first + 1) as u64
    }

    /// Notes a packet that is not beyond the highest; whether it is the first with its number.
    fn fills_hole(&mut self, behind: u32) -> bool {
        let bit = 1u64.checked_shl(behind).unwrap_or(0);
        let is_new = bit != 0 && self.came & bit == 0 && i64::from(behind) <= self.highest - self.first;
        self.came |= bit;
        is_new
    }
}

/// Whether a datagram of a port that both share is RTCP: by its type (RFC 5761 section 4).
pub(crate) fn is_control(packet: &[u8]) -> bool {
    packet.get(1).is_some_and(|kind| (192..224).contains(kind))
}

impl Reception {
    /// A packet that is not this call's audio.
    pub(crate) fn on_strange(&mut self) {
        self.strange += 1;
    }

    /// A datagram that came to the call's address at `at_us` by the kernel's clock.
    pub(crate) fn on_packet(&mut self, packet: &[u8], at_us: u64, event_type: Option<u8>) -> Arrival {
        if packet.len() < 12 || packet[0] >> 6 != 2 || is_control(packet) {
            self.on_strange();
            return Arrival::Nothing;
        }
        let word =
            |at: usize| u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]);
        let (sequence, timestamp, ssrc) = (u16::from_be_bytes([packet[2], packet[3]]), word(4), word(8));
        let header = 12 + 4 * usize::from(packet[0] & 0x0F);
        let Some(payload) = packet.get(header..) else {
            self.on_strange();
            return Arrival::Nothing;
        };

        if self.received == 0 {
            self.first_us = at_us;
        }
        self.received += 1;
        self.bytes += payload.len() as u64;
        self.last_us = at_us;

        let is_event = Some(packet[1] & 0x7F) == event_type;
        if is_event {
            self.on_event(payload, timestamp);
        }
        match &mut self.stream {
            Some(stream) if stream.ssrc == ssrc => {
                stream.received += 1;
                let step = i64::from(sequence.wrapping_sub(stream.highest as u16) as i16);
                let advance = i64::from(timestamp.wrapping_sub(stream.timestamp) as i32);
                let due_us = (!is_event).then_some((stream.elapsed + advance) * UNIT_US);
                let place = stream.highest + step - stream.first;
                if step <= 0 {
                    return if stream.fills_hole(step.unsigned_abs() as u32) {
                        self.reordered += 1;
                        Arrival::New { sequence: place, due_us }
                    } else {
                        self.duplicated += 1;
                        Arrival::Nothing
                    };
                }
                stream.highest += step;
                stream.came = stream.came.checked_shl(step as u32).unwrap_or(0) | 1;
                // Packets of one key share a timestamp: they tell nothing about time.
                if !is_event {
                    let advance_us = u64::from(timestamp.wrapping_sub(stream.timestamp)) * UNIT_US as u64;
                    let deviation = at_us.saturating_sub(stream.at_us).abs_diff(advance_us);
                    (stream.timestamp, stream.at_us) = (timestamp, at_us);
                    stream.elapsed += advance;
                    // A timestamp that leaps is a new recording, not a late packet.
                    if advance_us < 60_000_000 {
                        self.deviation.add(deviation);
                        self.jitter_16 = self.jitter_16 + deviation - ((self.jitter_16 + 8) >> 4);
                    }
                }
                Arrival::New { sequence: place, due_us }
            }
            replaced => {
                self.expected_before += replaced.map_or(0, |s| s.expected());
                self.sources += 1;
                let first = i64::from(sequence);
                *replaced = Some(Stream {
                    ssrc,
                    received: 1,
                    elapsed: 0,
                    first,
                    highest: first,
                    came: 1,
                    timestamp,
                    at_us,
                });
                Arrival::First
            }
        }
    }

    /// Whether the stream that is heard is not the first.
    pub(crate) fn is_replaced(&self) -> bool {
        self.sources > 1
    }

    /// What a report tells; `None` before the first packet.
    pub(crate) fn heard(&self) -> Option<Heard> {
        self.stream.map(|stream| Heard {
            ssrc: stream.ssrc,
            highest: stream.highest as u32,
            expected: stream.expected(),
            received: stream.received,
            jitter_us: self.jitter_16 >> 4,
            last_us: self.last_us,
        })
    }

    fn on_event(&mut self, payload: &[u8], timestamp: u32) {
        // Packets of one press share its timestamp (RFC 4733 section 2.5.1.2); later ones say nothing new.
        if self.last_key != Some(timestamp)
            && self.keys.len() < KEYS_MAX
            && let Some(key) = payload.first().and_then(|event| key_of(*event))
        {
            self.keys.push(key);
            self.last_key = Some(timestamp);
        }
    }

    /// The account so far.
    pub(crate) fn record(&self, sent: u32) -> RtpRecord {
        let expected = self.expected_before + self.stream.map_or(0, |s| s.expected());
        RtpRecord {
            sent,
            received: self.received,
            bytes: self.bytes,
            lost: expected.saturating_sub(u64::from(self.received - self.duplicated)).min(u64::from(u32::MAX))
                as u32,
            reordered: self.reordered,
            duplicated: self.duplicated,
            strange: self.strange,
            sources: self.sources,
            first_us: self.first_us,
            last_us: self.last_us,
            jitter_us: (self.jitter_16 >> 4).min(u64::from(u32::MAX)) as u32,
            deviation_p50_us: self.deviation.percentile(50),
            deviation_p99_us: self.deviation.percentile(99),
            deviation_max_us: self.deviation.max,
            keys: self.keys.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::FRAME;

    fn packet(sequence: u16, timestamp: u32) -> Vec<u8> {
        let mut packet = vec![0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        packet.extend([0xFF; FRAME]);
        packet
    }

    fn hear(reception: &mut Reception, steps: &[(u16, u32, u64)]) -> RtpRecord {
        for (sequence, timestamp, at_us) in steps {
            reception.on_packet(&packet(*sequence, *timestamp), *at_us, Some(101));
        }
        reception.record(0)
    }

    #[test]
    fn a_perfect_stream_has_no_deviation_across_the_wrap() {
        let steps: Vec<_> = (0..100u32)
            .map(|n| {
                let sequence = 65_500u16.wrapping_add(n as u16);
                (sequence, (u32::MAX - 800).wrapping_add(160 * n), 1_000_000 + 20_000 * u64::from(n))
            })
            .collect();
        let record = hear(&mut Reception::default(), &steps);
        assert_eq!((record.received, record.lost, record.reordered), (100, 0, 0));
        assert_eq!((record.deviation_max_us, record.jitter_us), (0, 0));
    }

    #[test]
    fn holes_are_lost_and_late_packets_fill_them() {
        let record = hear(
            &mut Reception::default(),
            &[(1, 160, 1), (2, 320, 2), (5, 800, 3), (4, 640, 4), (4, 640, 5)],
        );
        // 3 never came; 4 came late, and twice.
        assert_eq!((record.received, record.reordered, record.duplicated, record.lost), (5, 1, 1, 1));
    }

    #[test]
    fn a_late_packet_shows_in_the_maximum() {
        let steps: Vec<_> = (0..200u16)
            .map(|n| (n, 160 * u32::from(n), 20_000 * u64::from(n) + if n == 100 { 7_000 } else { 0 }))
            .collect();
        let record = hear(&mut Reception::default(), &steps);
        // It is late, and the next is early against it. The median is told by the edge of its bucket.
        assert_eq!((record.deviation_p50_us, record.deviation_max_us), (3, 7_000));
    }

    #[test]
    fn a_new_source_begins_anew() {
        let mut reception = Reception::default();
        hear(&mut reception, &[(1, 160, 1), (2, 320, 2)]);
        let mut other = packet(9_000, 5);
        other[11] = 10;
        reception.on_packet(&other, 30, None);
        assert_eq!(reception.record(0).lost, 0);
    }

    #[test]
    fn junk_is_strange_and_nothing_else() {
        let mut reception = Reception::default();
        let short: &[u8] = &[0x80; 11];
        for junk in [&[][..], short, &[0x40; 60], &[0x8F; 20], &[0x80, 200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
            reception.on_packet(junk, 1, None);
        }
        assert_eq!((reception.record(0).strange, reception.record(0).received), (5, 0));
    }
}
