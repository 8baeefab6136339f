//! Changing the sample rate, of a whole recording or of one that is still coming, good enough for telephony.
//!
//! A windowed sinc in polyphase form: both rates are reduced by their common divisor to `up`/`down`, and each output
//! sample is the input around it weighted by one of `up` phases of the filter. Runs when a prompt is loaded or a sentence
//! is made, never on a call's path, which is why it favours being short over being fast.

use std::f64::consts::PI;

/// Zero crossings of the sinc on each side: more make the filter steeper. 24 put the −60 dB edge within 6 % of the
/// cut-off, so telephone audio keeps its band up to 3.7 kHz.
const CROSSINGS: usize = 24;

/// Pass band as a share of the lower rate's Nyquist frequency, leaving room for the filter's slope.
const PASS_BAND: f64 = 0.95;

/// Converts `samples` from `from` to `to` hertz. Both must be above 0.
pub fn resample(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    let mut resampler = Resampler::new(from, to);
    let mut converted = resampler.convert(samples);
    converted.extend(resampler.finish());
    converted
}

/// Converts a recording that comes in pieces: however it is cut, together they are what [`resample`] makes of the whole.
#[derive(Debug)]
pub struct Resampler {
    up: u64,
    down: u64,
    /// None if both rates are the same.
    filter: Option<Filter>,
    /// Input that outputs to come may still need, and where it begins.
    kept: Vec<i16>,
    kept_from: u64,
    /// Outputs so far.
    made: u64,
}

impl Resampler {
    /// Converts from `from` to `to` hertz. Both must be above 0.
    pub fn new(from: u32, to: u32) -> Resampler {
        let divisor = gcd(from, to);
        let (up, down) = (u64::from(to / divisor), u64::from(from / divisor));
        let filter = (up != down).then(|| Filter::design(from, to, up as usize));
        Resampler { up, down, filter, kept: Vec::new(), kept_from: 0, made: 0 }
    }

    /// The next input, and the outputs for which it is enough. They lag behind by half the filter, some milliseconds.
    pub fn convert(&mut self, samples: &[i16]) -> Vec<i16> {
        let Some(filter) = &self.filter else { return samples.to_vec() };
        self.kept.extend_from_slice(samples);
        let received = self.kept_from + self.kept.len() as u64;
        // The output at input position p looks at inputs up to p + reach.
        let complete = ((received.saturating_sub(filter.reach as u64)) * self.up).div_ceil(self.down);
        self.make(complete)
    }

    /// The last outputs, after the last input: beyond it is silence.
    pub fn finish(mut self) -> Vec<i16> {
        let received = self.kept_from + self.kept.len() as u64;
        self.make((received * self.up).div_ceil(self.down))
    }

    /// Outputs up to this number.
    fn make(&mut self, until: u64) -> Vec<i16> {
        let Some(filter) = &self.filter else { return Vec::new() };
        let output = |number: u64| {
            let position = number * self.down;
            filter.apply(
                &self.kept,
                (position / self.up) as isize - self.kept_from as isize,
                (position % self.up) as usize,
            )
        };
        let converted = (self.made..until).map(output).collect();
        self.made = self.made.max(until);
        let needed = (self.made * self.down / self.up).saturating_sub(filter.reach as u64);
        let passed = needed.saturating_sub(self.kept_from);
        self.kept.drain(..passed as usize);
        self.kept_from += passed;
        converted
    }
}

#[derive(Debug)]
struct Filter {
    /// Inputs on each side of the output's position.
    reach: usize,
    /// `2 * reach` weights for each phase.
    phases: Vec<Vec<f32>>,
}

