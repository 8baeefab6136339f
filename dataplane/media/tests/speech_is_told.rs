//! Who speaks is told to the owner once, and in numbers at the end.

mod common;

use std::time::Instant;

use common::sound::Sound;
use common::*;
use peal_media::*;

/// Feeds `ms` of sound as packets of 20 ms, one before each tick, and gives the events with the packet's number.
fn play_to(
    session: &mut MediaSession,
    far: &mut FarEnd,
    at: &mut Instant,
    sound: &Sound,
) -> Vec<(usize, MediaEvent)> {
    let mut told = Vec::new();
    for (number, frame) in sound.samples.chunks_exact(FRAME_SAMPLES).enumerate() {
        let payload: Vec<u8> = frame.iter().map(|&sample| Codec::Pcma.encode(sample)).collect();
        session.receive(*at, far.from, &far.audio(&payload));
        tick(session, *at);
        told.extend(events(session).into_iter().map(|event| (number, event)));
        *at += TICK;
    }
    told.retain(|(_, event)| !matches!(event, MediaEvent::Latched(_)));
    told
}

fn said(seed: u32) -> Sound {
    let mut sound = Sound::new(seed);
    sound.noise(2000, -50.0);
    sound.add(1000, |sound, n| sound.noise_at(-50.0) + sound.voice_at(n, -20.0));
    sound.noise(1000, -50.0);
    sound
}

#[test]
fn from_its_beginning_to_its_end() {
    let (mut session, mut far, mut at) = (answered(), FarEnd::new(), Instant::now());
    let start = at;
    let told = play_to(&mut session, &mut far, &mut at, &said(1));
    let [(began, MediaEvent::SpeechBegan(sound)), (ended, MediaEvent::SpeechEnded)] = told[..] else {
        panic!("{told:?}")
    };
    assert!((100..103).contains(&began), "{told:?}");
    assert_eq!(sound, start + TICK * (began as u32 - 1), "the first of two packets");
    assert!((155..162).contains(&ended), "200 ms after the last sound: {told:?}");
    let quality = session.quality();
    assert_eq!(quality.speech_bursts, 1);
    assert!((900..=1040).contains(&quality.speech_ms), "{quality:?}");
}

#[test]
fn only_after_the_answer() {
    let (mut session, mut far, mut at) = (session(), FarEnd::new(), Instant::now());
    session.set_remote(plan());
    // An announcement of the carrier.
    assert_eq!(play_to(&mut session, &mut far, &mut at, &said(2)), []);
    assert_eq!(session.quality().speech_bursts, 0);
    session.answer();
    assert_eq!(play_to(&mut session, &mut far, &mut at, &said(3)).len(), 2);
    assert_eq!(session.quality().speech_bursts, 1);
}

#[test]
fn who_stops_sending_has_stopped_speaking() {
    // In the middle of a word something happens; who then goes on has begun anew, if it was an end.
    let bursts = |happens: &dyn Fn(&mut MediaSession, &mut FarEnd, &mut Instant)| {
        let (mut session, mut far, mut at) = (answered(), FarEnd::new(), Instant::now());
        let mut sound = said(4);
        sound.samples.truncate(2500 * 8);
        let told = play_to(&mut session, &mut far, &mut at, &sound);
        assert!(matches!(told[..], [(_, MediaEvent::SpeechBegan(_))]), "{told:?}");
        happens(&mut session, &mut far, &mut at);
        sound.samples.drain(..2200 * 8);
        let told = play_to(&mut session, &mut far, &mut at, &sound);
        let began =
            told.iter().filter(|(_, event)| matches!(event, MediaEvent::SpeechBegan(_))).count() as u32;
        assert_eq!(session.quality().speech_bursts, 1 + began);
        1 + began
    };
    // Nothing comes: the far end suppresses silence, or the network is gone, or has only paused.
    let pause = |ticks: u32| {
        bursts(&move |session, _, at| {
            for _ in 0..ticks {
                tick(session, *at);
                *at += TICK;
            }
        })
    };
    assert_eq!([0, 10, 18, 22, 100].map(pause), [1, 1, 1, 2, 2]);
    // A comfort noise packet says it at once (RFC 3389).
    let comforted = bursts(&|session, far, at| {
        let comfort_noise = packet(rtp::Header { payload_type: 13, ..far.header }, &[60]);
        far.header.sequence += 1;
        assert_eq!(session.receive(*at, far.from, &comfort_noise), Received::ComfortNoise);
    });
    assert_eq!(comforted, 2);
}
