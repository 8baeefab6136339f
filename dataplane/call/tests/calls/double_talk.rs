//! Both speak at once: what the callee says into our sentence is an answer if it goes on after it, whole, and is none if it was over before.

use std::collections::BTreeMap;
use std::sync::Arc;

use peal_call::Script;
use peal_call::voice::{Told, Wish};
use peal_call::{Mail, Speaker};
use script::Heard;
use serde_json::json;

use crate::common::*;

const SILENCE: u8 = 0xD5;
const SOUND: u8 = 0x2A;

/// A question from 1,000 to 3,000 ms that the callee's voice does not stop.
fn question() -> Arc<Script> {
    let document = json!({ "name": "q", "steps": [
        { "do": "listen", "id": "ask", "ask": "Yes or no?", "intents": { "yes": "bye" }, "barge_in": "nothing",
          "end_silence_ms": 500, "silence_ms_max": 3_000, "no_input": { "to": "nobody" }, "no_match": { "to": "bye" } },
        { "do": "hang_up", "id": "bye", "disposition": "answered" },
        { "do": "hang_up", "id": "nobody", "disposition": "nobody" },
    ] });
    whole_script(&document, BTreeMap::new(), &[("Yes or no?", prompt(100))])
}

/// A callee who speaks from one time to the other.
fn call(speaks: std::ops::Range<u64>) -> (Pair, common::AttemptId) {
    let callee = Callee::rings()
        .then(1_000, Act::Reply(200, "", Body::Answer))
        .then(1_000, Act::Speak(SILENCE))
        .then(speaks.start, Act::Speak(SOUND))
        .then(speaks.end, Act::Speak(SILENCE));
    let mut pair = Pair::new();
    pair.callees([callee]);
    let mut order = pair.order();
    order.script = question();
    let attempt = pair.place(order);
    (pair, attempt)
}

/// Wishes to listen, each with whether the callee was speaking.
fn listens(pair: &Pair, attempt: common::AttemptId) -> Vec<bool> {
    let listens = pair.record(attempt).wishes.iter().filter_map(|wish| match wish {
        Wish::Listen { ongoing, .. } => Some(*ongoing),
        _ => None,
    });
    listens.collect()
}

#[test]
fn an_answer_that_begins_in_the_question_is_heard_whole() {
    let (mut pair, attempt) = call(2_600..3_800);
    pair.run(ms(1_100));
    assert!(
        matches!(pair.record(attempt).wishes[..], [Wish::Overhear]),
        "the voice thread hears from the answer on"
    );
    pair.run(ms(3_250));
    assert_eq!(listens(&pair, attempt), [true], "what was said so far belongs to it");
    let said = Heard { text: "yes of course".to_owned(), intent: Some("yes".to_owned()), value: None };
    let told = Told::Heard { number: 1, heard: said, hearing: Default::default() };
    let call = pair.name(attempt);
    pair.mail(Mail::Voice { call, told });
    pair.run_until_idle();
    let record = pair.record(attempt).end().dialogue.as_deref().expect("a dialogue");
    assert_eq!((record.disposition.as_deref(), record.counts.barge_ins), (Some("answered"), 0));
    let answer = record.turns.iter().find(|turn| turn.speaker == Speaker::Callee).expect("an answer");
    assert!(
        (ms(1_580)..=ms(1_640)).contains(&answer.began),
        "from its first sound, not from our last: {answer:?}"
    );
    assert!((ms(2_780)..=ms(2_840)).contains(&answer.ended), "{answer:?}");
    assert!(!record.turns[0].interrupted);
}

#[test]
fn what_is_over_before_the_question_is_none() {
    let (mut pair, attempt) = call(1_500..2_200);
    pair.run_until_idle();
    assert_eq!(listens(&pair, attempt), [false]);
    let record = pair.record(attempt).end().dialogue.as_deref().expect("a dialogue");
    assert_eq!((record.disposition.as_deref(), record.counts.no_inputs), (Some("nobody"), 1));
}

#[test]
fn a_word_within_a_pause_of_our_last_sound_is_not_lost() {
    // It ends while we still speak, and its end is noticed after we have stopped.
    let (mut pair, attempt) = call(2_500..2_950);
    pair.run(ms(3_900));
    assert_eq!(listens(&pair, attempt), [true]);
    let ends =
        pair.record(attempt).wishes.iter().filter(|wish| matches!(wish, Wish::EndOfSpeech { .. })).count();
    assert_eq!(ends, 1, "half a second after its last sound the recogniser is asked");
}