impl Filter {
    fn design(from: u32, to: u32, up: usize) -> Filter {
        // Cut-off in cycles an input sample; the sinc is stretched when the rate goes down.
        let cut_off = 0.5 * PASS_BAND * f64::from(from.min(to)) / f64::from(from);
        let reach = (CROSSINGS as f64 / (2.0 * cut_off)).ceil() as usize;
        let phase = |number: usize| {
            let offset = number as f64 / up as f64;
            let mut weights: Vec<f64> = (0..2 * reach)
                .map(|tap| {
                    let distance = tap as f64 - (reach as f64 - 1.0) - offset;
                    sinc(2.0 * cut_off * distance) * window(distance / reach as f64)
                })
                .collect();
            let sum: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|weight| *weight /= sum);
            weights.into_iter().map(|weight| weight as f32).collect()
        };
        Filter { reach, phases: (0..up).map(phase).collect() }
    }

    fn apply(&self, samples: &[i16], at: isize, phase: usize) -> i16 {
        let weights = &self.phases[phase];
        let first = at - (self.reach as isize - 1);
        let skipped = usize::try_from(-first).unwrap_or(0);
        let start = first.max(0) as usize;
        let inputs = samples.get(start..).unwrap_or(&[]);
        let sum: f32 =
            weights.iter().skip(skipped).zip(inputs).map(|(weight, &input)| weight * f32::from(input)).sum();
        // `as` saturates, so an overshoot clips instead of wrapping.
        sum.round() as i16
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// Blackman window over −1..1.
fn window(x: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { 0.42 + 0.5 * (PI * x).cos() + 0.08 * (2.0 * PI * x).cos() }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(frequency: f64, rate: u32, seconds: f64) -> Vec<i16> {
        let count = (f64::from(rate) * seconds) as usize;
        (0..count)
            .map(|n| (10_000.0 * (2.0 * PI * frequency * n as f64 / f64::from(rate)).sin()) as i16)
            .collect()
    }

    fn rms(samples: &[i16]) -> f64 {
        (samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
    }

    #[test]
    fn tones_in_the_band_come_through_where_they_belong() {
        for rate in [11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000] {
            for frequency in [200.0, 1000.0, 3000.0, 3400.0] {
                let out = resample(&sine(frequency, rate, 0.5), rate, 8000);
                assert_eq!(out.len(), 4000);
                let ideal = sine(frequency, 8000, 0.5);
                let error: Vec<i16> = out.iter().zip(&ideal).map(|(a, b)| a - b).collect();
                let (error, level) = (rms(&error[400..3600]), rms(&ideal));
                assert!(error < level * 0.02, "{frequency} Hz from {rate}: {error} of {level}");
            }
        }
    }

    #[test]
    fn tones_above_the_band_do_not_fold_back() {
        for (rate, frequency) in [(16_000, 5000.0), (22_050, 6000.0), (48_000, 12_000.0)] {
            let out = resample(&sine(frequency, rate, 0.5), rate, 8000);
            assert!(rms(&out[400..3600]) < 15.0, "{frequency} Hz from {rate}: {}", rms(&out[400..3600]));
        }
    }

    #[test]
    fn going_up_keeps_level_and_length() {
        let out = resample(&sine(440.0, 4000, 0.5), 4000, 8000);
        assert_eq!(out.len(), 4000);
        assert!((rms(&out[400..3600]) / rms(&sine(440.0, 8000, 0.5)) - 1.0).abs() < 0.01);
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let tone = sine(700.0, 24_000, 0.2);
        for (from, to) in [(24_000, 8000), (22_050, 8000), (8000, 8000), (8000, 16_000), (44_100, 8000)] {
            let whole = resample(&tone, from, to);
            for piece in [1, 7, 160, 1000, 4800] {
                let mut resampler = Resampler::new(from, to);
                let mut made: Vec<i16> =
                    tone.chunks(piece).flat_map(|piece| resampler.convert(piece)).collect();
                made.extend(resampler.finish());
                assert!(made == whole, "{from} to {to} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn the_first_output_does_not_wait_for_the_last_input() {
        let mut resampler = Resampler::new(24_000, 8000);
        let first = resampler.convert(&sine(700.0, 24_000, 0.1));
        assert!((750..800).contains(&first.len()), "{}", first.len());
        assert!(resampler.kept.len() < 500, "what is done with is not kept: {}", resampler.kept.len());
    }

    #[test]
    fn nothing_gives_nothing() {
        assert_eq!(resample(&[], 24_000, 8000), Vec::<i16>::new());
    }

    #[test]
    fn full_scale_clips_instead_of_wrapping() {
        let square: Vec<i16> = (0..4000).map(|n| if n / 40 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        let out = resample(&square, 16_000, 8000);
        for pair in out.windows(2) {
            assert!(
                (i32::from(pair[0]) - i32::from(pair[1])).abs() < 65_000
                    || pair[0].signum() != pair[1].signum()
            );
        }
        assert!(out.iter().skip(3).take(10).all(|&s| s > 20_000));
    }
}
