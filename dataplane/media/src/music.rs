//! Music, or speech? What a far end that has put the call on hold plays is no answer to anything.
//!
//! Speech breaks off all the time: between syllables its level falls by ten decibels and more within 60 ms, some eight times a second, and it
//! changes between vowels, which cross zero seldom, and hisses, which do so often. Music holds on: its notes and chords fade, its sounds follow each
//! other gradually. Both are read off the G.711 code without decoding it: the level as [`crate::vad`] reads it, the crossings off its sign bits. Three
//! seconds of it are judged at a time, once a second.
//!
//! What it cannot do: beats alone (drums without chords) look like syllables and are taken for speech; so is singing over few instruments. A voice over
//! noise of its own loudness looks like music. Numbers, and what they were measured with: `docs/decisions/0010-music-on-hold.md`.
//!
//! Owned by a session while somebody wants to know; costs nothing otherwise.

use std::time::Duration;

use crate::Codec;
use crate::vad::half_decibels_of;

/// Samples that are judged at once: 20 ms.
const FRAME: u16 = 160;
/// Frames of a block, at whose end all blocks are judged: one second.
const BLOCK_FRAMES: u16 = 50;
/// Blocks that are judged together.
const BLOCKS: usize = 3;

/// How long music has played when it is known to be music.
pub const KNOWN_AFTER: Duration = Duration::from_secs(BLOCKS as u64);

/// Frames over which a fall of the level is looked for: 60 ms.
const FALL_FRAMES: usize = 3;
/// A fall, in half decibels: 10 dB. Under a voice lies a floor of noise; 20 dB below the voice it leaves falls as deep.
const FALL: u8 = 20;
/// Nothing quieter is music, in half decibels above −66 dBm0: −50 dBm0.
const QUIETEST: u8 = 32;
/// Of the frames so many percent must be louder than that.
const LOUD_PERCENT: u32 = 90;
/// Steadier than this within three seconds is hum, a tone or noise, in half decibels: 5 dB.
const RANGE: u8 = 10;
/// Points against music: falls in a thousand frames, and 14 for each crossing by which a frame differs from the one before. Found by trying all of a grid on
/// music and voices (see the decision); speech over quiet noise has 150 and more, most music below 100.
const POINTS_MAX: u32 = 120;
/// What goes on as music may have more, so that it does not come and go.
const POINTS_MAX_HOLD: u32 = 150;
const POINTS_A_CROSSING: u32 = 14;
/// Silence of so many frames ends music: 600 ms. Pieces have shorter pauses.
const SILENCE_FRAMES: u16 = 30;

/// The state of one stream.
#[derive(Debug, Default)]
pub struct Music {
    /// Of samples too few to be judged.
    samples: u16,
    level_sum: u32,
    crossings: u16,
    /// The sign of the last sample.
    sign: u8,
    /// Levels of the last frames, the newest first, in half decibels above −66 dBm0.
    levels: [u8; FALL_FRAMES],
    crossings_before: u16,
    quiet_frames: u16,
    block: Block,
    /// The last whole blocks, the newest first.
    blocks: [Block; BLOCKS],
    /// How many of them there are.
    known: u8,
    is_music: bool,
    /// The owner was told so.
    was_told: bool,
}

/// What was counted in a second.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    frames: u16,
    loud: u16,
    falls: u16,
    /// Crossings by which frames differ from the one before them.
    turns: u16,
    /// The loudest and the quietest frame, in half decibels; the latter as what is missing to 255, so that nothing heard is nothing.
    loudest: u8,
    faintness: u8,
}

impl Music {
    /// The next frame of the stream.
    pub fn hear(&mut self, codec: Codec, frame: &[u8]) {
        for piece in frame.chunks(usize::from(FRAME)) {
            self.level_sum += crate::vad::magnitude_codes(codec, piece);
            self.crossings += self.count_crossings(piece);
            self.samples += piece.len() as u16;
            if self.samples >= FRAME {
                let samples = u32::from(std::mem::take(&mut self.samples));
                let level = half_decibels_of(codec, std::mem::take(&mut self.level_sum), samples);
                let crossings = u32::from(std::mem::take(&mut self.crossings)) * u32::from(FRAME) / samples;
                self.judge(level, crossings as u16);
            }
        }
    }

