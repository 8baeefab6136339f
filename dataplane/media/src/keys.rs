//! Keys that are pressed for the far end, as telephone-events (RFC 4733 section 2.5.1).

use std::collections::VecDeque;

use common::digits::Digit;

use crate::FRAME_SAMPLES;
use crate::rtp::Sender;

/// Keys that may wait to be pressed. Nobody presses more ahead of what is sent.
const WAITING_MAX: usize = 32;
/// How long a key is down: 100 ms, in packets.
const DOWN: u16 = 5;
/// Further packets that tell its end, in case that one is lost (section 2.5.1.4).
const END_REPEATS: u16 = 2;
/// Packets of audio between two keys, at least.
const PAUSE: u16 = 3;
/// −10 dBm0, as telephones send it.
const VOLUME: u8 = 10;
const END_BIT: u8 = 0x80;

/// The keys on their way.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    waiting: VecDeque<Digit>,
    down: Option<Down>,
    /// Packets of audio that are still due before the next key.
    pause: u16,
}

#[derive(Clone, Copy, Debug)]
struct Down {
    key: Digit,
    /// When it went down; all its packets have this.
    timestamp: u32,
    /// Packets sent.
    sent: u16,
}

impl Keys {
    /// Presses a key after those that wait. Says whether there was room.
    pub(crate) fn press(&mut self, key: Digit) -> bool {
        let has_room = self.waiting.len() < WAITING_MAX;
        if has_room {
            self.waiting.push_back(key);
        }
        has_room
    }

    /// Whether there is nothing to be sent, now or later.
    pub(crate) fn is_idle(&self) -> bool {
        self.down.is_none() && self.waiting.is_empty()
    }

    /// Writes what takes the place of the next frame of audio, and gives its length; `None` if audio is to be sent.
    pub(crate) fn write(&mut self, sender: &mut Sender, payload_type: u8, out: &mut [u8]) -> Option<usize> {
        if self.down.is_none() && self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        let mut down = match self.down {
            Some(down) => down,
            None => Down { key: self.waiting.pop_front()?, timestamp: sender.timestamp(), sent: 0 },
        };
        let is_first = down.sent == 0;
        down.sent += 1;
        let end = if down.sent >= DOWN { END_BIT } else { 0 };
        let [high, low] = (down.sent.min(DOWN) * FRAME_SAMPLES as u16).to_be_bytes();
        let payload = [down.key.event(), end | VOLUME, high, low];
        let len = sender.write_event(payload_type, is_first, down.timestamp, payload, out);
        let is_last = down.sent == DOWN + END_REPEATS;
        self.down = (!is_last).then_some(down);
        self.pause = if is_last { PAUSE } else { 0 };
        Some(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::Packet;

    #[test]
    fn each_key_is_one_event_with_three_ends_and_a_pause() {
        let (mut keys, mut sender) = (Keys::default(), Sender::new(1, 10, 1_000));
        let digits = ['5', '#'].map(|sign| Digit::from_char(sign).expect("a key"));
        assert!(digits.into_iter().all(|key| keys.press(key)));
        let mut out = [0; 200];
        let mut events = Vec::new();
        for tick in 0..20 {
            let Some(len) = keys.write(&mut sender, 101, &mut out) else {
                sender.write(8, &[0; FRAME_SAMPLES], &mut out);
                continue;
            };
            let Packet { header, payload } = Packet::parse(&out[..len]).expect("a packet");
            assert_eq!((header.payload_type, header.sequence), (101, 10 + tick));
            let duration = u16::from_be_bytes([payload[2], payload[3]]);
            events.push((header.timestamp, header.marker, payload[0], payload[1] & END_BIT != 0, duration));
        }
        let event = |at: u32, code: u8| {
            let durations = [160, 320, 480, 640, 800, 800, 800];
            durations.into_iter().enumerate().map(move |(n, duration)| (at, n == 0, code, n >= 4, duration))
        };
        assert_eq!(events, event(1_000, 5).chain(event(1_000 + 10 * 160, 11)).collect::<Vec<_>>());
        assert!(keys.is_idle());
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut keys = Keys::default();
        let five = Digit::from_event(5).expect("a key");
        assert_eq!((0..100).filter(|_| keys.press(five)).count(), WAITING_MAX);
    }
}
