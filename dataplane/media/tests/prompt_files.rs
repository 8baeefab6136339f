//! Files that people upload as prompts: the good become audio, the bad a sentence that says what is wrong.

use std::io::Cursor;
use std::time::Duration;

use hound::{SampleFormat, WavSpec, WavWriter};
use peal_media::prompt::MAX_SECONDS;
use peal_media::tone::Tone;
use peal_media::*;

fn spec(channels: u16, sample_rate: u32) -> WavSpec {
    WavSpec { channels, sample_rate, bits_per_sample: 16, sample_format: SampleFormat::Int }
}

fn wav(spec: WavSpec, samples: impl IntoIterator<Item = i16>) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
    samples.into_iter().for_each(|sample| writer.write_sample(sample).unwrap());
    writer.finalize().unwrap();
    bytes.into_inner()
}

fn refusal(bytes: &[u8]) -> String {
    Prompt::from_wav(bytes).expect_err("it is no prompt").to_string()
}

#[test]
fn eight_kilohertz_is_taken_as_it_is_and_filled_up_with_silence() {
    let prompt = Prompt::from_wav(&wav(spec(1, 8000), (0..400).map(|n| n * 10))).unwrap();
    assert_eq!((prompt.frames(), prompt.duration()), (3, Duration::from_millis(50)));
    for codec in [Codec::Pcmu, Codec::Pcma] {
        let bytes: Vec<u8> = (0..3).flat_map(|n| *prompt.frame(codec, n).unwrap()).collect();
        let expected = |n: usize| if n < 400 { codec.encode(n as i16 * 10) } else { codec.silence() };
        assert!(bytes.iter().enumerate().all(|(n, &byte)| byte == expected(n)));
        assert!(prompt.frame(codec, 3).is_none());
    }
}

#[test]
fn other_rates_keep_pitch_and_length() {
    for rate in [11_025u32, 16_000, 22_050, 44_100, 48_000] {
        let samples = (0..rate).map(|n| {
            (8000.0 * (std::f64::consts::TAU * 500.0 * f64::from(n) / f64::from(rate)).sin()) as i16
        });
        let prompt = Prompt::from_wav(&wav(spec(1, rate), samples)).unwrap();
        assert_eq!(prompt.frames(), 50, "{rate}");
        let heard: Vec<i16> = (0..50)
            .flat_map(|n| *prompt.frame(Codec::Pcma, n).unwrap())
            .map(|b| Codec::Pcma.decode(b))
            .collect();
        let crossings = heard.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
        assert!((498..=501).contains(&crossings), "{rate}: {crossings}");
    }
}

#[test]
fn stereo_is_mixed_down() {
    let mut tone = vec![0; 800];
    Tone::sine(400.0, 8000).fill(&mut tone);
    let mono = Prompt::from_wav(&wav(spec(1, 8000), tone.iter().copied())).unwrap();
    let stereo = Prompt::from_wav(&wav(spec(2, 8000), tone.iter().flat_map(|&s| [s, s]))).unwrap();
    assert_eq!(mono.frame(Codec::Pcmu, 4), stereo.frame(Codec::Pcmu, 4));
}

#[test]
fn what_is_no_audio_is_refused_in_words() {
    assert!(refusal(b"").starts_with("not a WAV file"));
    assert!(
        refusal(b"%PDF-1.7 something else entirely, long enough for a header").starts_with("not a WAV file")
    );
    assert!(refusal(&[0xFF; 4096]).starts_with("not a WAV file"));
    assert_eq!(refusal(&wav(spec(1, 8000), [])), "the file holds no audio");
    assert_eq!(
        refusal(&wav(spec(6, 8000), [0; 12])),
        "audio of 6 channels is not supported: give 16-bit PCM, mono or stereo, 4000–192000 Hz"
    );
    assert!(refusal(&wav(spec(1, 100), [0; 12])).starts_with("a sample rate of 100 Hz is not supported"));
    let float = WavSpec { bits_per_sample: 32, sample_format: SampleFormat::Float, ..spec(1, 8000) };
    let mut bytes = Cursor::new(vec![]);
    let mut writer = WavWriter::new(&mut bytes, float).unwrap();
    writer.write_sample(0.5f32).unwrap();
    writer.finalize().unwrap();
    assert!(refusal(bytes.get_ref()).starts_with("32-bit floating-point audio is not supported"));
}

#[test]
fn too_long_is_refused_with_both_lengths() {
    let bytes = wav(spec(1, 4000), std::iter::repeat_n(0, (MAX_SECONDS as usize + 1) * 4000));
    assert_eq!(refusal(&bytes), "the audio is 601 s long; at most 600 s are allowed");
}

#[test]
fn a_file_cut_anywhere_is_refused_and_a_length_that_lies_takes_no_memory() {
    let bytes = wav(spec(1, 8000), (0..100).map(|n| n * 100));
    for cut in 0..bytes.len() {
        assert!(Prompt::from_wav(&bytes[..cut]).is_err(), "{cut}");
    }
    let mut lying = bytes.clone();
    lying[40..44].copy_from_slice(&0xFFFF_FFF0u32.to_le_bytes());
    let held = allocation_counter::measure(|| assert!(refusal(&lying).starts_with("the file is cut off")));
    assert!(held.bytes_max < 64 * 1024, "{}", held.bytes_max);
}

#[test]
fn any_damaged_byte_is_an_answer_not_a_panic() {
    let bytes = wav(spec(2, 16_000), (0..64).map(|n| n * 100));
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7F, 0x80, 0xFF] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            let _ = Prompt::from_wav(&damaged);
        }
    }
}
