//! What one call hears, made ready to be said in another.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::rtp::{DropReason, Header};
use crate::track::{AHEAD_SAMPLES, Track, Window};
use crate::{Codec, FRAME_SAMPLES, Prompt};

/// What is heard first is said so much later: packets may come late by so much. 40 ms.
const DELAY_SAMPLES: u64 = 2 * FRAME_SAMPLES as u64;

/// Frames in use at a time: one that is said, four that may wait in a session, one that is made, and two to spare.
const FRAMES: usize = 8;

/// The same where the call that says them is recorded: a recording holds the last second of them, and as many may be on their way to
/// the disk.
const FRAMES_RECORDED: usize = 128;

/// Lays the audio of one call, in packets of any length, on the time of another's ticks: in the order of its timestamps, and with
/// silence for what is lost or was never sent. What comes more than 40 ms late is left out. What comes far too early, or late three times in
/// a row, is a clock that has moved, and is followed: 120 ms wait at the most.
#[derive(Debug)]
pub struct Relay {
    track: Option<Track>,
    buffer: [u8; AHEAD_SAMPLES],
    /// Position of the buffer's first sample: what the next tick takes.
    base: u64,
    /// Those that were used last are at the end.
    frames: VecDeque<Arc<Prompt>>,
}

impl Relay {
    /// Nothing was heard yet. All memory is taken here: more where the call that says it is recorded, which keeps frames.
    pub fn new(is_recorded: bool) -> Self {
        let frames = if is_recorded { FRAMES_RECORDED } else { FRAMES };
        let silence = Codec::Pcmu.silent_frame();
        Self {
            track: None,
            buffer: [0; AHEAD_SAMPLES],
            base: 0,
            frames: (0..frames).map(|_| Prompt::from_frame(Codec::Pcmu, silence)).collect(),
        }
    }

    /// Takes the audio of one packet.
    ///
    /// # Errors
    /// [`DropReason::TooLate`]: it is left out, because its time is over, or too far away.
    pub fn hear(&mut self, header: &Header, codec: Codec, payload: &[u8]) -> Result<(), DropReason> {
        let track = match &mut self.track {
            // A law that changes amid what waits is translated, so that nothing of it is lost.
            Some(track) if track.codec() == codec || track.written() > 0 => track,
            other => other.insert(Track::new(codec)),
        };
        let window = Window { base: self.base, present: 0 };
        let before = track.anchor();
        let place = track.put(&mut self.buffer, window, self.base + DELAY_SAMPLES, header, codec, payload);
        if track.anchor() != before {
            track.cut(place.end);
        }
        if place.is_empty() { Err(DropReason::TooLate) } else { Ok(()) }
    }

