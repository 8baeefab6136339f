//! What the far end returns of our own prompt is nobody who speaks; who speaks into it is heard.

mod common;

use std::time::Instant;

use common::sound::Sound;
use common::*;
use peal_media::*;

/// What is sent comes back this much fainter and later; over a line that murmurs at −62 dBm0.
fn speech_in_echo(loss_db: f64, late_ticks: usize, callee: Option<f64>) -> Vec<MediaEvent> {
    speech_in_echo_from(0, loss_db, late_ticks, callee)
}

/// The same from this tick on; nothing comes back before.
fn speech_in_echo_from(
    first_tick: usize,
    loss_db: f64,
    late_ticks: usize,
    callee: Option<f64>,
) -> Vec<MediaEvent> {
    let mut ours = Sound::new(7);
    for _ in 0..2 {
        ours.add(4_000, |sound, n| sound.noise_at(-60.0) + sound.voice_at(n, -16.0));
        ours.add(1_000, |sound, _| sound.noise_at(-60.0));
    }
    let prompt = Prompt::from_pcm(&ours.samples, SAMPLE_RATE).expect("a prompt");
    let (mut session, mut far, mut at) = (answered(), FarEnd::new(), Instant::now());
    session.play(prompt);
    let mut line = Sound::new(9);
    line.add(11_000, |sound, n| {
        // The callee from 2 s on, for a second.
        let callee = callee.filter(|_| (16_000..24_000).contains(&n));
        sound.noise_at(-62.0) + callee.map_or(0.0, |level| sound.voice_at(n, level))
    });
    let gain = 10f64.powf(-loss_db / 20.0);
    let mut told = Vec::new();
    for (n, frame) in line.samples.chunks_exact(FRAME_SAMPLES).enumerate() {
        let returned = n
            .checked_sub(late_ticks)
            .filter(|n| *n >= first_tick)
            .and_then(|n| ours.samples.chunks_exact(FRAME_SAMPLES).nth(n));
        let payload: Vec<u8> = (0..FRAME_SAMPLES)
            .map(|i| {
                let echo = returned.map_or(0.0, |frame| f64::from(frame[i]) * gain);
                Codec::Pcma.encode((f64::from(frame[i]) + echo) as i16)
            })
            .collect();
        tick(&mut session, at);
        session.receive(at, far.from, &far.audio(&payload));
        told.extend(
            events(&mut session).into_iter().filter(|event| matches!(event, MediaEvent::SpeechBegan(_))),
        );
        at += TICK;
    }
    told
}

#[test]
fn our_own_prompt_is_nobody() {
    for (loss_db, late_ticks) in [(25.0, 2), (25.0, 8), (25.0, 15), (30.0, 15), (40.0, 5)] {
        assert_eq!(speech_in_echo(loss_db, late_ticks, None), [], "{loss_db} dB, {late_ticks} ticks");
    }
}

#[test]
fn who_speaks_into_it_is_heard() {
    for level in [-30.0, -24.0, -18.0] {
        assert!(!speech_in_echo(25.0, 8, Some(level)).is_empty(), "{level} dBm0");
    }
}

#[test]
fn who_whispers_into_it_is_heard_where_nothing_comes_back() {
    for level in [-48.0, -44.0] {
        assert_eq!(speech_in_echo(25.0, 8, Some(level)), [], "{level} dBm0 could be an echo");
        assert!(!speech_in_echo(70.0, 8, Some(level)).is_empty(), "{level} dBm0");
    }
}

#[test]
fn what_begins_to_come_back_interrupts_once() {
    let told = speech_in_echo_from(150, 25.0, 8, None);
    assert!(matches!(told[..], [MediaEvent::SpeechBegan(_)]), "{told:?}");
}

#[test]
fn without_an_echo_canceller_we_interrupt_ourselves() {
    assert!(!speech_in_echo(10.0, 8, None).is_empty(), "so it is an echo that this test is about");
}

/// Ticks from the first faint sound of a second interruption until it is noticed. The first, which began as faintly, came at this tick
/// of the prompt before.
fn second_interruption_noticed_after(first_tick: usize) -> Option<usize> {
    const FAINT: f64 = -44.0;
    let mut ours = Sound::new(7);
    ours.add(6_000, |sound, n| sound.noise_at(-60.0) + sound.voice_at(n, -16.0));
    let prompt = Prompt::from_pcm(&ours.samples, SAMPLE_RATE).expect("a prompt");
    let second_prompt = first_tick + 150;
    let second_tick = second_prompt + 30;
    // Faint for 60 ms, then loud, as words begin with a hiss.
    let level = |tick: usize| match tick {
        _ if (first_tick..first_tick + 3).contains(&tick) || (second_tick..).contains(&tick) => Some(FAINT),
        _ if (first_tick + 3..first_tick + 40).contains(&tick) => Some(-18.0),
        _ => None,
    };
    let (mut session, mut far, mut at) = (answered(), FarEnd::new(), Instant::now());
    session.play(prompt.clone());
    let mut line = Sound::new(9);
    line.add(20 * (second_tick + 20), |sound, n| {
        let callee = level(n / FRAME_SAMPLES);
        sound.noise_at(-62.0) + callee.map_or(0.0, |level| sound.voice_at(n, level))
    });
    for (n, frame) in line.samples.chunks_exact(FRAME_SAMPLES).enumerate() {
        if n == second_prompt {
            session.play(prompt.clone());
        }
        let payload: Vec<u8> = frame.iter().map(|sample| Codec::Pcma.encode(*sample)).collect();
        tick(&mut session, at);
        session.receive(at, far.from, &far.audio(&payload));
        if events(&mut session).iter().any(|event| matches!(event, MediaEvent::SpeechBegan(_))) {
            session.stop_playing();
            if n >= second_tick {
                return Some(n - second_tick);
            }
        }
        at += TICK;
    }
    None
}

#[test]
fn words_that_begin_faintly_are_not_taken_for_what_comes_back() {
    let after: Vec<_> = (75..75 + 16).map(second_interruption_noticed_after).collect();
    assert!(after.iter().all(|after| after.is_some_and(|ticks| ticks <= 4)), "{after:?}");
}
