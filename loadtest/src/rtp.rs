//! RTP of one call: what we send, and the account of what we hear.
//!
//! Owns sequence numbers, key presses and receive statistics (RFC 3550, RFC 4733). Never touches a socket: packets go out
//! as [`Packet`]s, come in with the kernel's receive time.

use crate::audio::{FRAME, Law, Track};
use crate::ledger::RtpRecord;

/// RFC 4733 section 2.5.1.4: a finished event is told three times.
const END_PACKETS: u32 = 3;
/// Packets of one key: 100 ms held, then the end.
const HELD_PACKETS: u32 = 5;
/// Packets from one key to the next.
const KEY_PACKETS: u32 = HELD_PACKETS + END_PACKETS + 5;
/// Keys that a call's record keeps.
const KEYS_MAX: usize = 64;

/// The event code of a key (RFC 4733 section 3.2).
pub(crate) fn event_code(key: u8) -> Option<u8> {
    b"0123456789*#ABCD".iter().position(|k| *k == key.to_ascii_uppercase()).map(|code| code as u8)
}

fn key_of(event: u8) -> Option<char> {
    b"0123456789*#ABCD".get(usize::from(event)).map(|k| char::from(*k))
}

/// One packet to send: a header of our own, and a payload that is shared or inside the header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet {
    header: [u8; 16],
    header_len: u8,
    pub(crate) payload: &'static [u8],
}

impl Packet {
    pub(crate) fn header(&self) -> &[u8] {
        &self.header[..usize::from(self.header_len)]
    }
}

/// The sending half: a packet every 20 ms.
#[derive(Debug)]
pub(crate) struct Sender {
    law: Law,
    event_type: Option<u8>,
    track: &'static Track,
    /// Packets since the track began.
    frame: u32,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    /// Keys to press, and the packet at which the first is pressed.
    keys: Vec<u8>,
    press_at: u32,
    pub(crate) sent: u32,
}

impl Sender {
    pub(crate) fn new(law: Law, event_type: Option<u8>, track: &'static Track, seed: u64) -> Self {
        Self {
            law,
            event_type,
            track,
            frame: 0,
            sequence: seed as u16,
            timestamp: (seed >> 16) as u32,
            ssrc: (seed >> 32) as u32,
            keys: Vec::new(),
            press_at: 0,
            sent: 0,
        }
    }

    /// Begins another sound, and presses keys `press_at` packets from now.
    pub(crate) fn play(&mut self, track: &'static Track, keys: &str, press_at: u32) {
        self.track = track;
        self.frame = 0;
        if self.event_type.is_some() {
            self.keys = keys.bytes().filter_map(event_code).collect();
            self.press_at = press_at;
        }
    }

    /// Keys of which the last packet has been sent.
    pub(crate) fn pressed(&self) -> String {
        let done =
            self.frame.saturating_sub(self.press_at + HELD_PACKETS + END_PACKETS - 1).div_ceil(KEY_PACKETS);
        self.keys.iter().take(done as usize).filter_map(|code| key_of(*code)).collect()
    }

