//! What of a call's audio is sent: speech, with a little of what came before it and after it.
//!
//! Recognisers are paid by the second and are busy by the second; half of a call is silence on our side's turn. The gate listens with
//! the same ear as the shard ([`media::vad::Vad`]), opens when somebody speaks, sends what came before (the first sound of a word is
//! quiet), and closes when nobody has spoken for a while. What it saves is counted.

use std::collections::VecDeque;

use media::Codec;
use media::vad::Vad;

/// Samples that are sent from before speech began: 300 ms.
pub const PRE_ROLL_SAMPLES: usize = 2_400;
/// Samples that the ear judges at once: 20 ms.
const FRAME: usize = 160;
/// Samples a millisecond.
const A_MS: u64 = 8;

/// A piece of audio that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its place, from the start of the call's audio, in samples.
    pub position: u64,
    /// G.711 in the law of the call.
    pub samples: Vec<u8>,
}

/// What the gate makes of a chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Speech began in this chunk.
    pub opened: bool,
    /// What is to be sent.
    pub piece: Option<Piece>,
    /// Speech was over in this chunk; nothing more is sent until it begins again.
    pub closed: bool,
}

/// The gate of one call.
#[derive(Debug)]
pub struct Gate {
    vad: Vad,
    /// Silence after which it closes, in samples.
    hang_samples: u64,
    is_open: bool,
    quiet_samples: u64,
    /// The last audio that was not sent.
    before: VecDeque<u8>,
    heard: u64,
    sent: u64,
}

impl Gate {
    /// A closed gate, that closes again after so much silence.
    pub fn new(hang_ms: u32) -> Self {
        Self {
            vad: Vad::new(),
            hang_samples: u64::from(hang_ms) * A_MS,
            is_open: false,
            quiet_samples: 0,
            before: VecDeque::with_capacity(2 * PRE_ROLL_SAMPLES),
            heard: 0,
            sent: 0,
        }
    }

    /// A chunk of the call's audio, at its place.
    pub fn hear(&mut self, codec: Codec, position: u64, chunk: &[u8]) -> Passed {
        let mut passed = Passed::default();
        self.heard += chunk.len() as u64;
        let was_open = self.is_open;
        let mut keep = if was_open { chunk.len() } else { 0 };
        let mut done = 0;
        for frame in chunk.chunks(FRAME) {
            done += frame.len();
            self.vad.hear(codec, frame);
            if self.vad.is_speaking() {
                self.quiet_samples = 0;
                passed.opened |= !self.is_open && !was_open;
                self.is_open = true;
                keep = chunk.len();
            } else if self.is_open {
                self.quiet_samples += frame.len() as u64;
                if self.quiet_samples >= self.hang_samples {
                    self.is_open = false;
                    passed.closed = true;
                    keep = done;
                }
            }
        }
        // Closed and opened within one chunk is open.
        passed.closed &= !self.is_open;
        if keep > 0 {
            let before: Vec<u8> = self.before.drain(..).collect();
            let start = position.saturating_sub(before.len() as u64);
            let samples = [&before[..], &chunk[..keep]].concat();
            self.sent += samples.len() as u64;
            passed.piece = Some(Piece { position: start, samples });
        }
        self.before.extend(&chunk[keep..]);
        let surplus = self.before.len().saturating_sub(PRE_ROLL_SAMPLES);
        self.before.drain(..surplus);
        passed
    }

    /// Whether somebody speaks, or has just spoken.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Samples that came in, and those that were sent.
    pub fn counts(&self) -> (u64, u64) {
        (self.heard, self.sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: usize = 800;

    /// A chunk of a loud tone, or of silence.
    fn chunk(loud: bool) -> Vec<u8> {
        let sample = |n: usize| if loud { (8_000.0 * (n as f64 * 0.4).sin()) as i16 } else { 0 };
        (0..CHUNK).map(|n| Codec::Pcmu.encode(sample(n))).collect()
    }

    /// Chunks loud (`+`) and silent (`-`); what was passed of each.
    fn pass(gate: &mut Gate, signs: &str) -> Vec<Passed> {
        signs
            .chars()
            .enumerate()
            .map(|(n, sign)| gate.hear(Codec::Pcmu, (n * CHUNK) as u64, &chunk(sign == '+')))
            .collect()
    }

    #[test]
    fn speech_is_sent_with_what_came_before_it() {
        let mut gate = Gate::new(500);
        let passed = pass(&mut gate, "----------++++");
        assert!(passed[..10].iter().all(|passed| *passed == Passed::default()), "silence is not sent");
        let first = passed[10].piece.as_ref().expect("speech");
        assert!(passed[10].opened);
        assert_eq!(first.samples.len(), PRE_ROLL_SAMPLES + CHUNK);
        assert_eq!(first.position, (10 * CHUNK - PRE_ROLL_SAMPLES) as u64);
        let second = passed[11].piece.as_ref().expect("speech");
        assert_eq!((second.position, second.samples.len()), (11 * CHUNK as u64, CHUNK));
        assert!(!passed[11].opened);
    }

    #[test]
    fn a_pause_is_sent_and_the_end_is_told() {
        let mut gate = Gate::new(500);
        let passed = pass(&mut gate, "-----+++--+++-----------");
        let closed: Vec<_> =
            passed.iter().enumerate().filter(|(_, passed)| passed.closed).map(|(n, _)| n).collect();
        assert_eq!(closed.len(), 1, "one end, after the longer pause: {closed:?}");
        assert!(passed[8].piece.is_some() && passed[9].piece.is_some(), "the short pause goes along");
        assert!(!gate.is_open());
        assert!(passed[closed[0] + 1..].iter().all(|passed| passed.piece.is_none()));
        let (heard, sent) = gate.counts();
        assert!(sent < heard, "{sent} of {heard}");
    }

    #[test]
    fn nothing_is_sent_twice_and_places_never_go_back() {
        let mut gate = Gate::new(200);
        let mut end = 0;
        for passed in pass(&mut gate, "--+--+----+-+++-----++---------+") {
            let Some(piece) = passed.piece else { continue };
            assert!(piece.position >= end, "{} after {end}", piece.position);
            end = piece.position + piece.samples.len() as u64;
        }
    }
}
