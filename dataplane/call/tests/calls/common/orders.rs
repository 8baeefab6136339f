//! Scripts to order calls with.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::PromptId;
use media::{Codec, Prompt};
use peal_call::Script;
use script::{Program, Sentence};
use serde_json::json;

/// A prompt of `frames` packets, each of one level that only it has (A-law `0xD5 ^ n`).
pub fn prompt(frames: usize) -> Arc<Prompt> {
    let samples: Vec<i16> =
        (0..frames * 160).map(|n| Codec::Pcma.decode((n / 160 % 60) as u8 ^ 0xD5)).collect();
    Prompt::from_pcm(&samples, 8_000).expect("audio")
}

/// A step, and the prompt that it plays.
#[derive(Clone)]
pub struct Step(serde_json::Value, Option<Arc<Prompt>>);

pub fn play(prompt: Arc<Prompt>, barge_in: bool) -> Step {
    Step(json!({ "do": "play", "barge_in": barge_in }), Some(prompt))
}

pub fn collect(max_digits: usize, first_digit_timeout_ms: u64, next_digit_timeout_ms: u64) -> Step {
    Step(
        json!({
            "do": "collect",
            "max_digits": max_digits,
            "first_digit_timeout_ms": first_digit_timeout_ms,
            "next_digit_timeout_ms": next_digit_timeout_ms,
            "terminator": "#",
        }),
        None,
    )
}

pub fn wait(ms: u64) -> Step {
    Step(json!({ "do": "wait", "ms": ms }), None)
}

pub fn hang_up() -> Step {
    Step(json!({ "do": "hang_up" }), None)
}

/// Steps one after the other.
pub fn script(steps: Vec<Step>) -> Arc<Script> {
    let mut prompts = BTreeMap::new();
    let mut written = Vec::new();
    for (index, Step(mut step, prompt)) in steps.into_iter().enumerate() {
        if let Some(prompt) = prompt {
            let id = index as i64 + 1;
            step["prompt"] = id.into();
            prompts.insert(PromptId(id), prompt);
        }
        written.push(step);
    }
    whole_script(&json!({ "name": "test", "steps": written }), prompts, &[])
}

/// A script as its author writes it, with its prompts and the sentences that are spoken beforehand.
pub fn whole_script(
    document: &serde_json::Value,
    prompts: BTreeMap<PromptId, Arc<Prompt>>,
    sentences: &[(&str, Arc<Prompt>)],
) -> Arc<Script> {
    let document = script::read(&document.to_string()).expect("a script");
    let program = Program::new(&document).unwrap_or_else(|faults| panic!("{faults:?}"));
    let sentence = |(text, prompt): &(&str, Arc<Prompt>)| {
        let sentence = Sentence { text: (*text).to_owned(), voice: None, language: "en".to_owned() };
        (sentence, prompt.clone())
    };
    let sentences = sentences.iter().map(sentence).collect();
    Arc::new(Script { program: Arc::new(program), prompts, sentences })
}

/// Plays a prompt of so many packets and hangs up.
pub fn plays(frames: usize) -> Arc<Script> {
    script(vec![play(prompt(frames), false)])
}

/// Plays a prompt that a key interrupts, and collects so many digits.
pub fn asks(frames: usize, max_digits: usize) -> Arc<Script> {
    script(vec![play(prompt(frames), true), collect(max_digits, 5_000, 2_000)])
}
