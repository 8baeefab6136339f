//! Scripts to order calls with.

use std::sync::Arc;

use common::digits::Digit;
use media::{Codec, Prompt};
use peal_call::{Script, Step};

use super::ms;

/// A prompt of `frames` packets, each of one level that only it has (A-law `0xD5 ^ n`).
pub fn prompt(frames: usize) -> Arc<Prompt> {
    let samples: Vec<i16> =
        (0..frames * 160).map(|n| Codec::Pcma.decode((n / 160 % 60) as u8 ^ 0xD5)).collect();
    Prompt::from_pcm(&samples, 8_000).expect("audio")
}

pub fn script(steps: Vec<Step>) -> Arc<Script> {
    Arc::new(Script { steps })
}

/// Plays a prompt of so many packets and hangs up.
pub fn plays(frames: usize) -> Arc<Script> {
    script(vec![Step::Play { prompt: prompt(frames), barge_in: false }])
}

/// Plays a prompt that a key interrupts, and collects so many digits.
pub fn asks(frames: usize, max_digits: usize) -> Arc<Script> {
    let collect = Step::Collect {
        max_digits,
        first_digit_timeout: ms(5_000),
        next_digit_timeout: ms(2_000),
        terminator: Digit::from_char('#'),
    };
    script(vec![Step::Play { prompt: prompt(frames), barge_in: true }, collect])
}
