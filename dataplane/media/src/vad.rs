//! Voice activity: does the far end speak just now?
//!
//! Owned by a session, which hands it every audio frame in the order of arrival. It looks at nothing but how loud the
//! frame is against the quietest that the stream has lately been, so it needs no model of what the far end's silence
//! sounds like: digital silence, comfort noise, hum and a noisy street are all its noise floor, below just "floor".
//!
//! Loudness is read off the G.711 code, whose magnitude is close to a logarithm: 16 codes are 6 dB. Their mean over a
//! frame is a level, and adding up bytes is among the fastest things a processor does. How that compares with exact
//! energy, in cost and in what it finds: `docs/decisions/0005-voice-activity-and-sample-loops.md`.

use std::time::Duration;

use crate::{Codec, SAMPLE_RATE};

/// Above the floor by so much is speech: 6 dB. Frames of steady noise stay within 3 dB of their mean.
const ONSET_MARGIN: u16 = 6 * DB;

/// Speech goes on down to here: 5 dB, so that a voice at the edge does not come and go. At 4 dB one frame of noise in two
/// hundred would prolong it.
const HOLD_MARGIN: u16 = 5 * DB;

/// Nothing quieter is speech, whatever the floor: −50 dBm0, which is a power of −45 or so, since a mean of logarithms lies
/// 3 to 6 dB below the logarithm of the mean. Faint callers speak at −40, idle lines murmur at −60.
const QUIETEST_SPEECH: u16 = 16 * DB;

/// What the floor is taken for while it is not known: −48 dBm0, an ordinary room. Who says "hello" in the very first
/// frame is heard above it.
const FIRST_FLOOR: u16 = 18 * DB;

/// Sound must last so long to be speech: two frames of 20 ms. A click is over by then.
const ONSET_MS: u16 = 40;

/// Silence must last so long to end it: the hangover of ITU-T P.56, which is shorter than the pause at the end of a
/// sentence and longer than the stop in a consonant.
const HANGOVER_MS: u16 = 200;

/// Silence that has passed when [`Vad::take_end`] tells that speech has ended.
pub const HANGOVER: Duration = Duration::from_millis(HANGOVER_MS as u64);

/// The floor is the quietest of this window and the one before, so a new one is known after 1.5 to 3 s. People pause for
/// breath more often than that; a tone or a louder room does not.
const WINDOW_MS: u16 = 1500;

/// Length of the very first window: a call that begins in a loud room should not count as speech for long.
const FIRST_WINDOW_MS: u16 = 500;

/// How fast the level may fall: 75 dB/s. A frame of digital silence in the middle of noise, as far ends
/// fill in for a lost packet, then moves the floor by 1.5 dB; a pause of 0.4 s by 30 dB.
const FALL_A_SECOND: u32 = 75 * DB as u32;

/// Time in which the level rises most of the way to a louder one, in milliseconds.
const RISE_MS: u16 = 80;

/// Frames shorter than this are put together: levels of less than 20 ms vary with the pitch of a voice.
const JUDGED_SAMPLES: u16 = 160;

/// Levels count in 1/32 dB from −66 dBm0, the lowest step of A-law.
const DB: u16 = 32;

/// The state of one stream. 24 bytes, since each received packet touches it.
#[derive(Debug)]
pub struct Vad {
    /// Magnitude codes and samples of frames too short to be judged alone.
    sum: u32,
    samples: u16,
    /// The level, following quickly upwards and not too quickly downwards.
    level: u16,
    /// Lowest of `level` in this window and in the one before.
    lowest: u16,
    lowest_before: u16,
    /// What is left of the window, in milliseconds.
    window_ms: u16,
    /// While silent: how long it has been loud. While speaking: how long it has been quiet.
    run_ms: u16,
    speech_ms: u32,
    bursts: u16,
    speaking: bool,
    /// What the owner has not been told: [`BEGAN`], [`ENDED`], [`SOUND`].
    news: u8,
}

const BEGAN: u8 = 1;
const ENDED: u8 = 2;
const SOUND: u8 = 4;

