//! Made sounds of known levels: noise, tones, and something with the rhythm and spectrum of a voice.

use std::f64::consts::TAU;

/// The root mean square of 0 dBm0 (G.711: a sine of full scale is 3.14 dBm0).
const ZERO_DBM0: f64 = 15_889.0;

pub struct Sound {
    pub samples: Vec<i16>,
    state: u32,
    before: f64,
}

impl Sound {
    pub fn new(seed: u32) -> Sound {
        Sound { samples: Vec::new(), state: seed.wrapping_mul(0x9E37_79B9) | 1, before: 0.0 }
    }

    /// Appends `ms` of what `at` gives for each sample number.
    pub fn add(&mut self, ms: usize, mut at: impl FnMut(&mut Sound, usize) -> f64) {
        for n in 0..ms * 8 {
            let sample = at(self, n).round() as i16;
            self.samples.push(sample);
        }
    }

    pub fn noise(&mut self, ms: usize, level: f64) {
        self.add(ms, |sound, _| sound.noise_at(level));
    }

    /// The next sample of noise whose spectrum falls towards the high end, as that of rooms and lines.
    pub fn noise_at(&mut self, level: f64) -> f64 {
        let white: f64 = (0..12).map(|_| self.uniform()).sum();
        self.before = 0.5 * self.before + white;
        self.before * (1.0f64 - 0.25).sqrt() * amplitude(level)
    }

    /// Harmonics of a gliding pitch of 110 to 170 Hz, shaped by two formants, four syllables a second with stops between.
    /// The level is that of the whole, stops included.
    pub fn voice_at(&mut self, n: usize, level: f64) -> f64 {
        let time = n as f64 / 8000.0;
        let phase = TAU * (140.0 * time + 30.0 / (TAU * 0.7) * (1.0 - (TAU * 0.7 * time).cos()));
        let sum: f64 = (1..=22)
            .map(|harmonic| {
                let hertz = 140.0 * f64::from(harmonic);
                let formant = |centre: f64, width: f64| (-((hertz - centre) / width).powi(2)).exp();
                let weight = formant(500.0, 250.0) + 0.4 * formant(1500.0, 300.0) + 0.05;
                weight * (phase * f64::from(harmonic)).sin()
            })
            .sum();
        // A syllable is loud for 80 % of its 250 ms, and softer towards its end.
        let place = (time * 4.0).fract();
        let envelope = if place < 0.8 { 1.0 - 0.6 * place } else { 0.0 };
        sum * envelope * amplitude(level) * 1.27
    }

    pub fn tone_at(&self, n: usize, hertz: f64, level: f64) -> f64 {
        (TAU * hertz * n as f64 / 8000.0).sin() * 2f64.sqrt() * amplitude(level)
    }

    /// −0.5 to 0.5.
    fn uniform(&mut self) -> f64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        f64::from(self.state) / f64::from(u32::MAX) - 0.5
    }
}

fn amplitude(level: f64) -> f64 {
    ZERO_DBM0 * 10f64.powf(level / 20.0)
}

pub fn dbm0(samples: &[i16]) -> f64 {
    let power = samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / samples.len() as f64;
    20.0 * (power.sqrt() / ZERO_DBM0).log10()
}
