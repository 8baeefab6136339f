//! The recording's two sides stay where they belong when packets are lost, late, early, out of order, in another law,
//! and when the shard itself was held up.

mod common;

use std::time::{Duration, Instant};

use common::*;
use peal_media::recorder::BLOCK_SAMPLES;
use peal_media::wav::Layout;
use peal_media::*;

const SILENCE: u8 = 0xD5;

struct Recorded {
    left: Vec<u8>,
    right: Vec<u8>,
}

/// Puts blocks together by position, as the file does.
fn join(blocks: impl IntoIterator<Item = Block>) -> Recorded {
    let mut joined = Recorded { left: vec![], right: vec![] };
    for block in blocks {
        let position = block.position() as usize;
        assert!(position >= joined.left.len(), "blocks come in order");
        joined.left.resize(position, SILENCE);
        joined.right.resize(position, SILENCE);
        joined.left.extend(block.left().flatten());
        joined.right.extend(block.right());
    }
    joined
}

/// Frame `n` of the far end.
fn frame(n: usize) -> [u8; 160] {
    [(n % 200) as u8; 160]
}

/// A call of `ticks` ticks. `arrivals` names for each far frame the tick in which it arrives, or `None` for lost.
fn call(ticks: usize, arrivals: impl Fn(usize) -> Option<usize>) -> Recorded {
    let (mut session, start, pool) = (answered(), Instant::now(), BlockPool::new(16));
    session.start_recording(start, &pool).unwrap();
    session.play(stairs(ticks));
    let mut far_end = FarEnd::new();
    let mut due: Vec<Vec<Vec<u8>>> = vec![vec![]; ticks + 10];
    for n in 0..ticks {
        let bytes = far_end.audio(&frame(n));
        if let Some(tick) = arrivals(n) {
            due[tick].push(bytes);
        }
    }
    let mut blocks = vec![];
    for (n, packets) in due.iter().take(ticks).enumerate() {
        let now = start + TICK * n as u32;
        for bytes in packets {
            assert!(matches!(session.receive(now, far(), bytes), Received::Audio { .. }));
        }
        tick(&mut session, now);
        blocks.extend(session.poll_block());
        assert!(!events(&mut session).contains(&MediaEvent::RecordingOverrun));
    }
    blocks.extend(session.finish_recording().into_iter().flatten());
    let recorded = join(blocks);
    assert_eq!(pool.in_use(), 0);
    assert_eq!((recorded.left.len(), recorded.right.len()), (ticks * 160, ticks * 160));
    for (n, side) in recorded.left.chunks(160).enumerate() {
        assert_eq!(side, [Codec::Pcma.encode(stair(n)); 160], "left {n}");
    }
    recorded
}

#[test]
fn a_clean_call_is_recorded_sample_by_sample() {
    let recorded = call(200, Some);
    for (n, side) in recorded.right.chunks(160).enumerate() {
        assert_eq!(side, frame(n), "{n}");
    }
}

#[test]
fn lost_packets_are_silence_and_late_ones_find_their_place() {
    // Every 7th is lost; of the others every 5th is 60 ms late, every 3rd 20 ms.
    let lost = |n: usize| n % 7 == 6;
    let delay = |n: usize| if n % 5 == 4 { 3 } else { usize::from(n % 3 == 2) };
    let recorded = call(400, |n| (!lost(n)).then_some(n + delay(n)));
    for (n, side) in recorded.right.chunks(160).take(396).enumerate() {
        let expected = if lost(n) { [SILENCE; 160] } else { frame(n) };
        assert_eq!(side, expected, "{n}");
    }
}

#[test]
fn a_sender_that_restarts_its_clock_is_placed_anew() {
    // In the first block, before which there is nothing, and in a later one.
    for restart in [10, 70] {
        restarted_clock(restart);
    }
}

fn restarted_clock(restart: usize) {
    let (mut session, start, pool) = (answered(), Instant::now(), BlockPool::new(16));
    session.start_recording(start, &pool).unwrap();
    let mut far_end = FarEnd::new();
    let mut blocks = vec![];
    for n in 0..100 {
        let now = start + TICK * n as u32;
        if n == restart {
            far_end.header.timestamp = 12;
        }
        let bytes = far_end.audio(&frame(n));
        session.receive(now, far(), &bytes);
        tick(&mut session, now);
        blocks.extend(session.poll_block());
    }
    blocks.extend(session.finish_recording().into_iter().flatten());
    let recorded = join(blocks);
    for (n, side) in recorded.right.chunks(160).enumerate() {
        // Two packets go by before the new clock is believed.
        let expected = if (restart..restart + 2).contains(&n) { [SILENCE; 160] } else { frame(n) };
        assert_eq!(side, expected, "{n}");
    }
}

