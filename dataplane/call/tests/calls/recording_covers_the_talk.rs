//! A recording: Open, blocks in order, Close, and as long as the talk.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::Outcome;
use media::{BlockPool, Codec, Prompt};
use serde_json::json;

use crate::common::*;

#[test]
fn both_sides_are_recorded_from_answer_to_end() {
    let mut pair = Pair::new();
    let mut order = pair.order();
    (order.script, order.record) = (plays(150), true);
    let attempt = pair.place(order);
    pair.run_until_idle();

    let record = pair.record(attempt);
    let ended = record.end();
    assert!(ended.recorded && record.recording == "closed" && record.lost == 0);
    assert!(record.blocks.len() >= 4, "800 ms each: {:?}", record.blocks);
    let mut end = 0;
    for (position, samples) in &record.blocks {
        assert_eq!(*position, end, "no gap");
        end += *samples as u64;
    }
    let talk = ended.stamps.ended.expect("an end") - ended.stamps.answered.expect("an answer");
    let difference = (end / 8).abs_diff(talk.as_millis() as u64);
    assert!(difference <= 20, "{} ms recorded of {talk:?}", end / 8);
    let played: Vec<u8> = record.left.chunks(160).take(150).map(|frame| frame[0]).collect();
    assert_eq!(played, (0..150u8).map(|n| (n % 60) ^ 0xD5).collect::<Vec<u8>>(), "what we said");
    let heard = record.right.iter().filter(|byte| **byte == 0x2A).count();
    let missing = record.right.len() - heard;
    assert!(missing <= 4 * 160, "what they said: {missing} samples are something else");
    pair.check_nothing_is_left(4, 2);
}

#[test]
fn a_lack_of_buffers_costs_audio_but_never_the_call() {
    let scarce = BlockPool::new(1);
    let mut pair = Pair::configured(4, 0, Link::perfect(), |config| config.recording = scarce.clone());
    let mut placed = Vec::new();
    for _ in 0..2 {
        let mut order = pair.order();
        (order.script, order.record) = (plays(100), true);
        placed.push(pair.place(order));
    }
    pair.run_until_idle();
    let [first, second] = [0, 1].map(|index: usize| pair.record(placed[index]));
    assert_eq!([first.end().outcome, second.end().outcome], [Outcome::Answered; 2]);
    assert!(first.end().recorded && first.lost > 0, "no second buffer to go on with");
    assert!(!second.end().recorded, "not even a first one");
    assert_eq!(scarce.in_use(), 0);
}

/// A second of one level, in A-law.
fn level(level: u8) -> Arc<Prompt> {
    Prompt::from_pcm(&[Codec::Pcma.decode(level); 8_000], 8_000).expect("audio")
}

#[test]
fn nothing_is_kept_that_nobody_agreed_to() {
    let document = json!({ "name": "r", "steps": [
        { "do": "say", "text": "May we record this?" },
        { "do": "record", "on": true },
        { "do": "say", "text": "Thank you." },
        { "do": "record", "on": false },
        { "do": "say", "text": "The number of your card, please." },
        { "do": "record", "on": true },
        { "do": "say", "text": "Good bye." },
        { "do": "hang_up" },
    ] });
    let ours = [0x11, 0x22, 0x33, 0x44].map(|sign| sign ^ 0xD5);
    let theirs = [0x15, 0x25, 0x35, 0x45].map(|sign| sign ^ 0xD5);
    let texts = ["May we record this?", "Thank you.", "The number of your card, please.", "Good bye."];
    let sentences: Vec<_> = texts.into_iter().zip(ours.map(level)).collect();
    let mut pair = Pair::new();
    // What they say changes before a recording begins, and after it ends.
    let callee = Callee::rings()
        .then(1_000, Act::Reply(200, "", Body::Answer))
        .then(1_000, Act::Speak(theirs[0]))
        .then(1_950, Act::Speak(theirs[1]))
        .then(3_060, Act::Speak(theirs[2]))
        .then(3_940, Act::Speak(theirs[3]));
    pair.callees([callee]);
    let mut order = pair.order();
    order.script = whole_script(&document, BTreeMap::new(), &sentences);
    let attempt = pair.place(order);
    pair.run_until_idle();
    let record = pair.record(attempt);
    assert!(record.end().recorded && record.recording == "closed");
    for (side, levels) in [(&record.left, ours), (&record.right, theirs)] {
        let kept = levels.map(|level| side.iter().filter(|byte| **byte == level).count());
        assert_eq!((kept[0], kept[2]), (0, 0), "{kept:?}");
        assert!(kept[1] > 7_000 && kept[3] > 7_000, "{kept:?}");
        let between = side.iter().rposition(|byte| *byte == levels[1]).expect("the first part");
        let gap = side[between..].iter().position(|byte| *byte == levels[3]).expect("the second part");
        assert!((7_000..9_000).contains(&gap), "a second of silence stands between: {gap}");
    }
}
