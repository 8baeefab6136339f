//! What one call hears, made ready to be said in another.

use std::sync::Arc;

use crate::{Codec, FRAME_SAMPLES, Prompt};

/// Cuts the audio of one call, in packets of any length, into frames of 20 ms. Packets that were lost are missing: what came
/// after them is heard sooner.
#[derive(Debug)]
pub struct Relay {
    codec: Codec,
    frame: [u8; FRAME_SAMPLES],
    filled: usize,
}

impl Relay {
    /// Nothing was heard yet.
    pub fn new() -> Self {
        Self { codec: Codec::Pcma, frame: [0; FRAME_SAMPLES], filled: 0 }
    }

    /// Takes the audio of one packet, and gives each frame that is whole thereby.
    pub fn hear(&mut self, codec: Codec, mut payload: &[u8], mut give: impl FnMut(Arc<Prompt>)) {
        if self.codec != codec {
            (self.codec, self.filled) = (codec, 0);
        }
        while !payload.is_empty() {
            let len = payload.len().min(FRAME_SAMPLES - self.filled);
            let (now, later) = payload.split_at(len);
            self.frame[self.filled..self.filled + len].copy_from_slice(now);
            self.filled += len;
            payload = later;
            if self.filled == FRAME_SAMPLES {
                self.filled = 0;
                give(Prompt::from_frame(codec, &self.frame));
            }
        }
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

    #[test]
    fn packets_of_any_length_become_frames_in_both_laws() {
        let audio: Vec<u8> = (0..800).map(|n| Codec::Pcmu.encode((n * 37 % 8_000) as i16)).collect();
        for len in [80, 160, 240, 480] {
            let (mut relay, mut frames) = (Relay::new(), Vec::new());
            audio.chunks(len).for_each(|packet| relay.hear(Codec::Pcmu, packet, |frame| frames.push(frame)));
            assert_eq!(frames.len(), 5);
            for (frame, sent) in frames.iter().zip(audio.chunks(FRAME_SAMPLES)) {
                assert_eq!(frame.frame(Codec::Pcmu, 0).expect("one frame"), sent);
                let other = frame.frame(Codec::Pcma, 0).expect("one frame");
                let expected: Vec<u8> =
                    sent.iter().map(|byte| Codec::Pcma.encode(Codec::Pcmu.decode(*byte))).collect();
                assert_eq!(other, expected.as_slice());
            }
        }
    }
}