#[test]
fn time_in_which_the_shard_stood_still_is_silence() {
    let (mut session, start, pool) = (answered(), Instant::now(), BlockPool::new(16));
    session.start_recording(start, &pool).unwrap();
    session.play(stairs(100));
    let mut far_end = FarEnd::new();
    let mut blocks = vec![];
    for n in 0..100usize {
        // 5 s pass between tick 49 and tick 50, and the far end talks on.
        let stalled = if n < 50 { 0 } else { 250 };
        let now = start + TICK * (n + stalled) as u32;
        far_end.header.timestamp = 90_000 + 160 * (n + stalled) as u32;
        let bytes = far_end.audio(&frame(n));
        session.receive(now, far(), &bytes);
        tick(&mut session, now);
        blocks.extend(session.poll_block());
    }
    blocks.extend(session.finish_recording().into_iter().flatten());
    let recorded = join(blocks);
    assert_eq!(recorded.left.len(), 350 * 160);
    let left: Vec<u8> = recorded.left.chunks(160).map(|side| side[0]).collect();
    for (n, &byte) in left.iter().enumerate() {
        let expected = match n {
            0..50 => Codec::Pcma.encode(stair(n)),
            50..300 => SILENCE,
            _ => Codec::Pcma.encode(stair(n - 250)),
        };
        assert_eq!(byte, expected, "{n}");
    }
    // The packets that arrived before the first tick after the pause come too early for their place; from then on the
    // two sides agree again.
    for n in 303..350 {
        assert_eq!(recorded.right[n * 160..][..160], frame(n - 250), "{n}");
    }
}

#[test]
fn the_other_law_and_the_other_direction_are_translated() {
    let (mut session, now, pool) = (answered(), Instant::now(), BlockPool::new(16));
    session.start_recording(now, &pool).unwrap();
    let mut far_end = FarEnd::new();
    far_end.header.payload_type = 0;
    let bytes = far_end.audio(&[Codec::Pcmu.encode(4000); 160]);
    session.receive(now, far(), &bytes);
    tick(&mut session, now);
    let [None, Some(block)] = session.finish_recording() else { panic!("one block") };
    assert_eq!(block.codec(), Codec::Pcma);
    let mut pcm = vec![];
    block.write_wav(Layout::Pcm16, &mut pcm);
    assert_eq!(pcm.len(), 640);
    let pair = |n: usize| i16::from_le_bytes([pcm[2 * n], pcm[2 * n + 1]]);
    assert!(pair(0).abs() <= 8, "left is silence");
    assert!((pair(1) - 4000).abs() < 200, "right is what was said: {}", pair(1));
    let mut ulaw = vec![];
    block.write_wav(Layout::G711(Codec::Pcmu), &mut ulaw);
    assert_eq!((ulaw.len(), ulaw[1]), (320, Codec::Pcmu.encode(4000)));
}

#[test]
fn a_pool_that_runs_dry_loses_blocks_says_so_and_keeps_the_time() {
    let (mut session, start, pool) = (answered(), Instant::now(), BlockPool::new(2));
    session.start_recording(start, &pool).unwrap();
    let mut other = answered();
    session.play(stairs(150));
    let (mut held, mut overruns) = (vec![], 0);
    for n in 0..150u32 {
        tick(&mut session, start + TICK * n);
        held.extend(session.poll_block()); // the disk does not keep up
        overruns += events(&mut session).iter().filter(|&&e| e == MediaEvent::RecordingOverrun).count();
        if n == 60 {
            assert_eq!(other.start_recording(start, &pool), Err(PoolExhausted));
        }
    }
    assert_eq!((held.len(), overruns), (1, 2));
    held.extend(session.finish_recording().into_iter().flatten());
    assert_eq!(held[1].position(), 3 * BLOCK_SAMPLES as u64);
    let recorded = join(held);
    assert_eq!(recorded.left.len(), 150 * 160);
    assert_eq!(recorded.left[149 * 160], Codec::Pcma.encode(stair(149)));
    assert_eq!(recorded.left[60 * 160], SILENCE);
}

#[test]
fn a_recording_that_is_dropped_gives_its_memory_back() {
    let (mut session, now, pool) = (answered(), Instant::now(), BlockPool::new(1));
    session.start_recording(now, &pool).unwrap();
    assert_eq!(pool.in_use(), 1);
    drop(session);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_late_tick_within_the_window_moves_nothing() {
    let (mut session, start, pool) = (answered(), Instant::now(), BlockPool::new(2));
    session.start_recording(start, &pool).unwrap();
    session.play(stairs(10));
    for n in 0..10u32 {
        let late = Duration::from_millis(if n == 5 { 55 } else { 0 });
        tick(&mut session, start + TICK * n + late);
    }
    let [None, Some(block)] = session.finish_recording() else { panic!("one block") };
    assert_eq!((block.position(), block.samples()), (0, 1600));
}

#[test]
fn nothing_of_an_earlier_call_is_heard_in_a_later_one() {
    let (start, pool) = (Instant::now(), BlockPool::new(2));
    for loud in [true, false] {
        let (mut session, mut far_end) = (answered(), FarEnd::new());
        session.start_recording(start, &pool).unwrap();
        let mut blocks = vec![];
        for n in 0..130u32 {
            if loud {
                session.play(stairs(2));
                let bytes = far_end.audio(&frame(7));
                session.receive(start + TICK * n, far(), &bytes);
            }
            tick(&mut session, start + TICK * n);
            if let Some(block) = session.poll_block() {
                blocks.push((block.left().copied().collect::<Vec<_>>().concat(), block.right().to_vec()));
            }
        }
        let rest = session.finish_recording();
        blocks.extend(
            rest.iter()
                .flatten()
                .map(|block| (block.left().copied().collect::<Vec<_>>().concat(), block.right().to_vec())),
        );
        let quiet = blocks.iter().all(|(l, r)| l.iter().chain(r).all(|&byte| byte == SILENCE));
        assert_eq!((quiet, blocks.len()), (!loud, 4));
    }
}
