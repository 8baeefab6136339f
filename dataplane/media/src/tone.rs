//! Tones and a stand-in voice, for tests, load and demonstration prompts.

use std::f64::consts::TAU;

use crate::SAMPLE_RATE;

/// A sum of up to two sines, with a rhythm of sound and silence.
#[derive(Clone, Debug)]
pub struct Tone {
    frequencies: [f64; 2],
    /// Peak of each sine, 0–32767.
    amplitude: f64,
    /// Samples of sound and of silence, in turn; no silence means that it never pauses.
    cadence: (u64, u64),
    at: u64,
}

impl Tone {
    /// A steady sine. `amplitude` is its peak, 0–32767.
    pub fn sine(frequency: f64, amplitude: i16) -> Tone {
        Tone::dual(frequency, 0.0, amplitude)
    }

    /// Two steady sines, each of peak `amplitude`; the second is left out at 0 Hz.
    pub fn dual(first: f64, second: f64, amplitude: i16) -> Tone {
        Tone { frequencies: [first, second], amplitude: f64::from(amplitude), cadence: (1, 0), at: 0 }
    }

    /// Sounds for `on_ms`, is silent for `off_ms`, and so on.
    pub fn with_cadence(self, on_ms: u32, off_ms: u32) -> Tone {
        let samples = |ms: u32| u64::from(ms) * u64::from(SAMPLE_RATE) / 1000;
        Tone { cadence: (samples(on_ms).max(1), samples(off_ms)), ..self }
    }

    /// Ring-back as in China and most of the world: 450 Hz, 1 s on, 4 s off.
    pub fn ring_back() -> Tone {
        Tone::sine(450.0, 8000).with_cadence(1000, 4000)
    }

    /// Busy as in China: 450 Hz, 350 ms on, 350 ms off.
    pub fn busy() -> Tone {
        Tone::sine(450.0, 8000).with_cadence(350, 350)
    }

    /// The beep of an answering machine: 1 kHz, to be filled for as long as it lasts.
    pub fn beep() -> Tone {
        Tone::sine(1000.0, 12_000)
    }

    /// The two tones of a key (ITU-T Q.23), or `None` for a symbol which no key has.
    pub fn key(symbol: char) -> Option<Tone> {
        const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
        const COLUMNS: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
        let place = "123A456B789C*0#D".find(symbol)?;
        Some(Tone::dual(ROWS[place / 4], COLUMNS[place % 4], 6000))
    }

    /// Writes the next samples at 8 kHz.
    pub fn fill(&mut self, out: &mut [i16]) {
        let (on, off) = self.cadence;
        for sample in out {
            let sounding = self.at % (on + off) < on;
            let time = self.at as f64 / f64::from(SAMPLE_RATE);
            let wave: f64 = self.frequencies.iter().map(|frequency| (TAU * frequency * time).sin()).sum();
            *sample = if sounding { (self.amplitude * wave) as i16 } else { 0 };
            self.at += 1;
        }
    }
}

/// Something with the rhythm and spectrum of speech: syllables of a harmonic voice with pauses between words. No words,
/// but voice activity and answering-machine detection take it for a person. The same seed speaks the same.
#[derive(Clone, Debug)]
pub struct Voice {
    random: u64,
    pitch: f64,
    phase: f64,
    /// Samples into the current syllable, and its length; silent when `formants` is `None`.
    at: u32,
    length: u32,
    formants: Option<[f64; 2]>,
    /// Syllables until the next pause.
    word: u32,
}

impl Voice {
    /// A voice that starts to speak at once.
    pub fn new(seed: u64) -> Voice {
        let mut voice =
            Voice { random: seed | 1, pitch: 0.0, phase: 0.0, at: 0, length: 0, formants: None, word: 4 };
        voice.pitch = voice.between(100.0, 220.0);
        voice
    }

    /// Writes the next samples at 8 kHz.
    pub fn fill(&mut self, out: &mut [i16]) {
        for sample in out {
            if self.at >= self.length {
                self.next_syllable();
            }
            *sample = self.formants.map_or(0, |formants| self.voiced(formants));
            self.at += 1;
        }
    }

    fn voiced(&mut self, formants: [f64; 2]) -> i16 {
        self.phase = (self.phase + self.pitch / f64::from(SAMPLE_RATE)).fract();
        let envelope = (std::f64::consts::PI * f64::from(self.at) / f64::from(self.length)).sin();
        let harmonics = (1..=16).map(|n| f64::from(n) * self.pitch).take_while(|&f| f < 3400.0);
        let wave: f64 = harmonics
            .zip(1..)
            .map(|(frequency, n)| {
                let gain: f64 = formants
                    .iter()
                    .map(|formant| 1.0 / (1.0 + ((frequency - formant) / 150.0).powi(2)))
                    .sum();
                gain * (TAU * self.phase * f64::from(n)).sin()
            })
            .sum();
        (6000.0 * envelope * wave).clamp(-32_000.0, 32_000.0) as i16
    }

    fn next_syllable(&mut self) {
        self.at = 0;
        if self.word == 0 {
            self.word = self.between(2.0, 6.0) as u32;
            self.length = self.between(800.0, 2400.0) as u32;
            self.formants = None;
        } else {
            self.word -= 1;
            self.length = self.between(960.0, 2000.0) as u32;
            self.formants = Some([self.between(300.0, 800.0), self.between(900.0, 2400.0)]);
        }
    }

    /// A number of the seed's sequence (xorshift64*), spread evenly.
    fn between(&mut self, low: f64, high: f64) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let unit = (self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64;
        low + unit * (high - low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cadence_sounds_and_pauses() {
        let mut out = vec![0; 8000 * 10];
        Tone::ring_back().fill(&mut out);
        let loud = |second: usize| out[second * 8000..][..8000].iter().filter(|s| s.abs() > 1000).count();
        for second in 0..10 {
            assert_eq!(loud(second) > 6000, second % 5 == 0, "{second}");
            assert!(second % 5 == 0 || loud(second) == 0);
        }
    }

    #[test]
    fn filling_in_pieces_is_filling_at_once() {
        let (mut whole, mut pieces) = (vec![0; 1600], vec![0; 1600]);
        Tone::key('5').unwrap().fill(&mut whole);
        let mut tone = Tone::key('5').unwrap();
        pieces.chunks_mut(160).for_each(|piece| tone.fill(piece));
        assert_eq!(whole, pieces);
        assert!(Tone::key('x').is_none());
    }

    #[test]
    fn a_voice_speaks_and_pauses_and_repeats_itself() {
        let (mut first, mut second) = (vec![0; 40_000], vec![0; 40_000]);
        Voice::new(7).fill(&mut first);
        Voice::new(7).fill(&mut second);
        assert_eq!(first, second);
        let quiet = first.chunks(160).filter(|frame| frame.iter().all(|s| s.abs() < 50)).count();
        assert!((10..150).contains(&quiet), "{quiet}");
        Voice::new(0).fill(&mut second);
        assert_ne!(first, second);
    }
}
