//! How somebody speaks: pitch, loudness, pace and pauses of a turn, and what they suggest of the mood.
//!
//! **What this is and is not.** Arousal (calm to excited) does show in pitch, loudness and pace, and is estimated against the same
//! speaker's first turn, since voices differ more than moods do. Valence (displeased to pleased) hardly shows in prosody at all: a
//! wide, lively pitch leans to the pleasant side, and that is all there is; its confidence is never high. Nothing here has heard a word.
//! It is a hint for sorting calls to listen to, not for deciding anything about a person.
//!
//! Works on frames of 40 ms every 20 ms, at 4 kHz: telephone voices have their pitch far below that. For a side thread.

use media::Codec;

/// Samples a second that pitch is looked for at.
const RATE: usize = 4_000;
const FRAME: usize = RATE / 25;
const HOP: usize = FRAME / 2;
/// Pitch of speaking people: 70 to 400 Hz.
const LAG_MIN: usize = RATE / 400;
const LAG_MAX: usize = RATE / 70;
/// A frame is voiced if it looks so much like itself a period later.
const VOICED: f32 = 0.55;
/// Quieter than this below the loudest is a pause, in decibels.
const PAUSE_DB: f32 = 25.0;
/// Less voice than this says nothing, in milliseconds.
const VOICED_MS_MIN: u32 = 300;
/// With so much voice a turn says all that it can, in milliseconds.
const VOICED_MS_SURE: f32 = 3_000.0;

/// What a turn sounded like.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prosody {
    /// Median pitch, hertz.
    pub pitch_hz: f32,
    /// Distance between the 10 % and the 90 % point of pitch, semitones.
    pub pitch_range: f32,
    /// Mean loudness of voiced frames, decibels below full scale.
    pub loudness_db: f32,
    /// Syllables a second while speaking, as peaks of loudness.
    pub pace: f32,
    /// Share of the turn in which nothing was said, between its first and last sound.
    pub pauses: f32,
    /// Milliseconds with voice.
    pub voiced_ms: u32,
}

/// What it suggests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mood {
    /// −1 calm to 1 excited, against the speaker's first turn.
    pub arousal: f32,
    /// −1 displeased to 1 pleased. Weak; see above.
    pub valence: f32,
    /// 0 to 1: how much of a voice there was to judge by. Of valence never above 0.3.
    pub confidence: f32,
}

impl Mood {
    /// How far [`Mood::valence`] may be trusted, 0 to 1.
    pub fn valence_confidence(&self) -> f32 {
        0.3 * self.confidence
    }
}

/// Listens to one turn.
#[derive(Debug, Default)]
pub struct Turn {
    /// Samples at [`RATE`] that make no whole frame yet, and the last frame's second half.
    samples: Vec<f32>,
    odd: Option<i16>,
    frames: Vec<FrameMeasure>,
}

#[derive(Clone, Copy, Debug)]
struct FrameMeasure {
    db: f32,
    pitch_hz: Option<f32>,
}

/// Longest turn that is listened to: two minutes.
const FRAMES_MAX: usize = 6_000;

impl Turn {
    /// The next of the turn's audio, at 8 kHz.
    pub fn hear(&mut self, codec: Codec, samples: &[u8]) {
        let table = codec.decode_table();
        for sample in samples {
            let sample = table[usize::from(*sample)];
            match self.odd.take() {
                None => self.odd = Some(sample),
                // Half the rate: the mean of two is filter enough for what lies below 400 Hz.
                Some(before) => self.samples.push((f32::from(before) + f32::from(sample)) / 65_536.0),
            }
        }
        while self.samples.len() >= FRAME {
            if self.frames.len() < FRAMES_MAX {
                self.frames.push(measure(&self.samples[..FRAME]));
            }
            self.samples.drain(..HOP);
        }
    }

