//! What a customer says, out of a WAV file: at 8 kHz, from its first audible moment to its last.

use std::f64::consts::PI;
use std::path::{Path, PathBuf};

use super::CastError;
use crate::audio::{Track, is_audible};

/// Longest thing that may be said.
const SECONDS_MAX: u32 = 120;
/// Samples at 8 kHz by which the ends of a sound are looked for: 5 ms.
const STEP: usize = 40;

/// Reads a file: 16 bits, one channel, 8 or 16 kHz. What is not audible at its ends is left off, so that times which begin
/// or end with the sound begin or end with something to be heard.
pub(super) fn read(path: &Path) -> Result<Track, CastError> {
    let bad = |problem: String| CastError::Sound { path: PathBuf::from(path), problem };
    let mut reader = hound::WavReader::open(path).map_err(|error| bad(error.to_string()))?;
    let spec = reader.spec();
    let is_known = spec.channels == 1
        && spec.bits_per_sample == 16
        && spec.sample_format == hound::SampleFormat::Int
        && matches!(spec.sample_rate, 8_000 | 16_000);
    if !is_known {
        return Err(bad(format!(
            "{} channels of {} bits at {} Hz; one channel of 16 bits at 8000 or 16000 Hz is understood",
            spec.channels, spec.bits_per_sample, spec.sample_rate
        )));
    }
    if reader.duration() > SECONDS_MAX * spec.sample_rate {
        return Err(bad(format!("longer than {SECONDS_MAX} s")));
    }
    let samples: Vec<i16> =
        reader.samples().collect::<Result<_, _>>().map_err(|error| bad(error.to_string()))?;
    let samples = if spec.sample_rate == 16_000 { halved(&samples) } else { samples };
    let said = audible(&samples);
    if said.is_empty() {
        return Err(bad("nothing in it can be heard".to_owned()));
    }
    Ok(Track::once(said.to_vec()))
}

/// The part from the first audible step to the last.
fn audible(samples: &[i16]) -> &[i16] {
    let mut steps = samples.chunks(STEP).enumerate().filter(|(_, step)| is_audible(step.iter().copied()));
    let Some((first, _)) = steps.next() else { return &[] };
    let last = steps.next_back().map_or(first, |(last, _)| last);
    &samples[first * STEP..samples.len().min((last + 1) * STEP)]
}

/// Taps of the filter on each side of its middle. With 24 what would fold back into the telephone's band (from 4.6 kHz on) is
/// 60 dB down.
const SIDE: isize = 24;

/// Every second sample, after a low pass at 3.8 kHz (windowed sinc, Blackman): what lies above 4 kHz must not fold back.
fn halved(samples: &[i16]) -> Vec<i16> {
    let taps: Vec<f64> = (-SIDE..=SIDE).map(tap).collect();
    let sum: f64 = taps.iter().sum();
    let at = |index: isize| {
        usize::try_from(index).ok().and_then(|i| samples.get(i)).map_or(0.0, |s| f64::from(*s))
    };
    (0..samples.len() as isize)
        .step_by(2)
        .map(|middle| {
            let value: f64 = (-SIDE..=SIDE).zip(&taps).map(|(n, tap)| at(middle + n) * tap).sum();
            // Saturates, as a conversion of floats does.
            (value / sum).round() as i16
        })
        .collect()
}

fn tap(n: isize) -> f64 {
    // Of the sampling rate, 16 kHz.
    const CUT: f64 = 3_800.0 / 16_000.0;
    let n = n as f64;
    let sinc = if n == 0.0 { 2.0 * CUT } else { (2.0 * PI * CUT * n).sin() / (PI * n) };
    let phase = PI * (n / (SIDE as f64 + 1.0) + 1.0);
    sinc * (0.42 - 0.5 * phase.cos() + 0.08 * (2.0 * phase).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, samples: usize) -> Vec<i16> {
        (0..samples).map(|n| ((2.0 * PI * hz * n as f64 / 16_000.0).sin() * 10_000.0) as i16).collect()
    }

    fn rms(samples: &[i16]) -> f64 {
        (samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
    }

    #[test]
    fn halving_keeps_the_band_and_drops_what_would_fold_into_it() {
        for (hz, least_db, most_db) in
            [(300.0, -0.1, 0.1), (3_000.0, -0.5, 0.1), (5_000.0, -200.0, -60.0), (7_000.0, -200.0, -60.0)]
        {
            let out = halved(&tone(hz, 3_200));
            assert_eq!(out.len(), 1_600);
            let db = 20.0 * (rms(&out[100..1_500]).max(0.1) / (10_000.0 / 2f64.sqrt())).log10();
            assert!((least_db..=most_db).contains(&db), "{hz} Hz: {db} dB");
        }
    }

    #[test]
    fn silence_at_the_ends_is_left_off_and_inside_is_kept() {
        let said = [vec![0; 1_000], vec![5_000; 80], vec![0; 400], vec![-5_000; 80], vec![0; 999]].concat();
        assert_eq!(audible(&said), &said[1_000..1_560]);
        assert!(audible(&[0; 500]).is_empty());
    }
}
