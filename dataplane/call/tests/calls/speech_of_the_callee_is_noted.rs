//! The record says when the callee first spoke after the answer, for how long and how often.

use crate::common::*;

/// Digital silence, and a loud sound, in A-law.
const SILENCE: u8 = 0xD5;
const SOUND: u8 = 0x2A;

#[test]
fn from_the_answer_on() {
    let mut pair = Pair::new();
    // Ring-back before the answer is not the callee's voice.
    let callee = Callee::rings()
        .then(200, Act::Reply(183, "", Body::Answer))
        .then(200, Act::Speak(SOUND))
        .then(1_000, Act::Reply(200, "", Body::Answer))
        .then(1_000, Act::Speak(SILENCE))
        .then(2_000, Act::Speak(SOUND))
        .then(2_500, Act::Speak(SILENCE))
        .then(3_500, Act::Speak(SOUND))
        .then(4_000, Act::Speak(SILENCE));
    pair.callees([callee]);
    let mut order = pair.order();
    order.script = plays(250);
    let attempt = pair.place(order);
    pair.run_until_idle();

    let ended = pair.record(attempt).end();
    let first = pair.at_ms(ended.stamps.first_speech).expect("the callee spoke");
    assert!((2_000..2_020).contains(&first), "{first}");
    let quality = ended.quality.as_ref().expect("there was audio");
    assert_eq!(quality.speech_bursts, 2);
    assert!((960..=1_040).contains(&quality.speech_ms), "{quality:?}");
}

#[test]
fn silence_is_not_speech() {
    let mut pair = Pair::new();
    pair.callees([Callee::rings()
        .then(1_000, Act::Reply(200, "", Body::Answer))
        .then(1_000, Act::Speak(SILENCE))]);
    let mut order = pair.order();
    order.script = plays(100);
    let attempt = pair.place(order);
    pair.run_until_idle();
    let ended = pair.record(attempt).end();
    assert_eq!(ended.stamps.first_speech, None);
    assert_eq!(ended.quality.as_ref().map(|q| (q.speech_ms, q.speech_bursts)), Some((0, 0)));
}