    /// What the next tick says, once every 20 ms; `None` where nothing was heard. Takes memory only where a disk holds more frames of a
    /// recording than there are.
    pub fn pull(&mut self) -> Option<Arc<Prompt>> {
        self.base += FRAME_SAMPLES as u64;
        let track = self.track.as_mut().filter(|track| track.written() > 0)?;
        track.hush_to(&mut self.buffer, FRAME_SAMPLES);
        let (codec, rest) = (track.codec(), track.written());
        track.advance(FRAME_SAMPLES);
        let frame = self.buffer.first_chunk().expect("a buffer is longer than a frame");
        let free = self.frames.iter_mut().position(|frame| Arc::get_mut(frame).is_some());
        if let Some(free) = free {
            self.frames.rotate_left(free + 1);
        }
        let last = self.frames.back_mut().expect("there are frames from the beginning");
        let given = match Arc::get_mut(last) {
            Some(free) => {
                free.refill(codec, frame);
                last.clone()
            }
            None => Prompt::from_frame(codec, frame),
        };
        self.buffer.copy_within(FRAME_SAMPLES..rest, 0);
        Some(given)
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
            let (mut relay, mut frames) = (Relay::new(false), Vec::new());
            let mut packets = audio.chunks(len).enumerate().peekable();
            for tick in 0..8 {
                while let Some((n, packet)) = packets.next_if(|(n, _)| n * len <= tick * FRAME_SAMPLES) {
                    relay.hear(&header((n * len) as u32), Codec::Pcmu, packet).expect("in time");
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
        let mut relay = Relay::new(false);
        let (mut heard, mut late) = (Vec::new(), 0);
        for coming in [&[0u8][..], &[2, 1], &[], &[3, 3], &[4, 0], &[5], &[], &[]] {
            for n in coming {
                let taken = relay.hear(&header(u32::from(*n) * 160), Codec::Pcmu, &audio(*n));
                late += u32::from(taken == Err(DropReason::TooLate));
            }
            heard.push(said(&mut relay));
        }
        assert_eq!(late, 1, "the second 0");
        let silence = Some(Codec::Pcmu.silence());
        assert_eq!(heard, [silence, silence, Some(0), Some(1), Some(2), Some(3), Some(4), Some(5)]);
        assert_eq!(said(&mut relay), None);
    }

    #[test]
    fn what_is_lost_takes_its_time() {
        let mut relay = Relay::new(false);
        let mut heard = Vec::new();
        for n in 0..8 {
            if n != 2 {
                relay.hear(&header(n * 160), Codec::Pcmu, &audio(n as u8)).expect("in time");
            }
            heard.push(said(&mut relay));
        }
        let silence = Some(Codec::Pcmu.silence());
        assert_eq!(heard[2..], [Some(0), Some(1), silence, Some(3), Some(4), Some(5)]);
        // Nothing is sent while nobody speaks; what comes then is where it belongs.
        let pause: Vec<_> = (0..20).map(|_| said(&mut relay)).collect();
        assert_eq!(pause[..3], [Some(6), Some(7), None]);
        assert!(pause[3..].iter().all(Option::is_none));
        relay.hear(&header(28 * 160), Codec::Pcmu, &audio(28)).expect("in time");
        let heard: Vec<_> = (0..4).map(|_| said(&mut relay)).collect();
        assert_eq!(heard, [silence, silence, Some(28), None]);
    }

    #[test]
    fn a_clock_that_has_moved_is_followed() {
        let mut relay = Relay::new(false);
        relay.hear(&header(0), Codec::Pcmu, &audio(0)).expect("the first");
        for n in 0..20 {
            // An hour ahead.
            let taken = relay.hear(&header(28_800_000 + n * 160), Codec::Pcmu, &audio(n as u8));
            assert_eq!(taken.is_ok(), n >= 2);
            relay.pull();
        }
        assert_eq!(said(&mut relay), Some(18));
        // Somebody else goes on in place of it.
        let other = Header { ssrc: 8, ..header(5) };
        relay.hear(&other, Codec::Pcmu, &audio(99)).expect("the first");
        let heard: Vec<_> = (0..3).map(|_| said(&mut relay)).collect();
        assert!(heard.contains(&Some(99)), "{heard:?}");
    }

    #[test]
    fn what_was_held_back_and_comes_at_once_is_said_in_order() {
        // The far end goes on after it, or says no more.
        for sent in [20u8, 40] {
            let mut relay = Relay::new(false);
            let mut heard = Vec::new();
            for tick in 0..sent + 10 {
                // Nothing for 180 ms, and then all of it.
                let coming = match tick {
                    10..19 => 0..0,
                    19 => 10..20,
                    n => n..n + u8::from(n < sent),
                };
                for n in coming {
                    let _late = relay.hear(&header(u32::from(n) * 160), Codec::Pcmu, &audio(n));
                }
                heard.extend(said(&mut relay).filter(|n| *n != Codec::Pcmu.silence()));
                assert!(
                    tick < 25 || tick >= sent || heard.last() >= Some(&(tick - 6)),
                    "120 ms wait at the most"
                );
            }
            assert!(heard.is_sorted_by(|before, next| before < next), "{heard:?}");
            assert_eq!(heard.last(), Some(&(sent - 1)));
        }
    }

    #[test]
    fn a_slower_clock_is_followed() {
        let mut relay = Relay::new(false);
        let (mut lost, mut silent) = (0, 0);
        let mut sent = 0;
        // Slower by a part in 500: 20 samples in a second, which the delay allows for 16 s.
        for tick in 0..2_000u32 {
            while sent * 160 * 501 / 500 <= tick * 160 {
                lost += u32::from(relay.hear(&header(sent * 160), Codec::Pcmu, &audio(1)).is_err());
                sent += 1;
            }
            let frame = relay.pull().filter(|_| tick > 2);
            let frame = frame.as_ref().and_then(|frame| frame.frame(Codec::Pcmu, 0));
            silent += u32::from(frame.is_some_and(|frame| frame.contains(&Codec::Pcmu.silence())));
        }
        assert_eq!(lost, 2, "once in the 40 s");
        assert!(silent <= 4, "{silent} frames with holes");
    }

    #[test]
    fn laws_that_alternate_are_one_stream() {
        let mut relay = Relay::new(false);
        let mut heard = Vec::new();
        for n in 0..12u8 {
            let codec = if n % 2 == 0 { Codec::Pcmu } else { Codec::Pcma };
            let level = codec.encode(i16::from(n) * 1_000);
            relay.hear(&header(u32::from(n) * 160), codec, &audio(level)).expect("in time");
            heard.extend(said(&mut relay).filter(|_| n >= 2).map(|byte| Codec::Pcmu.decode(byte)));
        }
        assert_eq!(heard.len(), 10);
        for (n, level) in (0i16..).zip(heard) {
            assert!((level - n * 1_000).abs() < 400, "{n}: {level}");
        }
    }

    #[test]
    fn a_frame_that_is_held_is_not_said_again_otherwise() {
        let mut relay = Relay::new(false);
        let mut held = Vec::new();
        for n in 0..20u8 {
            relay.hear(&header(u32::from(n) * 160), Codec::Pcmu, &audio(n)).expect("in time");
            held.extend(relay.pull().filter(|_| n >= 2));
            if n == 15 {
                // One that was said before others is free before them, or not.
                held.drain(3..6);
            }
        }
        let numbers: Vec<u8> =
            held.iter().map(|frame| frame.frame(Codec::Pcmu, 0).expect("one frame")[0]).collect();
        assert_eq!(numbers, (0..3).chain(6..18).collect::<Vec<_>>());
    }
}
