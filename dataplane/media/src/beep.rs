//! The tone with which an answering machine says that it records.
//!
//! Whatever its maker chose, it is one steady sine, for a fifth of a second to a few seconds, and then silence. A sine is what follows from
//! its last two samples by one constant: x(n+1) = 2 cos(ω) x(n) − x(n−1). The constant that fits a frame best gives the frequency, and how
//! badly it fits tells a voice, music or noise from it. Speech has frames that fit, but no ten in a row at one pitch.
//!
//! Owned by a session while somebody waits for it; costs nothing otherwise.

use std::f32::consts::TAU;

use crate::{Codec, SAMPLE_RATE};

/// Frequencies of such tones, hertz. Dial and busy tones of 300 to 500 Hz are among them on purpose: a machine that has hung up is not
/// worth a longer wait.
const FREQUENCIES: std::ops::RangeInclusive<f32> = 300.0..=2_600.0;
/// Share of a frame's energy that the best sine may leave unexplained. G.711 leaves 0.2 % of a sine at any level.
const MISFIT_MAX: f32 = 0.03;
/// Steadiness: how far the frequency may be from that of the frame before.
const DRIFT_MAX: f32 = 0.03;
/// Mean power of a sample below which nothing is a tone: −40 dBm0.
const POWER_MIN: f32 = 60_000.0;
/// Two low tones at once follow nearly the same constant from one sample to the next; so far apart they do not.
const LAG: usize = 5;
/// Longest frame: 60 ms.
const MAX_SAMPLES: usize = 480;
/// A tone lasts so long.
const TONE_MS: u32 = 180;
/// And is over when something else has lasted so long.
const QUIET_MS: u32 = 60;

/// Watches for the tone.
#[derive(Debug, Default)]
pub struct Beep {
    frequency: f32,
    tone_ms: u32,
    quiet_ms: u32,
    /// The tone was long enough.
    has_sounded: bool,
}

impl Beep {
    /// The next frame of what the far end says. True once: when the tone is over.
    pub fn hear(&mut self, codec: Codec, frame: &[u8]) -> bool {
        let ms = frame.len() as u32 * 1_000 / SAMPLE_RATE;
        match frequency(codec, frame) {
            Some(frequency) if (frequency - self.frequency).abs() <= self.frequency * DRIFT_MAX => {
                self.tone_ms += ms;
                self.quiet_ms = 0;
            }
            Some(frequency) => (self.frequency, self.tone_ms, self.quiet_ms) = (frequency, ms, 0),
            None => {
                self.quiet_ms += ms;
                if self.quiet_ms >= QUIET_MS && !self.has_sounded {
                    self.tone_ms = 0;
                }
            }
        }
        self.has_sounded |= self.tone_ms >= TONE_MS;
        let is_over = self.has_sounded && self.quiet_ms >= QUIET_MS;
        if is_over {
            *self = Self::default();
        }
        is_over
    }
}

/// The frequency of a frame that is a sine, in hertz.
fn frequency(codec: Codec, frame: &[u8]) -> Option<f32> {
    let table = codec.decode_table();
    let mut samples = [0.0; MAX_SAMPLES];
    let samples = samples.get_mut(..frame.len())?;
    samples.iter_mut().zip(frame).for_each(|(sample, byte)| *sample = f32::from(table[usize::from(*byte)]));
    let near = fit(samples, 1)?;
    let frequency = (near.constant / 2.0).clamp(-1.0, 1.0).acos() / TAU * SAMPLE_RATE as f32;
    if near.power < POWER_MIN || near.misfit > MISFIT_MAX || !FREQUENCIES.contains(&frequency) {
        return None;
    }
    (fit(samples, LAG)?.misfit <= MISFIT_MAX).then_some(frequency)
}

/// What the best constant of x(n+lag) = constant · x(n) − x(n−lag) is, and what it leaves.
struct Fit {
    constant: f32,
    misfit: f32,
    power: f32,
}

fn fit(samples: &[f32], lag: usize) -> Option<Fit> {
    let (mut power, mut product, mut sums) = (0.0, 0.0, 0.0);
    for span in samples.windows(2 * lag + 1) {
        let (middle, both) = (span[lag], span[0] + span[2 * lag]);
        power += middle * middle;
        product += middle * both;
        sums += both * both;
    }
    if power < 1.0 {
        return None;
    }
    // Least squares: what the constant leaves is sums − product² / power.
    let constant = product / power;
    let count = (samples.len() - 2 * lag) as f32;
    Some(Fit { constant, misfit: (sums - product * constant) / power, power: power / count })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::Tone;

    /// When the tone was told of, in milliseconds, each time.
    fn told(samples: &[i16]) -> Vec<usize> {
        let mut beep = Beep::default();
        let frames = samples.chunks_exact(160).enumerate();
        let heard = frames.filter_map(|(n, frame)| {
            let frame: Vec<u8> = frame.iter().map(|sample| Codec::Pcma.encode(*sample)).collect();
            beep.hear(Codec::Pcma, &frame).then_some((n + 1) * 20)
        });
        heard.collect()
    }

    fn sine(frequency: f64, peak: i16, ms: usize) -> Vec<i16> {
        filled(Tone::sine(frequency, peak), ms)
    }

    fn filled(mut tone: Tone, ms: usize) -> Vec<i16> {
        let mut samples = vec![0; ms * 8];
        tone.fill(&mut samples);
        samples
    }

    fn noise(ms: usize, peak: i32) -> Vec<i16> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 16) as i32 % (2 * peak + 1) - peak) as i16
        };
        (0..ms * 8).map(|_| next()).collect()
    }

    #[test]
    fn tones_of_all_makers_are_told_when_they_are_over() {
        for frequency in [330.0, 440.0, 800.0, 1_000.0, 1_400.0, 2_000.0, 2_500.0] {
            for (peak, ms) in [(600, 400), (8_000, 220), (20_000, 1_500)] {
                let samples = [noise(500, 20), sine(frequency, peak, ms), noise(400, 20)].concat();
                let at = told(&samples);
                assert!(
                    matches!(at[..], [at] if (500 + ms..=500 + ms + 100).contains(&at)),
                    "{frequency} Hz at {peak}: {at:?}"
                );
            }
        }
    }

    #[test]
    fn noise_short_sounds_pairs_of_tones_and_glides_are_none() {
        let glide: Vec<i16> = (0..8_000)
            .map(|n| {
                let at = n as f64 / 8_000.0;
                (8_000.0 * (std::f64::consts::TAU * (400.0 * at + 600.0 * at * at)).sin()) as i16
            })
            .collect();
        let dual = filled(Tone::dual(440.0, 620.0, 8_000), 1_000);
        for (what, sound) in [
            ("noise", noise(1_000, 8_000)),
            ("a click", sine(1_000.0, 8_000, 100)),
            ("faint", sine(1_000.0, 100, 500)),
            ("a glide", glide),
            ("two tones", dual),
        ] {
            let samples = [noise(300, 20), sound, noise(400, 20)].concat();
            assert_eq!(told(&samples), Vec::<usize>::new(), "{what}");
        }
    }
}
