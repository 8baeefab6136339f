//! Keys as RTP events (RFC 4733): they stop a prompt, split, lose their ends, and change their payload type.

use common::{Outcome, digits::Digit};
use peal_call::Stage;
use sip::sdp::Direction;

use crate::common::*;

#[test]
fn digits_stop_the_prompt_and_are_collected() {
    let split = vec![
        (ms(3_560), Act::Key { code: 9, down_ms: 60, end: false, duration: 480 }),
        // A new segment begins where the first one stopped.
        (ms(3_600), Act::Key { code: 9, down_ms: 40, end: true, duration: 320 }),
    ];
    let mut pair = Pair::new();
    pair.callees([Callee::answers().extend(press(1_500, 5, 3)).extend(press(2_500, 7, 0)).extend(split)]);
    let mut order = pair.order();
    order.script = asks(400, 3);
    let attempt = pair.place(order);
    pair.run_until_idle();

    let record = pair.record(attempt);
    assert_eq!((record.end().outcome, record.end().digits.as_str()), (Outcome::Answered, "579"));
    let digits: Vec<Stage> = record.stages[4..].to_vec();
    assert_eq!(digits, ['5', '7', '9'].map(|sign| Stage::Digit(Digit::from_char(sign).expect("a key"))));
    assert_eq!(pair.at_ms(record.end().stamps.ended), Some(3_600), "the third digit completes the entry");
    let prompt = pair.far().audio.iter().filter(|packet| packet.payload[0] != 0xD5).count();
    assert!((28..=30).contains(&prompt), "the prompt stopped with the first key: {prompt} packets");
}

#[test]
fn a_prompt_that_a_digit_skips_does_not_end_the_next_one() {
    // 1. A prompt's last packet goes out. 2. A digit is typed ahead in the same 20 ms in which its end is noticed.
    // 3. The prompt that follows must be played in full.
    for at in 1_190..1_230 {
        let mut pair = Pair::new();
        let key = Act::Key { code: 1, down_ms: 100, end: true, duration: 800 };
        pair.callees([Callee::answers().then(at, key)]);
        let mut order = pair.order();
        order.script = script(vec![play(prompt(10), true), play(prompt(20), false)]);
        let attempt = pair.place(order);
        pair.run_until_idle();
        assert_eq!(pair.record(attempt).end().outcome, Outcome::Answered);
        let tail: Vec<u8> = pair.far().audio.iter().rev().skip(1).take(20).map(|p| p.payload[0]).collect();
        let whole: Vec<u8> = (0..20).rev().map(|n| n ^ 0xD5).collect();
        assert_eq!(tail, whole, "key at {at} ms");
    }
}

#[test]
fn a_new_offer_may_give_events_another_number() {
    let mut pair = Pair::new();
    let Body::Sdp(text) = offer("10.0.0.2:20000", Direction::SendRecv, 2) else { unreachable!() };
    pair.callees([Callee::answers().reinvite(1_500, Body::Sdp(text.replace("101", "96")))]);
    let mut order = pair.order();
    order.script = asks(1, 1);
    let attempt = pair.place(order);
    pair.run(ms(2_000));
    let event = [0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 3, 0x8A, 3, 0x20];
    let (from, to) = (pair.far().rtp, pair.far().ours);
    pair.inject(from, to, &event);
    pair.inject(from, to, &event);
    pair.run_until_idle();
    assert_eq!(pair.record(attempt).end().digits, "3");
}