impl Vad {
    /// Nothing heard yet.
    pub const fn new() -> Vad {
        Vad {
            sum: 0,
            samples: 0,
            level: 0,
            lowest: u16::MAX,
            lowest_before: FIRST_FLOOR,
            window_ms: FIRST_WINDOW_MS,
            run_ms: 0,
            speech_ms: 0,
            bursts: 0,
            speaking: false,
            news: 0,
        }
    }

    /// The next frame of the stream, of at most 60 ms.
    pub fn hear(&mut self, codec: Codec, frame: &[u8]) {
        self.hear_above(codec, frame, 0);
    }

    /// The next frame of a stream in which what is quieter than `least` is not the far end's own: see [`Echo`]. Gives the level of what was
    /// judged; frames that are too short are judged with the next.
    pub fn hear_above(&mut self, codec: Codec, frame: &[u8], least: u16) -> Option<u16> {
        self.sum += magnitude_codes(codec, frame);
        self.samples += frame.len() as u16;
        if self.samples < JUDGED_SAMPLES {
            return None;
        }
        let samples = u32::from(std::mem::take(&mut self.samples));
        let level = half_decibels_of(codec, std::mem::take(&mut self.sum), samples);
        let level = u16::from(level) * (DB / 2);
        self.judge(level, (samples * 1000 / SAMPLE_RATE) as u16, least);
        Some(level)
    }

    /// The far end has said that it is silent, or has stopped sending.
    pub fn hush(&mut self) {
        self.news |= if self.speaking { ENDED } else { 0 };
        self.speaking = false;
        (self.run_ms, self.sum, self.samples) = (0, 0, 0);
    }

    /// Whether the far end is speaking.
    pub fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// How long the far end has spoken in all, in milliseconds; pauses that did not end a burst are part of it.
    pub fn speech_ms(&self) -> u32 {
        self.speech_ms
    }

    /// How often it began to speak. Stops at 65,535.
    pub fn bursts(&self) -> u16 {
        self.bursts
    }

    /// Whether speech began since the last call; the first time, [`ONSET_MS`] ago.
    pub fn take_onset(&mut self) -> bool {
        let began = self.news & BEGAN != 0;
        self.news &= !BEGAN;
        began
    }

    /// Whether the frame that was judged last is the first of a sound that may become speech.
    pub(crate) fn take_sound(&mut self) -> bool {
        let begins = self.news & SOUND != 0;
        self.news &= !SOUND;
        begins
    }

    /// Whether speech ended since the last call: its last sound was heard [`HANGOVER`] ago, or the far end has sent nothing, or
    /// word of its silence, since.
    pub fn take_end(&mut self) -> bool {
        let ended = self.news & ENDED != 0;
        self.news &= !ENDED;
        ended
    }

    fn judge(&mut self, level: u16, ms: u16, least: u16) {
        let floor = self.follow(level, ms);
        let margin = if self.speaking { HOLD_MARGIN } else { ONSET_MARGIN };
        let loud = level >= (floor + margin).max(QUIETEST_SPEECH).max(least);
        match (self.speaking, loud) {
            (false, false) => self.run_ms = 0,
            (false, true) => {
                self.news |= if self.run_ms == 0 { SOUND } else { 0 };
                self.run_ms += ms;
                if self.run_ms >= ONSET_MS {
                    self.speaking = true;
                    self.news |= BEGAN;
                    self.bursts = self.bursts.saturating_add(1);
                    self.speech_ms += u32::from(std::mem::take(&mut self.run_ms));
                }
            }
            (true, true) => self.speech_ms += u32::from(std::mem::take(&mut self.run_ms) + ms),
            (true, false) => {
                self.run_ms += ms;
                if self.run_ms >= HANGOVER_MS {
                    self.speaking = false;
                    self.news |= ENDED;
                    self.run_ms = 0;
                }
            }
        }
    }

