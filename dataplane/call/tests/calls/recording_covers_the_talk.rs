//! A recording: Open, blocks in order, Close, and as long as the talk.

use common::Outcome;
use media::BlockPool;

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