    /// What it sounded like, and makes ready for the next. `None` if there was too little voice.
    pub fn finish(&mut self) -> Option<Prosody> {
        let frames = std::mem::take(&mut self.frames);
        self.samples.clear();
        self.odd = None;
        let voiced: Vec<_> = frames.iter().filter_map(|frame| Some((frame.pitch_hz?, frame.db))).collect();
        let voiced_ms = voiced.len() as u32 * 20;
        if voiced_ms < VOICED_MS_MIN {
            return None;
        }
        let mut pitches: Vec<f32> = voiced.iter().map(|(pitch, _)| *pitch).collect();
        pitches.sort_unstable_by(f32::total_cmp);
        let at = |share: f32| pitches[((pitches.len() - 1) as f32 * share) as usize];
        let loudest = frames.iter().map(|frame| frame.db).fold(f32::MIN, f32::max);
        let is_quiet = |frame: &FrameMeasure| frame.db < loudest - PAUSE_DB;
        let first = frames.iter().position(|frame| !is_quiet(frame))?;
        let last = frames.iter().rposition(|frame| !is_quiet(frame))?;
        let said = &frames[first..=last];
        let quiet = said.iter().filter(|frame| is_quiet(frame)).count();
        let spoken_s = ((said.len() - quiet) as f32 * 0.02).max(0.02);
        Some(Prosody {
            pitch_hz: at(0.5),
            pitch_range: semitones(at(0.1), at(0.9)),
            loudness_db: voiced.iter().map(|(_, db)| db).sum::<f32>() / voiced.len() as f32,
            pace: syllables(said, loudest) as f32 / spoken_s,
            pauses: quiet as f32 / said.len() as f32,
            voiced_ms,
        })
    }
}

impl Prosody {
    /// What it suggests, beside the speaker's first turn.
    pub fn mood(&self, first: &Prosody) -> Mood {
        let higher = semitones(first.pitch_hz, self.pitch_hz) / 4.0;
        let louder = (self.loudness_db - first.loudness_db) / 6.0;
        let faster = (self.pace - first.pace) / 1.5;
        let livelier = (self.pitch_range - first.pitch_range) / 4.0;
        let fewer_pauses = (first.pauses - self.pauses) / 0.3;
        let arousal = 0.35 * higher + 0.35 * louder + 0.2 * faster + 0.1 * fewer_pauses;
        // Lively without being loud leans to the pleasant side, loud without being lively to the other.
        let valence = 0.6 * livelier - 0.4 * louder;
        let voice = (self.voiced_ms.min(first.voiced_ms) as f32 / VOICED_MS_SURE).min(1.0);
        Mood { arousal: arousal.tanh(), valence: valence.tanh(), confidence: voice }
    }
}

fn semitones(from_hz: f32, to_hz: f32) -> f32 {
    12.0 * (to_hz / from_hz).log2()
}

fn measure(frame: &[f32]) -> FrameMeasure {
    let mean = frame.iter().sum::<f32>() / frame.len() as f32;
    let mut clean = [0.0f32; FRAME];
    clean.iter_mut().zip(frame).for_each(|(to, sample)| *to = sample - mean);
    let energy: f32 = clean.iter().map(|sample| sample * sample).sum();
    let db = 10.0 * (energy / FRAME as f32 + 1e-9).log10();
    FrameMeasure { db, pitch_hz: pitch(&clean, energy) }
}

/// The lag at which the frame looks most like itself, by normalised autocorrelation; the shortest of those that are nearly as good,
/// since twice the period is as good as once.
fn pitch(frame: &[f32; FRAME], energy: f32) -> Option<f32> {
    if energy < 1e-5 {
        return None;
    }
    let mut likeness = [0.0f32; LAG_MAX + 2];
    for (lag, like) in likeness.iter_mut().enumerate().skip(LAG_MIN - 1) {
        let (mut cross, mut before, mut after) = (0.0, 1e-9, 1e-9);
        for (a, b) in frame[..FRAME - lag].iter().zip(&frame[lag..]) {
            cross += a * b;
            before += a * a;
            after += b * b;
        }
        *like = cross / f32::sqrt(before * after);
    }
    let range = LAG_MIN..=LAG_MAX;
    let best = range.clone().map(|lag| likeness[lag]).fold(0.0, f32::max);
    if best < VOICED {
        return None;
    }
    let is_peak = |lag: usize| likeness[lag] >= likeness[lag - 1] && likeness[lag] >= likeness[lag + 1];
    let lag = range.clone().find(|lag| is_peak(*lag) && likeness[*lag] > 0.9 * best)?;
    // Between two lags lies the true one.
    let (left, top, right) = (likeness[lag - 1], likeness[lag], likeness[lag + 1]);
    let bend = left - 2.0 * top + right;
    let offset = if bend.abs() > 1e-6 { 0.5 * (left - right) / bend } else { 0.0 };
    Some(RATE as f32 / (lag as f32 + offset))
}