    /// The far end has said that it is silent, or has stopped sending.
    pub fn hush(&mut self) {
        self.forget();
    }

    /// Whether it plays music: for three seconds at least, and not silent since.
    pub fn is_music(&self) -> bool {
        self.is_music
    }

    /// What [`Music::is_music`] says, if it has changed since the last call.
    pub fn take_change(&mut self) -> Option<bool> {
        let changed = self.is_music != std::mem::replace(&mut self.was_told, self.is_music);
        changed.then_some(self.is_music)
    }

    fn judge(&mut self, level: u8, crossings: u16) {
        let before = self.levels[FALL_FRAMES - 1];
        self.block.frames += 1;
        self.block.loud += u16::from(level >= QUIETEST);
        self.block.falls += u16::from(before >= level.saturating_add(FALL));
        self.block.turns += crossings.abs_diff(std::mem::replace(&mut self.crossings_before, crossings));
        self.block.loudest = self.block.loudest.max(level);
        self.block.faintness = self.block.faintness.max(u8::MAX - level);
        self.levels.rotate_right(1);
        self.levels[0] = level;
        self.quiet_frames = if level >= QUIETEST { 0 } else { self.quiet_frames + 1 };
        if self.quiet_frames >= SILENCE_FRAMES {
            self.forget();
        } else if self.block.frames >= BLOCK_FRAMES {
            self.blocks.rotate_right(1);
            self.blocks[0] = std::mem::take(&mut self.block);
            self.known = (self.known + 1).min(BLOCKS as u8);
            self.decide();
        }
    }

    fn decide(&mut self) {
        if usize::from(self.known) < BLOCKS {
            return;
        }
        let sum = |of: fn(&Block) -> u16| self.blocks.iter().map(|block| u32::from(of(block))).sum::<u32>();
        let frames = sum(|block| block.frames).max(1);
        let points =
            (sum(|block| block.falls) * 1_000 + sum(|block| block.turns) * POINTS_A_CROSSING) / frames;
        let points_max = if self.is_music { POINTS_MAX_HOLD } else { POINTS_MAX };
        let most = |of: fn(&Block) -> u8| self.blocks.iter().map(of).max().unwrap_or_default();
        let quietest = u8::MAX - most(|block| block.faintness);
        let moves = most(|block| block.loudest).saturating_sub(quietest) >= RANGE;
        self.is_music =
            sum(|block| block.loud) * 100 >= frames * LOUD_PERCENT && moves && points <= points_max;
    }

    /// Begins anew, but for what the owner was told.
    fn forget(&mut self) {
        *self = Self { was_told: self.was_told, ..Self::default() };
    }

    /// Changes of the sign bit, which both laws have in the same place (G.711 tables 1 and 2), with that from the last sample before. Counted in the
    /// eight bytes of a word, of which a piece has so few that none overflows.
    fn count_crossings(&mut self, piece: &[u8]) -> u16 {
        const SIGNS: u64 = 0x8080_8080_8080_8080;
        const EVEN: u64 = 0x00FF_00FF_00FF_00FF;
        let (words, rest) = piece.as_chunks::<8>();
        let (mut sign, mut lanes) = (u64::from(self.sign), 0);
        for word in words {
            let signs = u64::from_le_bytes(*word) & SIGNS;
            lanes += (signs ^ (signs << 8 | sign)) >> 7;
            sign = signs >> 56;
        }
        let pairs = (lanes & EVEN) + (lanes >> 8 & EVEN);
        let mut count = (0..4).map(|pair| (pairs >> (16 * pair)) as u16).fold(0, u16::wrapping_add);
        for byte in rest {
            count += u16::from(u64::from(byte & 0x80) != sign);
            sign = u64::from(byte & 0x80);
        }
        self.sign = sign as u8;
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Tone, Voice};

