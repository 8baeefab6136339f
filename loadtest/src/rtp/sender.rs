//! The sending half: a sound, and keys pressed in between.

use super::{event_code, key_of};
use crate::audio::{FRAME, Law, Track};

/// RFC 4733 section 2.5.1.4: a finished event is told three times.
const END_PACKETS: u32 = 3;
/// Packets of one key: 100 ms held, then the end.
const HELD_PACKETS: u32 = 5;
/// Packets from one key to the next.
const KEY_PACKETS: u32 = HELD_PACKETS + END_PACKETS + 5;

/// Packets that it takes to press these keys.
pub(crate) fn press_packets(keys: &str) -> u32 {
    keys.len() as u32 * KEY_PACKETS
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

/// The sending half: a packet every 20 ms, or every few times 20 ms.
#[derive(Debug)]
pub(crate) struct Sender {
    law: Law,
    /// Frames of 20 ms in a packet.
    frames: u32,
    event_type: Option<u8>,
    track: &'static Track,
    /// Packets since the track began.
    frame: u32,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    /// Keys to press with this track, and the packet at which the first is pressed.
    keys: Vec<u8>,
    press_at: u32,
    /// Packets from one press of all keys to the next; 0: they are pressed once.
    press_every: u32,
    /// Keys that were pressed with the tracks before.
    pressed: String,
    pub(crate) sent: u32,
    /// Payload bytes sent.
    pub(crate) octets: u32,
}

impl Sender {
    pub(crate) fn new(law: Law, event_type: Option<u8>, track: &'static Track, seed: u64) -> Self {
        Self {
            law,
            frames: 1,
            event_type,
            track,
            frame: 0,
            sequence: seed as u16,
            timestamp: (seed >> 16) as u32,
            ssrc: (seed >> 32) as u32,
            keys: Vec::new(),
            press_at: 0,
            press_every: 0,
            pressed: String::new(),
            sent: 0,
            octets: 0,
        }
    }

    /// Puts that many frames of 20 ms into each packet.
    pub(crate) fn in_packets_of(self, frames: u32) -> Self {
        Self { frames, ..self }
    }

    /// Begins another sound, and presses keys `press_at` packets from now, and again every `press_every` if that is not 0.
    pub(crate) fn play(&mut self, track: &'static Track, keys: &str, press_at: u32, press_every: u32) {
        self.pressed = self.pressed();
        self.track = track;
        self.frame = 0;
        if self.event_type.is_some() {
            self.keys = keys.bytes().filter_map(event_code).collect();
            self.press_at = press_at;
            // All keys have time to be pressed.
            let shortest = self.keys.len() as u32 * KEY_PACKETS;
            self.press_every = if press_every == 0 { 0 } else { press_every.max(shortest) };
        }
    }

    pub(crate) fn law(&self) -> Law {
        self.law
    }

    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The timestamp of the packet that is due next.
    pub(crate) fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// The sequence number of the packet before that.
    pub(crate) fn last_sequence(&self) -> u16 {
        self.sequence.wrapping_sub(1)
    }

    /// Keys of which the last packet has been sent; those that are pressed again and again, once.
    pub(crate) fn pressed(&self) -> String {
        let done =
            self.frame.saturating_sub(self.press_at + HELD_PACKETS + END_PACKETS - 1).div_ceil(KEY_PACKETS);
        let keys = self.keys.iter().take(done as usize).filter_map(|code| key_of(*code));
        self.pressed.chars().chain(keys).collect()
    }

    /// The packet that is due. `None` in the short pause after a key.
    pub(crate) fn next(&mut self) -> Option<Packet> {
        let frame = self.frame;
        self.frame += 1;
        let now = self.timestamp;
        let advance = FRAME as u32 * self.frames;
        self.timestamp = now.wrapping_add(advance);

        let since = frame.checked_sub(self.press_at);
        let since = since.map(|n| n.checked_rem(self.press_every).unwrap_or(n));
        let key = since.and_then(|n| {
            let code = self.keys.get((n / KEY_PACKETS) as usize)?;
            Some((*code, n % KEY_PACKETS))
        });
        let packet = match (key, self.event_type) {
            (Some((code, n)), Some(event_type)) if n < HELD_PACKETS + END_PACKETS => {
                let ended = n >= HELD_PACKETS;
                let duration = advance as u16 * (n.min(HELD_PACKETS - 1) as u16 + 1);
                // All packets of an event carry the time at which it began.
                let began = now.wrapping_sub(advance * n);
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
            _ => {
                let payload = self.track.payload(self.law, frame, self.frames);
                self.packet(self.law.payload_type(), frame == 0, now, payload)
            }
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.sent += 1;
        self.octets =
            self.octets.wrapping_add(u32::from(packet.header_len) - 12 + packet.payload.len() as u32);
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