/// Peaks of loudness, each with a dip of 2 dB before it.
fn syllables(frames: &[FrameMeasure], loudest: f32) -> usize {
    let (mut count, mut low, mut high) = (0, f32::MAX, f32::MIN);
    let mut rising = true;
    for frame in frames {
        let db = frame.db.max(loudest - PAUSE_DB);
        if rising {
            high = high.max(db);
            if db < high - 2.0 {
                count += 1;
                (rising, low) = (false, db);
            }
        } else {
            low = low.min(db);
            if db > low + 2.0 {
                (rising, high) = (true, db);
            }
        }
    }
    count + usize::from(rising && high > loudest - PAUSE_DB / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A voice of this pitch and level that says so many syllables a second for two seconds.
    fn voice(hz: f32, level: f32, syllables: f32, vibrato: f32) -> Vec<u8> {
        let mut phase = 0.0f32;
        (0..16_000)
            .map(|n| {
                let t = n as f32 / 8_000.0;
                phase += hz * (1.0 + vibrato * (t * 5.0).sin()) / 8_000.0;
                let wave: f32 =
                    (1..=6).map(|k| (phase * k as f32 * std::f32::consts::TAU).sin() / k as f32).sum();
                let envelope = 0.1 + 0.9 * (t * syllables * std::f32::consts::PI).sin().abs();
                Codec::Pcma.encode((wave * envelope * level * 12_000.0) as i16)
            })
            .collect()
    }

    fn heard(samples: &[u8]) -> Option<Prosody> {
        let mut turn = Turn::default();
        samples.chunks(800).for_each(|chunk| turn.hear(Codec::Pcma, chunk));
        turn.finish()
    }

    #[test]
    fn pitch_loudness_and_pace_are_found() {
        for hz in [85.0, 120.0, 210.0, 330.0] {
            let prosody = heard(&voice(hz, 1.0, 4.0, 0.0)).expect("a voice");
            assert!((prosody.pitch_hz / hz - 1.0).abs() < 0.03, "{hz}: {prosody:?}");
            assert!((3.0..5.0).contains(&prosody.pace), "{prosody:?}");
            assert!(prosody.pitch_range < 1.0);
        }
        let quiet = heard(&voice(120.0, 0.25, 4.0, 0.0)).expect("a voice");
        let loud = heard(&voice(120.0, 1.0, 4.0, 0.0)).expect("a voice");
        assert!((loud.loudness_db - quiet.loudness_db - 12.0).abs() < 1.0, "{quiet:?} {loud:?}");
        assert!(heard(&voice(150.0, 1.0, 4.0, 0.15)).expect("a voice").pitch_range > 2.0);
    }

    #[test]
    fn silence_and_noise_are_nobody() {
        assert_eq!(heard(&[Codec::Pcma.encode(0); 16_000]), None);
        let mut state = 1u32;
        let noise: Vec<u8> = (0..16_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                Codec::Pcma.encode((state >> 16) as i16 / 4)
            })
            .collect();
        assert_eq!(heard(&noise), None);
        assert_eq!(heard(&[]), None);
    }

    #[test]
    fn an_excited_turn_is_told_from_a_calm_one() {
        let calm = heard(&voice(120.0, 0.3, 3.0, 0.02)).expect("a voice");
        let excited = heard(&voice(180.0, 0.9, 5.5, 0.1)).expect("a voice");
        let mood = excited.mood(&calm);
        assert!(mood.arousal > 0.5, "{mood:?}");
        assert!(calm.mood(&excited).arousal < -0.5);
        assert!(calm.mood(&calm).arousal.abs() < 1e-3);
        assert!(mood.valence_confidence() <= 0.3 && mood.confidence > 0.5);
    }
}