    /// The packet that is due. `None` in the short pause after a key.
    pub(crate) fn next(&mut self) -> Option<Packet> {
        let frame = self.frame;
        self.frame += 1;
        let now = self.timestamp;
        self.timestamp = now.wrapping_add(FRAME as u32);

        let since = frame.checked_sub(self.press_at);
        let key = since.and_then(|n| {
            let code = self.keys.get((n / KEY_PACKETS) as usize)?;
            Some((*code, n % KEY_PACKETS))
        });
        let packet = match (key, self.event_type) {
            (Some((code, n)), Some(event_type)) if n < HELD_PACKETS + END_PACKETS => {
                let ended = n >= HELD_PACKETS;
                let duration = FRAME as u16 * (n.min(HELD_PACKETS - 1) as u16 + 1);
                // All packets of an event carry the time at which it began.
                let began = now.wrapping_sub(FRAME as u32 * n);
                let mut packet = self.packet(event_type, n == 0, began, &[]);
                packet.header[12..16].copy_from_slice(&[
                    code,
                    if ended { 0x80 | 10 } else { 10 },
                    (duration >> 8) as u8,
                    duration as u8,
                ]);
                packet.header_len = 16;
                packet
            }
            (Some(_), Some(_)) => return None,
            _ => self.packet(self.law.payload_type(), frame == 0, now, self.track.frame(self.law, frame)),
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.sent += 1;
        Some(packet)
    }

    fn packet(&self, payload_type: u8, marker: bool, timestamp: u32, payload: &'static [u8]) -> Packet {
        let mut header = [0; 16];
        header[0] = 0x80;
        header[1] = payload_type | if marker { 0x80 } else { 0 };
        header[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        header[4..8].copy_from_slice(&timestamp.to_be_bytes());
        header[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        Packet { header, header_len: 12, payload }
    }
}

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

/// One synchronisation source: a change begins the sequence anew.
#[derive(Debug, Clone, Copy)]
struct Stream {
    ssrc: u32,
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

impl Reception {
    /// A packet that is not this call's audio.
    pub(crate) fn on_strange(&mut self) {
        self.strange += 1;
    }

    /// A datagram that came to the call's address at `at_us` by the kernel's clock.
    pub(crate) fn on_packet(&mut self, packet: &[u8], at_us: u64, event_type: Option<u8>) {
        // RTCP shares the port only by agreement, which we never give; its types are those of RFC 5761 section 4.
        if packet.len() < 12 || packet[0] >> 6 != 2 || (192..224).contains(&packet[1]) {
            return self.on_strange();
        }
        let word =
            |at: usize| u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]);
        let (sequence, timestamp, ssrc) = (u16::from_be_bytes([packet[2], packet[3]]), word(4), word(8));
        let header = 12 + 4 * usize::from(packet[0] & 0x0F);
        let Some(payload) = packet.get(header..) else { return self.on_strange() };

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
                let step = i64::from(sequence.wrapping_sub(stream.highest as u16) as i16);
                if step <= 0 {
                    if stream.fills_hole(step.unsigned_abs() as u32) {
                        self.reordered += 1;
                    } else {
                        self.duplicated += 1;
                    }
                    return;
                }
                stream.highest += step;
                stream.came = stream.came.checked_shl(step as u32).unwrap_or(0) | 1;
                // Packets of one key share a timestamp: they tell nothing about time.
                if !is_event {
                    let due_us = u64::from(timestamp.wrapping_sub(stream.timestamp)) * 125;
                    let deviation = at_us.saturating_sub(stream.at_us).abs_diff(due_us);
                    (stream.timestamp, stream.at_us) = (timestamp, at_us);
                    // A timestamp that leaps is a new recording, not a late packet.
                    if due_us < 60_000_000 {
                        self.deviation.add(deviation);
                        self.jitter_16 = self.jitter_16 + deviation - ((self.jitter_16 + 8) >> 4);
                    }
                }
            }
            replaced => {
                self.expected_before += replaced.map_or(0, |s| s.expected());
                self.sources += 1;
                let first = i64::from(sequence);
                *replaced = Some(Stream { ssrc, first, highest: first, came: 1, timestamp, at_us });
            }
        }
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

/// A histogram of microseconds, four buckets to a doubling from 16 µs to half a second.
#[derive(Debug)]
struct Deviation {
    buckets: [u32; 64],
    count: u32,
    max: u32,
}

impl Default for Deviation {
    fn default() -> Self {
        Self { buckets: [0; 64], count: 0, max: 0 }
    }
}

impl Deviation {
    fn add(&mut self, us: u64) {
        let us = us.min(u64::from(u32::MAX)) as u32;
        let bucket = if us < 16 {
            us / 4
        } else {
            let doubling = us.ilog2();
            ((doubling - 3) * 4 + ((us >> (doubling - 2)) & 3)).min(63)
        };
        self.buckets[bucket as usize] += 1;
        self.count += 1;
        self.max = self.max.max(us);
    }

    /// Upper edge of the bucket that holds the percentile, never above the maximum; 0 of nothing.
    fn percentile(&self, percent: u32) -> u32 {
        let rank = (u64::from(self.count) * u64::from(percent)).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                let bucket = bucket as u32;
                let edge = match bucket {
                    0..4 => bucket * 4 + 3,
                    63 => u32::MAX,
                    _ => (1 << (bucket / 4 + 3)) + (bucket % 4 + 1) * (1 << (bucket / 4 + 1)) - 1,
                };
                return edge.min(self.max);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Tracks;

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
    fn percentiles_are_within_a_fifth() {
        let mut deviation = Deviation::default();
        (1..=1_000u64).for_each(|us| deviation.add(us * 10));
        for (percent, exact) in [(50, 5_000), (99, 9_900)] {
            let got = deviation.percentile(percent);
            assert!((exact..exact * 6 / 5).contains(&got), "{percent}: {got}");
        }
        let mut one = Deviation::default();
        one.add(u64::MAX);
        assert_eq!(one.percentile(99), u32::MAX);
    }

    #[test]
    fn keys_are_pressed_in_order_and_heard_once() {
        let mut sender = Sender::new(Law::A, Some(101), &Tracks::shared().person, 5);
        sender.play(&Tracks::shared().person, "12#", 10);
        let mut reception = Reception::default();
        for n in 0..100u64 {
            if let Some(packet) = sender.next() {
                let bytes = [packet.header(), packet.payload].concat();
                reception.on_packet(&bytes, n * 20_000, Some(101));
            }
            if n == 16 {
                assert_eq!(sender.pressed(), "");
            }
            if n == 17 {
                assert_eq!(sender.pressed(), "1");
            }
        }
        assert_eq!(sender.pressed(), "12#");
        let record = reception.record(sender.sent);
        assert_eq!(record.keys, "12#");
        assert_eq!((record.received, record.lost, record.deviation_max_us), (sender.sent, 0, 0));
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
