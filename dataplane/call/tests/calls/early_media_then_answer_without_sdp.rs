//! 183 with SDP, then a 200 without any: what the 183 said is the answer.

use common::Outcome;
use peal_call::Stage;

use crate::common::*;

fn callee(answer: Body) -> Callee {
    Callee::trying()
        .then(100, Act::Reply(183, "", Body::Answer))
        .then(150, Act::Speak(0x11))
        .then(1_000, Act::Reply(200, "", answer))
}

#[test]
fn the_early_description_serves_the_call() {
    let mut pair = Pair::new();
    pair.callees([callee(Body::Nothing)]);
    let attempt = pair.call();
    pair.run(ms(900));
    assert_eq!(pair.far().audio.len(), 0, "nothing is said before the answer");
    pair.run_until_idle();

    let record = pair.record(attempt);
    let stages = [Stage::Invited, Stage::Trying, Stage::EarlyMedia { status: 183 }, Stage::Answered];
    assert_eq!(record.stages, stages);
    let ended = record.end();
    assert_eq!(ended.outcome, Outcome::Answered);
    let stamps = [ended.stamps.ringing, ended.stamps.early_media, ended.stamps.answered];
    assert_eq!(stamps.map(|at| pair.at_ms(at)), [Some(100), Some(100), Some(1_000)]);
    assert_eq!(pair.far().audio.len(), 11, "the prompt, and one packet of silence");
    pair.check_nothing_is_left(4, 2);
}

#[test]
fn so_it_does_when_the_answer_repeats_it() {
    let mut pair = Pair::new();
    pair.callees([callee(Body::Answer)]);
    let attempt = pair.call();
    pair.run_until_idle();
    assert_eq!(pair.record(attempt).end().outcome, Outcome::Answered);
    assert_eq!(pair.far().audio.len(), 11);
}

#[test]
fn early_media_that_cannot_be_used_is_ringing() {
    let mut pair = Pair::new();
    pair.callees([Callee::trying()
        .then(100, Act::Reply(183, "", Body::Sdp("v=0\r\n".to_owned())))
        .then(1_000, Act::Reply(200, "", Body::Answer))]);
    let attempt = pair.call();
    pair.run_until_idle();
    let record = pair.record(attempt);
    assert_eq!(record.stages[2], Stage::Ringing { status: 183 });
    assert_eq!(record.end().outcome, Outcome::Answered);
}
