//! What callees sound like: G.711, encoded once for the process and shared by all calls.

use std::f32::consts::TAU;
use std::sync::OnceLock;

/// Samples, and bytes, of a 20 ms packet.
pub(crate) const FRAME: usize = 160;

const RATE: f32 = 8_000.0;

/// Which half of G.711.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Law {
    Mu,
    A,
}

impl Law {
    /// RFC 3551 table 4.
    pub(crate) fn payload_type(self) -> u8 {
        match self {
            Self::Mu => 0,
            Self::A => 8,
        }
    }

    fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Mu => mu_law(sample),
            Self::A => a_law(sample),
        }
    }

    /// The code of silence.
    pub(crate) fn silence(self) -> u8 {
        match self {
            Self::Mu => 0xFF,
            Self::A => 0xD5,
        }
    }

    /// The other way: codes to 16-bit linear.
    pub(crate) fn decoded(self) -> &'static [i16; 256] {
        match self {
            Self::Mu => &FROM_MU_LAW,
            Self::A => &FROM_A_LAW,
        }
    }

    /// The half that an RTP payload type names (RFC 3551 table 4).
    pub(crate) fn of_payload_type(payload_type: u8) -> Option<Self> {
        [Self::Mu, Self::A].into_iter().find(|law| law.payload_type() == payload_type)
    }
}

/// Root mean square from which on samples can be heard: -50 dB below the loudest. Comfort noise and the noise of G.711
/// itself are below it, the quiet ends of words above it.
const AUDIBLE_RMS: i64 = 100;

/// Whether there is something to be heard in these samples.
pub(crate) fn is_audible(samples: impl ExactSizeIterator<Item = i16>) -> bool {
    let least = AUDIBLE_RMS * AUDIBLE_RMS * samples.len() as i64;
    let energy: i64 = samples.map(|sample| i64::from(sample) * i64::from(sample)).sum();
    least > 0 && energy >= least
}

/// A sound in both laws: played once and then silence, or for ever again.
#[derive(Debug)]
pub(crate) struct Track {
    mu: Vec<u8>,
    a: Vec<u8>,
    repeats: bool,
}

impl Track {
    /// A sound that is played once. Samples are at 8 kHz; silence fills the last frame.
    pub(crate) fn once(mut samples: Vec<i16>) -> Self {
        samples.resize(samples.len().next_multiple_of(FRAME), 0);
        Self::new(&samples, false)
    }

    /// Packets of one frame that it fills.
    pub(crate) fn packets(&self) -> u32 {
        (self.mu.len() / FRAME) as u32
    }

    fn new(samples: &[i16], repeats: bool) -> Self {
        debug_assert!(samples.len().is_multiple_of(FRAME));
        let encode = |law: Law| samples.iter().map(|s| law.encode(*s)).collect();
        Self { mu: encode(Law::Mu), a: encode(Law::A), repeats }
    }

    /// The payload of the `n`-th packet of that many frames of 20 ms, three at most.
    pub(crate) fn payload(&self, law: Law, n: u32, frames: u32) -> &[u8] {
        const SILENCE: (&[u8], &[u8]) = (&[0xFF; 3 * FRAME], &[0xD5; 3 * FRAME]);
        let (bytes, silence) = match law {
            Law::Mu => (&self.mu, SILENCE.0),
            Law::A => (&self.a, SILENCE.1),
        };
        let length = frames as usize * FRAME;
        let packets = bytes.len() / length;
        let n = if self.repeats { n as usize % packets } else { n as usize };
        if n < packets { &bytes[n * length..][..length] } else { &silence[..length] }
    }
}

/// All sounds.
#[derive(Debug)]
pub(crate) struct Tracks {
    /// "Hello?", and a short word now and then.
    pub(crate) person: Track,
    /// A greeting of 3.4 s, a pause, a beep of 1 kHz for 0.5 s.
    pub(crate) machine: Track,
    /// Nothing but silence.
    pub(crate) quiet: Track,
    /// 425 Hz, one second in five.
    pub(crate) ringback: Track,
}

impl Tracks {
    /// Built at the first call.
    pub(crate) fn shared() -> &'static Self {
        static TRACKS: OnceLock<Tracks> = OnceLock::new();
        TRACKS.get_or_init(|| Self {
            person: Track::new(
                &[pause(300), speech(600), pause(2_600), speech(400), pause(2_100)].concat(),
                true,
            ),
            machine: Track::new(
                &[pause(400), speech(1_600), pause(200), speech(1_800), pause(300), tone(1_000.0, 500)]
                    .concat(),
                false,
            ),
            quiet: Track::new(&pause(60), true),
            ringback: Track::new(&[tone(425.0, 1_000), pause(4_000)].concat(), true),
        })
    }
}

fn pause(ms: usize) -> Vec<i16> {
    vec![0; ms * 8]
}

fn tone(hz: f32, ms: usize) -> Vec<i16> {
    (0..ms * 8).map(|n| ((TAU * hz * n as f32 / RATE).sin() * 8_000.0) as i16).collect()
}