    /// Lets level and floor follow, and gives the floor.
    fn follow(&mut self, level: u16, ms: u16) -> u16 {
        if self.lowest == u16::MAX {
            self.level = level;
        }
        let rise = level.saturating_sub(self.level);
        let rise = u32::from(rise) * u32::from(ms.min(RISE_MS)) / u32::from(RISE_MS);
        let fall = self.level.saturating_sub(level);
        let fall = u32::from(fall).min(FALL_A_SECOND * u32::from(ms) / 1000);
        self.level = self.level + rise as u16 - fall as u16;
        self.lowest = self.lowest.min(self.level);
        let floor = self.lowest.min(self.lowest_before);
        self.window_ms = self.window_ms.saturating_sub(ms);
        if self.window_ms == 0 {
            self.lowest_before = std::mem::replace(&mut self.lowest, self.level);
            self.window_ms = WINDOW_MS;
        }
        floor
    }
}

/// What comes back of what we send: a far end's hybrid or loudspeaker returns our own prompt, fainter and later, and that is nobody who
/// interrupts us.
///
/// Remembers how loud we have lately been. What returns 25 dB fainter, up to a third of a second late, is not heard; nor is a callee who speaks
/// so faintly into our prompt, until a second of it has shown that less comes back. If more does later, that is heard once.
///
/// Levels are in half decibels from −66 dBm0, to be small.
#[derive(Debug)]
pub struct Echo {
    /// The loudest frame of this window and of the one before.
    loudest: u8,
    loudest_before: u8,
    /// The loudest in this window that may have come back.
    back: u8,
    /// What the far end takes from our level before it returns it, at least.
    loss: u8,
    /// The loss in the window that was counted last.
    last: u8,
    frames: u8,
    /// Somebody spoke, who certainly is not our echo: in this window, bit 0, and in the one before, bit 1.
    spoken_into: u8,
    /// The loss of the window before, which is counted unless somebody speaks in this one: words begin and end faintly.
    pending: u8,
}

/// No loss at all.
const NONE: u8 = u8::MAX;

/// What a far end takes from our level before it returns it, at least: 25 dB, less the 12 dB by which levels of a voice lie closer together where it is faint, since
/// the lowest steps of G.711 are linear and a mean of logarithms is then one of magnitudes.
const ECHO_LOSS: u8 = 2 * 13;
/// Length of the window: 320 ms, so that what was sent is remembered for so long at least and for twice as long at most. Who answers when a sentence is
/// over is not measured by it.
const ECHO_FRAMES: u8 = 16;
/// What two windows in a row have shown is believed, but for this.
const BELIEVED_MARGIN: u8 = 2 * 6;
/// From here on what we send would be heard coming back: −30 dBm0.
const TELLING: u8 = 2 * 36;

impl Echo {
    /// The next 20 ms that we send; `None` for nothing.
    pub fn sent(&mut self, frame: Option<(Codec, &[u8])>) {
        if self.frames == ECHO_FRAMES {
            self.end_window();
        }
        self.frames += 1;
        if let Some((codec, frame)) = frame {
            let level = half_decibels_of(codec, magnitude_codes(codec, frame), frame.len() as u32);
            self.loudest = self.loudest.max(level);
        }
    }

    /// A frame of this level came, as [`Vad::hear_above`] gives it.
    pub fn came(&mut self, level: u16) {
        let level = (level / (DB / 2)) as u8;
        if level > self.loud().saturating_sub(ECHO_LOSS) {
            self.spoken_into |= 1;
        } else {
            self.back = self.back.max(level);
        }
    }

    /// What is quieter may be our own, as [`Vad::hear_above`] takes it.
    pub fn least(&self) -> u16 {
        u16::from(self.loud().saturating_sub(self.loss)) * (DB / 2)
    }

    fn loud(&self) -> u8 {
        self.loudest.max(self.loudest_before)
    }

    fn end_window(&mut self) {
        if self.pending != NONE && self.spoken_into & 1 == 0 {
            self.count(self.pending);
        }
        let loud = self.loud();
        self.pending = if loud >= TELLING && self.spoken_into == 0 { loud - self.back } else { NONE };
        self.spoken_into = self.spoken_into << 1 & 2;
        self.loudest_before = std::mem::take(&mut self.loudest);
        (self.back, self.frames) = (0, 0);
    }

