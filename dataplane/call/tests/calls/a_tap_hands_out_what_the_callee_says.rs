//! A call whose order asks for it hands its callee's audio to a listener; one that is not read costs chunks, never a call.

use common::Outcome;
use peal_call::{Tap, TapQueue, Tapped};

use crate::common::*;

fn tapped_pair(queue: &TapQueue) -> Pair {
    let queue = queue.clone();
    Pair::configured(4, 2, Link::perfect(), |config| config.tap = Some(queue))
}

fn take_all(queue: &TapQueue) -> Vec<Tapped> {
    std::iter::from_fn(|| queue.take()).collect()
}

#[test]
fn from_the_answer_to_the_end_in_order() {
    let queue = TapQueue::new(100, 100);
    let mut pair = tapped_pair(&queue);
    let mut order = pair.order();
    (order.script, order.tap) = (plays(150), Tap::Callee);
    let attempt = pair.place(order);
    // This one is not asked for.
    pair.call();
    pair.run_until_idle();

    let chunks = take_all(&queue);
    let talk = {
        let stamps = pair.record(attempt).end().stamps;
        (stamps.ended.expect("an end") - stamps.answered.expect("an answer")).as_millis() as usize
    };
    assert!(chunks.iter().all(|tapped| tapped.call.attempt == attempt));
    let mut end = 0;
    for Tapped { chunk, .. } in &chunks {
        assert_eq!(chunk.position(), end, "no gap");
        end += chunk.samples().len() as u64;
    }
    assert!(chunks.last().expect("chunks").chunk.is_last());
    assert!(talk.abs_diff(end as usize / 8) <= 60, "{} ms of {talk}", end / 8);
    let said = |tapped: &Tapped| tapped.chunk.samples().iter().filter(|byte| **byte == 0x2A).count();
    let silent = end as usize - chunks.iter().map(said).sum::<usize>();
    assert!(silent <= 2 * 160, "the callee spoke all the time but for the first packet: {silent}");
    let counters = pair.calls.counters();
    assert_eq!((counters.tap_chunks, counters.tap_displaced, counters.tap_lost), (chunks.len() as u64, 0, 0));
    pair.check_nothing_is_left(4, 2);
}

#[test]
fn a_listener_that_never_reads_loses_the_oldest() {
    let queue = TapQueue::new(3, 0);
    let mut pair = tapped_pair(&queue);
    let mut order = pair.order();
    (order.script, order.tap) = (plays(150), Tap::Callee);
    let attempt = pair.place(order);
    pair.run_until_idle();
    assert_eq!(pair.record(attempt).end().outcome, Outcome::Answered);

    let counters = pair.calls.counters();
    let left = take_all(&queue);
    assert_eq!(left.len(), 3);
    assert!(left[2].chunk.is_last() && left[0].chunk.position() > 0);
    assert_eq!((counters.tap_displaced, counters.tap_lost), (counters.tap_chunks - 3, 0));

    // And one that keeps every buffer loses the newest.
    let queue = TapQueue::new(3, 0);
    let mut pair = tapped_pair(&queue);
    let mut order = pair.order();
    (order.script, order.tap) = (plays(150), Tap::Callee);
    let attempt = pair.place(order);
    let mut kept = Vec::new();
    for _ in 0..200 {
        pair.run(ms(20));
        kept.extend(queue.take());
    }
    pair.run_until_idle();
    assert_eq!(pair.record(attempt).end().outcome, Outcome::Answered);
    let counters = pair.calls.counters();
    assert_eq!((kept.len(), counters.tap_chunks, counters.tap_displaced), (4, 5, 0));
    assert!(counters.tap_lost > 20, "{}", counters.tap_lost);
    let last = queue.take().expect("the end is told without a buffer").chunk;
    assert!(last.is_last() && last.samples().is_empty() && last.position() > 20 * 800);
}

#[test]
fn a_listener_that_was_away_learns_which_calls_have_ended() {
    let queue = TapQueue::new(8, 0);
    let mut pair = tapped_pair(&queue);
    let mut attempts = Vec::new();
    for frames in [50, 50, 50, 400] {
        let mut order = pair.order();
        (order.script, order.tap) = (plays(frames), Tap::Callee);
        attempts.push(pair.place(order));
    }
    let longest = attempts[3];
    // Three end after two seconds; the fourth alone then fills the queue.
    pair.run(ms(5_000));
    assert_eq!(pair.calls.counters().talking, 1);
    let chunks = take_all(&queue);
    let ended: Vec<_> =
        chunks.iter().filter(|tapped| tapped.chunk.is_last()).map(|tapped| tapped.call.attempt).collect();
    assert_eq!((ended.len(), chunks.len()), (3, 3 + 8));
    assert!(attempts[..3].iter().all(|attempt| ended.contains(attempt)), "{ended:?}");
    for tapped in &chunks[..3] {
        assert!(tapped.chunk.samples().is_empty() && tapped.chunk.position() > 0);
    }
    drop(chunks);
    pair.run_until_idle();
    assert!(take_all(&queue).last().is_some_and(|last| last.chunk.is_last() && last.call.attempt == longest));
}

#[test]
fn a_call_that_is_put_on_hold_and_ends_there_ends_its_tap() {
    let queue = TapQueue::new(100, 0);
    let mut pair = tapped_pair(&queue);
    let hold = offer("198.51.100.9:40000", sip::sdp::Direction::SendOnly, 2);
    pair.callees([Callee::answers().reinvite(2_000, hold).bye(3_000)]);
    let mut order = pair.order();
    (order.script, order.tap) = (plays(1_000), Tap::Callee);
    pair.place(order);
    pair.run_until_idle();
    let chunks = take_all(&queue);
    assert!(chunks.last().is_some_and(|tapped| tapped.chunk.is_last()));
}
