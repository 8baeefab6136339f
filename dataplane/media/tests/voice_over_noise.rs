//! Speech is found over whatever the line sounds like without it: from 10 to 30 dB above noise of any level, over hum and
//! digital silence, in both laws and at every packet time.

mod common;

use common::sound::{Sound, dbm0};
use peal_media::vad::Vad;
use peal_media::*;

/// What was found in a stretch of sound.
#[derive(Debug, Default)]
struct Found {
    /// Stretches of speech, in milliseconds: from where it was told to have begun to where it was told to have ended.
    spells: Vec<(usize, usize)>,
    speech_ms: u32,
}

fn find(samples: &[i16], codec: Codec, packet_ms: usize) -> Found {
    let (mut vad, mut found) = (Vad::new(), Found::default());
    let encoded: Vec<u8> = samples.iter().map(|&sample| codec.encode(sample)).collect();
    for (number, payload) in encoded.chunks_exact(packet_ms * 8).enumerate() {
        let was = vad.is_speaking();
        vad.hear(codec, payload);
        let end = (number + 1) * packet_ms;
        match (was, vad.is_speaking()) {
            (false, true) => found.spells.push((end, usize::MAX)),
            (true, false) => found.spells.last_mut().expect("it began").1 = end,
            _ => {}
        }
    }
    assert_eq!(usize::from(vad.bursts()), found.spells.len());
    found.speech_ms = vad.speech_ms();
    found
}

/// 5 s of noise in which somebody speaks from 3 s to 4 s.
fn one_burst(noise: f64, above: f64, seed: u32) -> Vec<i16> {
    let mut sound = Sound::new(seed);
    sound.noise(3000, noise);
    sound.add(1000, |sound, n| sound.noise_at(noise) + sound.voice_at(n, noise + above));
    sound.noise(1000, noise);
    sound.samples
}

#[test]
fn a_burst_is_found_with_its_ends() {
    for noise in [-50, -45, -40, -35, -30, -25, -20] {
        for above in [10, 15, 20, 30] {
            for codec in [Codec::Pcma, Codec::Pcmu] {
                for seed in 1..=5 {
                    let sound =
                        one_burst(f64::from(noise), f64::from(above).min(f64::from(-3 - noise)), seed);
                    let found = find(&sound, codec, 20);
                    let case = format!("{noise} dBm0, {above} dB above, {codec:?}, {seed}: {found:?}");
                    // A call that begins in a loud room may be taken for speech until its floor is known.
                    let spells: Vec<_> = found.spells.iter().filter(|spell| spell.0 > 1500).collect();
                    assert!(found.spells.len() - spells.len() <= usize::from(noise > -48), "{case}");
                    let [&(began, ended)] = spells[..] else { panic!("{case}") };
                    assert!((3020..=3060).contains(&began), "{case}");
                    assert!((4100..=4260).contains(&ended), "{case}");
                }
            }
        }
    }
}

#[test]
fn every_packet_time_finds_the_same() {
    let sound = one_burst(-50.0, 20.0, 7);
    for packet_ms in [5, 10, 15, 20, 30, 40, 60] {
        let found = find(&sound, Codec::Pcma, packet_ms);
        let &(began, ended) = found.spells.last().expect("a burst");
        assert!((3020..=3120).contains(&began) && (4100..=4320).contains(&ended), "{packet_ms}: {found:?}");
        assert!((900..=1080).contains(&found.speech_ms), "{packet_ms}: {found:?}");
    }
}

#[test]
fn steady_noise_does_not_flicker_in_ten_minutes() {
    for (seed, level) in [(1, -50.0), (2, -40.0), (3, -30.0), (4, -20.0)] {
        let mut sound = Sound::new(seed);
        sound.noise(600_000, level);
        let found = find(&sound.samples, Codec::Pcma, 20);
        assert!(found.spells.iter().all(|spell| spell.1 < 1000), "{level}: {found:?}");
        assert!(found.spells.len() <= 1, "{level}: {found:?}");
    }
}

#[test]
fn a_new_floor_is_known_within_three_seconds() {
    let mut sound = Sound::new(3);
    sound.noise(4000, -50.0);
    sound.noise(6000, -25.0);
    sound.noise(6000, -50.0);
    let found = find(&sound.samples, Codec::Pcma, 20);
    let [(began, ended)] = found.spells[..] else { panic!("{found:?}") };
    assert!((4020..=4060).contains(&began), "{found:?}");
    assert!(ended <= 4000 + 3000 + 260, "{found:?}");

    // And back in the quiet room a soft voice is heard again.
    let mut sound = Sound::new(4);
    sound.noise(6000, -25.0);
    sound.noise(1000, -50.0);
    sound.add(1000, |sound, n| sound.voice_at(n, -32.0));
    let found = find(&sound.samples, Codec::Pcma, 20);
    assert!((7020..=7060).contains(&found.spells.last().expect("a burst").0), "{found:?}");
}

