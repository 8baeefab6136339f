//! Any bytes as the streamed answer of a language model. Nothing may panic; what is said came in the answer; the tools that are
//! called are those that were offered; no word that begins as a forbidden one is ever said.
//!
//! The first byte says how the stream is cut; 0xFF in it is an interruption by the callee.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use voice::model::{Dialogue, Limits, Rules, Said, Tool};

fuzz_target!(|input: &[u8]| {
    let Some((cut, bytes)) = input.split_first() else { return };
    let now = Instant::now();
    let limits = Limits { turns: 4, time: Duration::from_secs(60), tokens: 100_000, words_an_answer: 30 };
    let mut dialogue = Dialogue::new(
        Rules {
            model: "m".into(),
            system: "s".into(),
            tools: vec![Tool::HangUp, Tool::SetField],
            forbidden: vec!["guarantee".into()],
            limits,
        },
        now,
    );
    for answer in bytes.split(|byte| *byte == 0xFF) {
        let Ok(request) = dialogue.ask(now, "x") else { return };
        assert!(request["messages"].as_array().is_some_and(|messages| messages.len() >= 2));
        let mut said = Vec::new();
        for piece in answer.chunks(usize::from(*cut).max(1)) {
            match dialogue.read(piece) {
                Ok(more) => said.extend(more),
                Err(fault) => return assert!(fault.to_string().chars().count() <= 300),
            }
        }
        if cut % 2 == 0 {
            dialogue.interrupt(&["x".to_owned()]);
        } else if let Ok(more) = dialogue.end() {
            said.extend(more);
        }
        let mut len = 0;
        for said in said {
            match said {
                Said::Sentence(sentence) => {
                    assert!(!sentence.trim().is_empty() && !has_word_that_begins(&sentence, "guarantee"));
                    len += sentence.len();
                }
                Said::Do(call) => assert!(matches!(call.tool, Tool::HangUp | Tool::SetField)),
            }
        }
        // A replacement for bytes that are no text takes three.
        assert!(len <= 3 * answer.len());
    }
});

fn has_word_that_begins(sentence: &str, forbidden: &str) -> bool {
    sentence
        .to_lowercase()
        .split(|sign: char| !sign.is_alphanumeric())
        .any(|word| word.starts_with(forbidden))
}
