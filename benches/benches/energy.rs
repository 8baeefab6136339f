//! What does it cost to look at, or to change, one received frame of 20 ms: its energy, its level, its samples?
//!
//! The question behind it is how voice activity should see a frame (`docs/decisions/0005`). Prints one line for each
//! loop; the time is the best of several rounds, since other programs only ever add to it.
//! `cargo bench -p peal-benches --bench energy`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use media::g711::{ALAW_TO_LINEAR, encode_alaw};
use media::music::Music;
use media::resample::resample;
use media::vad::{Echo, Vad};
use media::{Codec, FRAME_SAMPLES};

const ROUNDS: u32 = 50;
const READS: u32 = 20_000;

/// Different frames, so that no loop lives on one pattern of branches.
const FRAMES: usize = 64;

type Frame = [u8; FRAME_SAMPLES];

fn main() {
    let frames = frames();
    println!("one frame of {FRAME_SAMPLES} bytes of A-law; 50 a second make a call-second");
    report("energy, table of 256 squares", &frames, |frame| energy_table(frame) as u32);
    report("energy, floats built from the code", &frames, |frame| energy_floats(frame) as u32);
    report("level, bytes one by one", &frames, |frame| level_plain(frame));
    report("level, four lanes in a u64", &frames, level_swar);
    report("level, lanes of 16 bytes", &frames, level_lanes);
    let mut vad = Vad::new();
    report("Vad::hear, all of it", &frames, move |frame| {
        vad.hear(Codec::Pcma, frame);
        u32::from(vad.is_speaking())
    });
    let mut music = Music::default();
    report("Music::hear, all of it", &frames, move |frame| {
        music.hear(Codec::Pcma, frame);
        u32::from(music.is_music())
    });
    let mut echo = Echo::default();
    report("Echo::sent, for the frame that leaves", &frames, move |frame| {
        echo.sent(Some((Codec::Pcma, frame)));
        u32::from(echo.least())
    });
    let mut out = [0i16; FRAME_SAMPLES];
    report("decode, arithmetic", &frames, |frame| {
        out.iter_mut().zip(frame).for_each(|(out, &byte)| *out = decode_arithmetic(byte));
        black_box(&out)[0] as u32
    });
    report("decode, table of 256", &frames, |frame| {
        out.iter_mut().zip(frame).for_each(|(out, &byte)| *out = ALAW_TO_LINEAR[usize::from(byte)]);
        black_box(&out)[0] as u32
    });
    report("decode, floats built from the code", &frames, |frame| {
        out.iter_mut().zip(frame).for_each(|(out, &byte)| *out = linear(byte) as i16);
        black_box(&out)[0] as u32
    });
    let linear = frames[0].map(|byte| ALAW_TO_LINEAR[usize::from(byte)]);
    report("resample 8 to 16 kHz, as for prompts", &frames, |_| {
        black_box(resample(black_box(&linear), 8_000, 16_000)).len() as u32
    });
}

/// Exact energy, by the square of each byte.
fn energy_table(frame: &Frame) -> u64 {
    frame.iter().map(|&byte| u64::from(SQUARES[usize::from(byte)])).sum()
}

/// Exact energy without a table, in a form that vectorises.
fn energy_floats(frame: &Frame) -> f32 {
    let mut sums = [0f32; 8];
    for bytes in frame.as_chunks::<8>().0 {
        for (sum, &byte) in sums.iter_mut().zip(bytes) {
            let sample = linear(byte);
            *sum += sample * sample;
        }
    }
    sums.iter().sum()
}

/// Sum of the magnitude codes.
fn level_plain(frame: &[u8]) -> u32 {
    frame.iter().map(|&byte| u32::from((byte ^ 0x55) & 0x7F)).sum()
}

fn level_swar(frame: &Frame) -> u32 {
    const EVEN: u64 = 0x00FF_00FF_00FF_00FF;
    let mut sums = 0u64;
    for bytes in frame.as_chunks::<8>().0 {
        let codes = (u64::from_ne_bytes(*bytes) ^ 0x5555_5555_5555_5555) & 0x7F7F_7F7F_7F7F_7F7F;
        sums += (codes & EVEN) + ((codes >> 8) & EVEN);
    }
    (0..4).map(|lane| (sums >> (16 * lane)) as u32 & 0xFFFF).sum()
}

fn level_lanes(frame: &Frame) -> u32 {
    let mut sums = [0u16; 16];
    for bytes in frame.as_chunks::<16>().0 {
        for (sum, &byte) in sums.iter_mut().zip(bytes) {
            *sum += u16::from((byte ^ 0x55) & 0x7F);
        }
    }
    sums.iter().map(|&sum| u32::from(sum)).sum()
}

/// A-law as a number: its code laid into exponent and mantissa of a float, which scales without shifts by lane.
fn linear(byte: u8) -> f32 {
    let code = u32::from((byte ^ 0x55) & 0x7F);
    // Segment 0 has no leading one. Elsewhere 2^(segment + 7), the four bits below it, and half a step.
    let large = f32::from_bits((code << 19) + ((127 + 7) << 23) + (1 << 18));
    let small = code as f32 * 16.0 + 8.0;
    let magnitude = if code < 16 { small } else { large };
    if byte & 0x80 == 0 { -magnitude } else { magnitude }
}

const fn decode_arithmetic(byte: u8) -> i16 {
    let code = (byte as i32 ^ 0x55) & 0x7F;
    let (segment, step) = (code >> 4, code & 0x0F);
    let magnitude = if segment == 0 { (step << 4) + 8 } else { ((step << 4) + 0x108) << (segment - 1) };
    (if byte < 128 { -magnitude } else { magnitude }) as i16
}

static SQUARES: [u32; 256] = {
    let (mut table, mut byte) = ([0; 256], 0);
    while byte < 256 {
        let sample = decode_arithmetic(byte as u8) as i32;
        table[byte] = (sample * sample) as u32;
        byte += 1;
    }
    table
};

/// Noise between −50 dBm0 and full scale, checked to be read alike by every loop that is exact.
fn frames() -> Vec<Frame> {
    let mut state = 1u32;
    let frame = |number: usize| {
        std::array::from_fn(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let sample = (state as i32 >> 16) >> (number % 9);
            encode_alaw(sample as i16)
        })
    };
    let frames: Vec<Frame> = (0..FRAMES).map(frame).collect();
    for frame in &frames {
        let exact: f64 = frame.iter().map(|&b| f64::from(ALAW_TO_LINEAR[usize::from(b)]).powi(2)).sum();
        assert_eq!(energy_table(frame) as f64, exact);
        assert!((f64::from(energy_floats(frame)) / exact - 1.0).abs() < 1e-5);
        assert_eq!((level_plain(frame), level_plain(frame)), (level_swar(frame), level_lanes(frame)));
    }
    for byte in 0..=255u8 {
        let exact = ALAW_TO_LINEAR[usize::from(byte)];
        assert_eq!((decode_arithmetic(byte), linear(byte) as i16), (exact, exact), "{byte:#x}");
    }
    frames
}

fn report(name: &str, frames: &[Frame], mut read: impl FnMut(&Frame) -> u32) {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for number in 0..READS as usize {
            black_box(read(black_box(&frames[number % FRAMES])));
        }
        best = best.min(began.elapsed());
    }
    let ns = best.as_nanos() as f64 / f64::from(READS);
    println!("{name:38} {ns:8.1} ns {:8.2} us a call-second", ns * 50.0 / 1000.0);
}