    fn heard(music: &mut Music, samples: &[i16]) -> bool {
        for frame in samples.chunks(160) {
            let frame: Vec<u8> = frame.iter().map(|sample| Codec::Pcma.encode(*sample)).collect();
            music.hear(Codec::Pcma, &frame);
        }
        music.is_music()
    }

    /// Chords of four bars, each of half a second, plucked and fading, with a bass below; the quietest is 20 dB below its beginning.
    fn chords(seconds: usize) -> Vec<i16> {
        let roots = [220.0, 174.6, 261.6, 196.0];
        (0..seconds * 8_000)
            .map(|n| {
                let t = n as f64 / 8_000.0;
                let root = roots[(t * 2.0) as usize % 4];
                let fade = (-4.0 * (t * 2.0).fract()).exp().max(0.1);
                let note = |ratio: f64| (t * root * ratio * std::f64::consts::TAU).sin();
                ((note(1.0) + note(1.25) + note(1.5) + note(0.5)) * fade * 3_000.0 + note(2.0) * 500.0) as i16
            })
            .collect()
    }

    fn voice(seed: u64, seconds: usize) -> Vec<i16> {
        let mut samples = vec![0; seconds * 8_000];
        Voice::new(seed).fill(&mut samples);
        samples
    }

    #[test]
    fn chords_are_music_after_three_seconds() {
        let mut music = Music::default();
        assert!(!heard(&mut music, &chords(3)[..23_840]), "too soon to say");
        assert!(heard(&mut music, &chords(3)[23_840..]));
        assert_eq!((music.take_change(), music.take_change()), (Some(true), None));
        assert!(heard(&mut music, &chords(5)));
    }

    #[test]
    fn steady_noise_and_tones_are_the_callees_surroundings() {
        let mut tone = vec![0; 80_000];
        Tone::sine(440.0, 2_000).fill(&mut tone);
        assert!(!heard(&mut Music::default(), &tone));
        let mut random = 1u32;
        let mut next = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 16) as i16 / 32
        };
        let noise: Vec<i16> = (0..80_000).map(|_| next()).collect();
        assert!(
            !noise.chunks(160).scan(Music::default(), |music, frame| Some(heard(music, frame))).any(|is| is)
        );
    }

    #[test]
    fn voices_are_not_music() {
        for seed in 1..=20 {
            let mut music = Music::default();
            let told = voice(seed, 20).chunks(160).any(|frame| heard(&mut music, frame));
            assert!(!told, "{seed}");
        }
    }

    #[test]
    fn who_speaks_after_music_ends_it() {
        let mut music = Music::default();
        assert!(heard(&mut music, &chords(6)));
        assert!(!heard(&mut music, &voice(3, 3)), "at once, without a pause");
        assert!(heard(&mut music, &chords(6)));
        assert!(!heard(&mut music, &[0; 4_800]), "by its silence");
        music.hush();
        assert!(!music.is_music());
    }

    #[test]
    fn silence_and_faint_murmur_are_nothing() {
        let murmur: Vec<i16> = chords(10).iter().map(|sample| sample / 200).collect();
        assert!(!heard(&mut Music::default(), &murmur));
        assert!(!heard(&mut Music::default(), &[0; 80_000]));
    }

    #[test]
    fn crossings_are_those_of_the_samples() {
        let samples = voice(7, 1);
        let bytes: Vec<u8> = samples.iter().map(|sample| Codec::Pcmu.encode(*sample)).collect();
        let mut sign = 0;
        let expected =
            bytes.iter().filter(|byte| std::mem::replace(&mut sign, **byte & 0x80) != **byte & 0x80).count();
        let mut music = Music::default();
        // In pieces whose length is no multiple of eight.
        let counted: u32 = bytes.chunks(37).map(|piece| u32::from(music.count_crossings(piece))).sum();
        assert_eq!(counted as usize, expected);
    }
}