/// A voiced sound in syllables: harmonics of a gliding pitch, four syllables a second.
fn speech(ms: usize) -> Vec<i16> {
    (0..ms * 8)
        .map(|n| {
            let t = n as f32 / RATE;
            let pitch = 130.0 + 20.0 * (TAU * 0.7 * t).sin();
            let voice: f32 = (1..=12).map(|h| (TAU * pitch * h as f32 * t).sin() / h as f32).sum();
            let syllable = (TAU * 2.0 * t).sin().abs();
            (voice * syllable * 4_500.0) as i16
        })
        .collect()
}

/// ITU-T G.711, 16-bit linear to µ-law.
fn mu_law(sample: i16) -> u8 {
    const BIAS: i32 = 0x84;
    let sign = if sample < 0 { 0x80u8 } else { 0 };
    let magnitude = i32::from(sample).abs().min(32_635) + BIAS;
    let segment = (magnitude as u32).ilog2() - 7;
    let mantissa = (magnitude >> (segment + 3)) as u8 & 0x0F;
    !(sign | (segment as u8) << 4 | mantissa)
}

/// ITU-T G.711, 16-bit linear to A-law.
fn a_law(sample: i16) -> u8 {
    let sign = if sample < 0 { 0 } else { 0x80u8 };
    let magnitude = if sample < 0 { !i32::from(sample) } else { i32::from(sample) } >> 4;
    let code = if magnitude < 16 {
        magnitude as u8
    } else {
        let segment = (magnitude as u32).ilog2() - 3;
        (segment as u8) << 4 | (magnitude >> (segment - 1)) as u8 & 0x0F
    };
    (sign | code) ^ 0x55
}

const fn from_mu_law(code: u8) -> i16 {
    let bits = !code;
    let magnitude = (((((bits & 0x0F) as i16) << 3) + 0x84) << ((bits >> 4) & 0x07)) - 0x84;
    if bits & 0x80 == 0 { magnitude } else { -magnitude }
}

const fn from_a_law(code: u8) -> i16 {
    let bits = code ^ 0x55;
    let (segment, mantissa) = ((bits >> 4) & 0x07, (bits & 0x0F) as i16);
    let magnitude = if segment == 0 { mantissa << 4 | 8 } else { (mantissa << 4 | 0x108) << (segment - 1) };
    if bits & 0x80 == 0 { -magnitude } else { magnitude }
}

macro_rules! table {
    ($of:ident) => {{
        let mut table = [0; 256];
        let mut code = 0;
        while code < 256 {
            table[code] = $of(code as u8);
            code += 1;
        }
        table
    }};
}

static FROM_MU_LAW: [i16; 256] = table!(from_mu_law);
static FROM_A_LAW: [i16; 256] = table!(from_a_law);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_known_levels() {
        // Ends and zero of the tables of ITU-T G.711.
        assert_eq!([0, 32_767, -32_768].map(mu_law), [0xFF, 0x80, 0x00]);
        assert_eq!([0, 32_767, -1, -32_768].map(a_law), [0xD5, 0xAA, 0x55, 0x2A]);
    }

    #[test]
    fn louder_is_never_a_lower_code() {
        let rising = |law: fn(i16) -> u8, toggle: u8| {
            (0..32_767i16).all(|s| (law(s) ^ toggle) & 0x7F <= (law(s + 1) ^ toggle) & 0x7F)
        };
        assert!(rising(mu_law, 0xFF));
        assert!(rising(a_law, 0x55));
    }

    #[test]
    fn what_was_encoded_decodes_to_about_the_same() {
        for law in [Law::Mu, Law::A] {
            for sample in (-32_000..32_000).step_by(37) {
                let again = i32::from(law.decoded()[usize::from(law.encode(sample as i16))]);
                // Sixteen steps a segment, and a step is a power of two: an eighth of the value in the worst case, halved.
                assert!((again - sample).abs() <= sample.abs() / 16 + 8, "{law:?} {sample} {again}");
            }
        }
        assert_eq!((Law::Mu.decoded()[0xFF], Law::A.decoded()[0xD5]), (0, 8));
    }

    #[test]
    fn silence_of_both_laws_is_not_audible_and_a_quiet_tone_is() {
        for law in [Law::Mu, Law::A] {
            assert!(!is_audible([0; FRAME].iter().map(|s| law.decoded()[usize::from(law.encode(*s))])));
        }
        assert!(is_audible(tone(1_000.0, 20).iter().map(|s| s / 50)));
        assert!(!is_audible(std::iter::empty::<i16>()));
    }

    #[test]
    fn a_machine_falls_silent_after_its_beep() {
        let machine = &Tracks::shared().machine;
        assert!(machine.payload(Law::Mu, 239, 1).iter().any(|b| *b != 0xFF));
        assert!(machine.payload(Law::Mu, 240, 1).iter().all(|b| *b == 0xFF));
        assert!(machine.payload(Law::A, u32::MAX, 3).iter().all(|b| *b == 0xD5));
    }

    #[test]
    fn a_person_goes_on() {
        let person = &Tracks::shared().person;
        assert_eq!(person.payload(Law::A, 20, 1), person.payload(Law::A, 20 + 300, 1));
    }
}