    /// So much was lost on the way back, or more, in a window.
    fn count(&mut self, loss: u8) {
        let believed = |loss: u8| loss.saturating_sub(BELIEVED_MARGIN).max(ECHO_LOSS);
        let shown = loss.min(std::mem::replace(&mut self.last, loss));
        self.loss = if loss < self.loss { believed(loss) } else { self.loss.max(believed(shown)) };
    }
}

impl Default for Echo {
    fn default() -> Echo {
        Echo {
            loudest: 0,
            loudest_before: 0,
            back: 0,
            loss: ECHO_LOSS,
            last: 0,
            frames: 0,
            spoken_into: 0,
            pending: NONE,
        }
    }
}

impl Default for Vad {
    fn default() -> Vad {
        Vad::new()
    }
}

/// The level of so many samples whose magnitude codes add up to `sum`, in half decibels above −66 dBm0.
pub(crate) fn half_decibels_of(codec: Codec, sum: u32, samples: u32) -> u8 {
    LEVELS[codec as usize][(sum * 8 / samples) as usize & 0x3FF]
}

/// The sum of the frame's magnitude codes, 0–127 each. Four lanes of 16 bits in a word, which compilers widen to whatever
/// vectors the target has; 480 bytes add up to 15,240 at most in each.
pub(crate) fn magnitude_codes(codec: Codec, frame: &[u8]) -> u32 {
    const EVEN: u64 = 0x00FF_00FF_00FF_00FF;
    let mask = codec.magnitude_mask();
    let (words, rest) = frame.as_chunks::<8>();
    let lanes = words.iter().fold(0u64, |lanes, word| {
        let codes =
            (u64::from_le_bytes(*word) ^ (u64::from(mask) * 0x0101_0101_0101_0101)) & 0x7F7F_7F7F_7F7F_7F7F;
        lanes + (codes & EVEN) + ((codes >> 8) & EVEN)
    });
    let rest: u32 = rest.iter().map(|&byte| u32::from((byte ^ mask) & 0x7F)).sum();
    (0..4).map(|lane| (lanes >> (16 * lane)) as u32 & 0xFFFF).sum::<u32>() + rest
}

/// Level of a mean magnitude code, in steps of 0.5 dB from −66 dBm0, by law and eighths of a code. The logarithm of the
/// two laws differs at low levels, where both are linear.
static LEVELS: [[u8; 1024]; 2] = {
    let mut tables = [[0; 1024]; 2];
    let mut eighths = 0;
    while eighths < 1024 {
        let code = eighths as f64 / 8.0;
        // G.711 table 2: segments of the biased magnitude. Table 1: two linear segments, then one for each doubling.
        tables[Codec::Pcmu as usize][eighths] = half_decibels(132.0 * (power_of_two(code / 16.0) - 1.0));
        let alaw = if code < 32.0 { 16.0 * code + 8.0 } else { 520.0 * power_of_two((code - 32.0) / 16.0) };
        tables[Codec::Pcma as usize][eighths] = half_decibels(alaw);
        eighths += 1;
    }
    tables
};

/// Half decibels above 8 of 32,768, which is −66 dBm0 (G.711: a sine of full scale is 3.14 dBm0).
const fn half_decibels(magnitude: f64) -> u8 {
    let (mut steps, mut bound) = (0, 8.0);
    while magnitude >= bound * HALF_DECIBEL {
        bound *= HALF_DECIBEL;
        steps += 1;
    }
    steps
}

/// 10^(0.5/20).
const HALF_DECIBEL: f64 = 1.059_253_725_177_289;

/// For exponents from 0 to 8, with the sixteenth root of two by halves: exact enough for a table of half decibels.
const fn power_of_two(exponent: f64) -> f64 {
    let (mut whole, mut power) = (exponent, 1.0);
    while whole >= 1.0 {
        whole -= 1.0;
        power *= 2.0;
    }
    // Taylor series of e^(x ln 2); seven terms leave 1e-6.
    let x = whole * std::f64::consts::LN_2;
    power
        * (1.0 + x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0))))))
}
