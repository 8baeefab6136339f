//! What one call hears, made ready to be said in another.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::rtp::Header;
use crate::track::{AHEAD_SAMPLES, Track, Window};
use crate::{Codec, FRAME_SAMPLES, Prompt};

/// What is heard first is said so much later: packets may come late by so much. 40 ms.
const DELAY_SAMPLES: u64 = 2 * FRAME_SAMPLES as u64;

/// Frames that are used again and again. A recording holds the last second of them, and as many may be on their way to the disk.
const FRAMES_MAX: usize = 256;

/// Lays the audio of one call, in packets of any length, on the time of another's ticks: in the order of its timestamps, and with
/// silence for what is lost or was never sent. What comes 40 ms late and more is left out. What comes far too early, or late for long, is
/// a clock that has moved: 120 ms wait at the most.
#[derive(Debug)]
pub struct Relay {
    track: Option<Track>,
    buffer: [u8; AHEAD_SAMPLES],
    /// Position of the buffer's first sample: what the next tick takes.
    base: u64,
    /// The oldest first.
    frames: VecDeque<Arc<Prompt>>,
}

impl Relay {
    /// Nothing was heard yet.
    pub fn new() -> Self {
        Self { track: None, buffer: [0; AHEAD_SAMPLES], base: 0, frames: VecDeque::new() }
    }

    /// Takes the audio of one packet.
    pub fn hear(&mut self, header: &Header, codec: Codec, payload: &[u8]) {
        let track = match &mut self.track {
            Some(track) if track.codec() == codec => track,
            other => other.insert(Track::new(codec)),
        };
        let window = Window { base: self.base, present: 0 };
        track.put(&mut self.buffer, window, self.base + DELAY_SAMPLES, header, codec, payload);
    }

    /// What the next tick says, once every 20 ms; `None` where nothing was heard. Takes no memory once it has as many frames as are in
    /// use at a time.
    pub fn pull(&mut self) -> Option<Arc<Prompt>> {
        self.base += FRAME_SAMPLES as u64;
        let track = self.track.as_mut().filter(|track| track.written() > 0)?;
        track.hush_to(&mut self.buffer, FRAME_SAMPLES);
        let (codec, rest) = (track.codec(), track.written());
        track.advance(FRAME_SAMPLES);
        let frame = self.buffer.first_chunk().expect("a buffer is longer than a frame");
        let given = match self.frames.front_mut().and_then(Arc::get_mut) {
            Some(free) => {
                free.refill(codec, frame);
                let free = self.frames.pop_front().expect("just looked at");
                self.frames.push_back(free.clone());
                free
            }
            None => {
                let new = Prompt::from_frame(codec, frame);
                if self.frames.len() < FRAMES_MAX {
                    self.frames.push_back(new.clone());
                }
                new
            }
        };
        self.buffer.copy_within(FRAME_SAMPLES..rest, 0);
        Some(given)
    }
}

impl Default for Relay {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u32 = u32::MAX - 300;

    fn header(sample: u32) -> Header {
        Header { marker: false, payload_type: 0, sequence: 0, timestamp: START.wrapping_add(sample), ssrc: 7 }
    }

    /// The n-th frame of what is sent.
    fn audio(n: u8) -> [u8; FRAME_SAMPLES] {
        [n; FRAME_SAMPLES]
    }

    fn said(relay: &mut Relay) -> Option<u8> {
        let frame = relay.pull()?;
        let frame = frame.frame(Codec::Pcmu, 0).expect("one frame");
        assert!(frame.iter().all(|byte| *byte == frame[0]), "frames are whole");
        Some(frame[0])
    }

    #[test]
    fn packets_of_any_length_become_frames_in_both_laws() {
        let audio: Vec<u8> = (0..800).map(|n| Codec::Pcmu.encode((n * 37 % 8_000) as i16)).collect();
        for len in [80, 160, 240, 480] {
            let (mut relay, mut frames) = (Relay::new(), Vec::new());
            let mut packets = audio.chunks(len).enumerate().peekable();
            for tick in 0..8 {
                while let Some((n, packet)) = packets.next_if(|(n, _)| n * len <= tick * FRAME_SAMPLES) {
                    relay.hear(&header((n * len) as u32), Codec::Pcmu, packet);
                }
                frames.extend(relay.pull().filter(|_| tick >= 2));
            }
            assert_eq!(frames.len(), 5, "{len}");
            for (frame, sent) in frames.iter().zip(audio.chunks(FRAME_SAMPLES)) {
                assert_eq!(frame.frame(Codec::Pcmu, 0).expect("one frame"), sent);
                let other = frame.frame(Codec::Pcma, 0).expect("one frame");
                let expected: Vec<u8> =
                    sent.iter().map(|byte| Codec::Pcma.encode(Codec::Pcmu.decode(*byte))).collect();
                assert_eq!(other, expected.as_slice());
            }
        }
    }

    #[test]
    fn what_comes_out_of_order_or_twice_is_said_once_and_in_order() {
        let mut relay = Relay::new();
        let mut heard = Vec::new();
        for coming in [&[0u8][..], &[2, 1], &[], &[3, 3], &[4, 0], &[5], &[], &[]] {
            coming.iter().for_each(|n| relay.hear(&header(u32::from(*n) * 160), Codec::Pcmu, &audio(*n)));
            heard.push(said(&mut relay));
        }
        let silence = Some(Codec::Pcmu.silence());
        assert_eq!(heard, [silence, silence, Some(0), Some(1), Some(2), Some(3), Some(4), Some(5)]);
        assert_eq!(said(&mut relay), None);
    }

    #[test]
    fn what_is_lost_takes_its_time() {
        let mut relay = Relay::new();
        let mut heard = Vec::new();
        for n in 0..8 {
            if n != 2 {
                relay.hear(&header(n * 160), Codec::Pcmu, &audio(n as u8));
            }
            heard.push(said(&mut relay));
        }
        let silence = Some(Codec::Pcmu.silence());
        assert_eq!(heard[2..], [Some(0), Some(1), silence, Some(3), Some(4), Some(5)]);
        // Nothing is sent while nobody speaks; what comes then is where it belongs.
        (0..20).for_each(|_| assert!(relay.pull().is_none_or(|_| true)));
        relay.hear(&header(28 * 160), Codec::Pcmu, &audio(28));
        let heard: Vec<_> = (0..4).map(|_| said(&mut relay)).collect();
        assert_eq!(heard, [silence, silence, Some(28), None]);
    }

    #[test]
    fn a_clock_that_has_moved_is_followed() {
        let mut relay = Relay::new();
        relay.hear(&header(0), Codec::Pcmu, &audio(0));
        for n in 0..20 {
            // An hour ahead.
            relay.hear(&header(28_800_000 + n * 160), Codec::Pcmu, &audio(n as u8));
            relay.pull();
        }
        assert_eq!(said(&mut relay), Some(18));
        // Somebody else goes on in place of it.
        let other = Header { ssrc: 8, ..header(5) };
        relay.hear(&other, Codec::Pcmu, &audio(99));
        let heard: Vec<_> = (0..3).map(|_| said(&mut relay)).collect();
        assert!(heard.contains(&Some(99)), "{heard:?}");
    }
}