#[test]
fn tones_and_hum_become_the_floor() {
    // Ring-back goes on for a second: it is sound. A tone that stays is not somebody speaking.
    for (hertz, level) in [(425.0, -15.0), (50.0, -25.0), (60.0, -35.0), (1000.0, -10.0)] {
        let mut sound = Sound::new(5);
        sound.noise(2000, -55.0);
        sound.add(8000, |sound, n| sound.noise_at(-55.0) + sound.tone_at(n, hertz, level));
        let found = find(&sound.samples, Codec::Pcma, 20);
        let [(_, ended)] = found.spells[..] else { panic!("{hertz}: {found:?}") };
        assert!(ended <= 2000 + 3000 + 260, "{hertz}: {found:?}");
    }
    // Over hum and an offset of the far end's converter a voice is still found.
    let mut sound = Sound::new(6);
    sound.add(4000, |sound, n| 200.0 + sound.tone_at(n, 50.0, -38.0));
    sound.add(1000, |sound, n| 200.0 + sound.tone_at(n, 50.0, -38.0) + sound.voice_at(n, -22.0));
    sound.add(1000, |sound, n| 200.0 + sound.tone_at(n, 50.0, -38.0));
    let found = find(&sound.samples, Codec::Pcmu, 20);
    let &(began, ended) = found.spells.last().expect("a burst");
    assert!((4020..=4080).contains(&began) && (5100..=5280).contains(&ended), "{found:?}");
}

#[test]
fn digital_silence_is_silence() {
    for codec in [Codec::Pcma, Codec::Pcmu] {
        let mut sound = Sound::new(7);
        sound.add(3000, |_, _| 0.0);
        sound.add(600, |sound, n| sound.voice_at(n, -30.0));
        sound.add(3000, |_, _| 0.0);
        let found = find(&sound.samples, codec, 20);
        let [(began, ended)] = found.spells[..] else { panic!("{found:?}") };
        assert!((3020..=3060).contains(&began) && (3700..=3880).contains(&ended), "{found:?}");
        // µ-law has a second zero, A-law a smallest step on either side.
        let mut vad = Vad::new();
        for byte in [0xFF, 0x7F, 0xD5, 0x55] {
            let codec = if byte & 0x7F == 0x7F { Codec::Pcmu } else { Codec::Pcma };
            (0..100).for_each(|_| vad.hear(codec, &[byte; 160]));
        }
        assert_eq!((vad.is_speaking(), vad.bursts()), (false, 0));
    }
}

#[test]
fn a_lost_packet_filled_with_silence_does_not_make_noise_speech() {
    let mut sound = Sound::new(8);
    sound.noise(60_000, -30.0);
    for n in (3000..60_000).step_by(1700) {
        sound.samples[n * 8..n * 8 + 160].fill(0);
    }
    let found = find(&sound.samples, Codec::Pcma, 20);
    assert!(found.spells.iter().all(|spell| spell.1 < 1000), "{found:?}");
}

#[test]
fn clicks_are_not_speech() {
    let mut sound = Sound::new(9);
    sound.noise(60_000, -45.0);
    for n in (3000..60_000).step_by(730) {
        // 1 ms at full scale, wherever in its frame.
        sound.samples[n * 8 + n % 160..][..8].fill(30_000);
    }
    let found = find(&sound.samples, Codec::Pcma, 20);
    assert!(found.spells.iter().all(|spell| spell.1 < 1500), "{found:?}");
}

#[test]
fn a_conversation_is_heard_in_bursts() {
    // Ten sentences of 1.5 to 3 s with 0.8 s between them.
    let mut sound = Sound::new(10);
    sound.noise(2000, -45.0);
    let mut spoken = 0;
    for sentence in 0..10 {
        let ms = 1500 + 150 * sentence;
        spoken += ms as u32;
        sound.add(ms, |sound, n| sound.noise_at(-45.0) + sound.voice_at(n, -22.0));
        sound.noise(800, -45.0);
    }
    let found = find(&sound.samples, Codec::Pcmu, 20);
    let late: Vec<_> = found.spells.iter().filter(|spell| spell.0 > 1000).collect();
    assert_eq!(late.len(), 10, "{found:?}");
    assert!(found.speech_ms.abs_diff(spoken) < 1000, "{found:?} of {spoken}");
}

#[test]
fn levels_are_what_they_are_called() {
    for level in [-50.0, -30.0, -10.0] {
        let mut sound = Sound::new(11);
        sound.noise(2000, level);
        assert!((dbm0(&sound.samples) - level).abs() < 0.5);
        let mut sound = Sound::new(11);
        sound.add(2000, |sound, n| sound.voice_at(n, level));
        assert!((dbm0(&sound.samples) - level).abs() < 1.0, "{}", dbm0(&sound.samples));
    }
}
