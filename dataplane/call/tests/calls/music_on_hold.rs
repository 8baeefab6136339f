//! A callee who puts us on hold: the music is no answer, the question waits and is asked again, and the record says how long.

use std::collections::BTreeMap;
use std::sync::Arc;

use peal_call::Script;
use peal_call::voice::Wish;
use serde_json::json;

use crate::common::*;

const SILENCE: u8 = 0xD5;
/// In A-law, a segment and a half from each other.
const LEVELS: [u8; 2] = [0x65 ^ 0xD5, 0x4D ^ 0xD5];

fn question(hold_ms_max: u32) -> Arc<Script> {
    let document = json!({ "name": "q", "steps": [
        { "do": "listen", "ask": "Yes?", "intents": { "yes": "bye" }, "speech_ms_max": 30_000, "silence_ms_max": 3_000,
          "hold_ms_max": hold_ms_max, "hold": "held", "no_input": { "to": "nobody" }, "no_match": { "to": "bye" } },
        { "do": "hang_up", "id": "held", "disposition": "held" },
        { "do": "hang_up", "id": "nobody", "disposition": "nobody" },
        { "do": "hang_up", "id": "bye", "disposition": "bye" },
    ] });
    whole_script(&document, BTreeMap::new(), &[("Yes?", prompt(25))])
}

/// Music, here steps of 9 dB without any pause, from 2 s after the INVITE until so many milliseconds after it.
fn run(hold_ms_max: u32, music_ends: u64) -> (Pair, common::AttemptId) {
    let mut callee =
        Callee::rings().then(1_000, Act::Reply(200, "", Body::Answer)).then(1_000, Act::Speak(SILENCE));
    for (at, step) in (2_000..music_ends).step_by(300).zip(LEVELS.into_iter().cycle()) {
        callee = callee.then(at, Act::Speak(step));
    }
    let callee = callee.then(music_ends, Act::Speak(SILENCE));
    let mut pair = Pair::new();
    pair.callees([callee]);
    let mut order = pair.order();
    order.script = question(hold_ms_max);
    let attempt = pair.place(order);
    pair.run_until_idle();
    (pair, attempt)
}

#[test]
fn the_question_is_asked_again_when_the_music_is_over() {
    let (pair, attempt) = run(60_000, 20_000);
    let record = pair.record(attempt).end().dialogue.as_deref().expect("a dialogue");
    assert_eq!(record.disposition.as_deref(), Some("nobody"), "nobody has come back");
    assert_eq!(record.counts.holds, 1);
    assert!((ms(17_000)..ms(19_500)).contains(&record.counts.hold), "{:?}", record.counts);
    let asked = record.turns.iter().filter(|turn| turn.text == "Yes?").count();
    assert_eq!(asked, 2);
    let wishes = &pair.record(attempt).wishes;
    assert!(!wishes.iter().any(|wish| matches!(wish, Wish::EndOfSpeech { .. })), "music is not understood");
}

#[test]
fn music_that_goes_on_takes_the_scripts_branch() {
    let (pair, attempt) = run(10_000, 200_000);
    let record = pair.record(attempt).end().dialogue.as_deref().expect("a dialogue");
    assert_eq!(record.disposition.as_deref(), Some("held"));
    // Three seconds until it is known, ten of patience; the hold lasts to the end of the call.
    assert!((ms(12_500)..ms(14_500)).contains(&record.counts.hold), "{:?}", record.counts);
}
