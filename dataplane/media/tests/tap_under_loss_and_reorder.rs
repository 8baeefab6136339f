//! A tap hands out what the far end said, in order and in its place, whatever the network does to it.

mod common;

use std::time::{Duration, Instant};

use common::*;
use peal_media::tap::CHUNK_SAMPLES;
use peal_media::*;

const SILENCE: u8 = Codec::Pcma.silence();

/// A tapped call, and what came out of it.
struct Tapped {
    session: MediaSession,
    start: Instant,
    pool: ChunkPool,
    /// Samples by position; `None` where no chunk was.
    heard: Vec<Option<u8>>,
    /// Position, samples that were received, and milliseconds from the chunk's begin to its hand-over.
    chunks: Vec<(u64, usize, u128)>,
    lost: usize,
    over: bool,
}

impl Tapped {
    fn new() -> Tapped {
        let (mut session, start, pool) = (answered(), Instant::now(), ChunkPool::new(4));
        session.start_tap(start, &pool);
        Tapped { session, start, pool, heard: vec![], chunks: vec![], lost: 0, over: false }
    }

    fn at(&self, ms: f64) -> Instant {
        self.start + Duration::from_micros((ms * 1000.0) as u64)
    }

    fn receive(&mut self, ms: f64, packet: &[u8]) {
        self.session.receive(self.at(ms), far(), packet);
    }

    fn tick(&mut self, ms: f64) {
        let now = self.at(ms);
        tick(&mut self.session, now);
        self.take(now);
    }

    fn take(&mut self, now: Instant) {
        while let Some(chunk) = self.session.poll_tap(now) {
            let Ok(chunk) = chunk else {
                self.lost += 1;
                continue;
            };
            assert!(!self.over && chunk.codec() == Codec::Pcma);
            assert!(chunk.position() as usize >= self.heard.len(), "chunks come in order");
            self.over = chunk.is_last();
            assert!(self.over || chunk.samples().len() == CHUNK_SAMPLES);
            assert!(chunk.heard() <= chunk.samples().len(), "{chunk:?}");
            self.heard.resize(chunk.position() as usize, None);
            self.heard.extend(chunk.samples().iter().map(|&byte| Some(byte)));
            let delay = now.saturating_duration_since(chunk.begins()).as_millis();
            self.chunks.push((chunk.position(), chunk.heard(), delay));
        }
    }

    fn end(&mut self, ms: f64) {
        self.session.end_tap();
        self.take(self.at(ms));
        assert!(self.over && !self.session.is_tapped());
        assert_eq!(self.pool.in_use(), 0);
    }

    /// The byte of each 20 ms, which must be one throughout.
    fn frames(&self) -> Vec<u8> {
        let one = |frame: &[Option<u8>]| {
            assert!(frame.iter().all(|byte| *byte == frame[0]), "{frame:?}");
            frame[0].expect("no gap")
        };
        self.heard.chunks(FRAME_SAMPLES).map(one).collect()
    }
}

/// Packets of 20 ms, the `n`-th full of the byte `n`.
fn packets(count: u8) -> Vec<Vec<u8>> {
    let mut far = FarEnd::new();
    (0..count).map(|n| far.audio(&[n; FRAME_SAMPLES])).collect()
}

/// Plays packets that arrive at these times to a tapped call, and ends it.
fn hear(arrivals: &[(f64, &[u8])], end_ms: f64) -> Tapped {
    let mut tapped = Tapped::new();
    let mut arrivals = arrivals.to_vec();
    arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut next = arrivals.iter().peekable();
    let mut ms = 0.0;
    while ms < end_ms {
        while let Some((at, packet)) = next.next_if(|(at, _)| *at <= ms) {
            tapped.receive(*at, packet);
        }
        tapped.tick(ms);
        ms += 20.0;
    }
    tapped.end(end_ms);
    tapped
}

fn on_time(packets: &[Vec<u8>]) -> Vec<(f64, &[u8])> {
    packets.iter().enumerate().map(|(n, packet)| (n as f64 * 20.0, packet.as_slice())).collect()
}

#[test]
fn all_that_was_said_comes_as_soon_as_a_chunk_is_full() {
    let packets = packets(100);
    let tapped = hear(&on_time(&packets), 2000.0);
    assert_eq!(tapped.frames(), (0..100).collect::<Vec<u8>>());
    assert_eq!(tapped.chunks.len(), 21, "twenty, and an empty last one");
    for (number, &(position, heard, delay)) in tapped.chunks[..20].iter().enumerate() {
        assert_eq!((position, heard), (number as u64 * 800, 800));
        assert_eq!(delay, 80, "with the packet that fills it, which came 80 ms after the first");
    }
}

#[test]
fn what_was_lost_is_silence_in_its_place() {
    let packets = packets(50);
    let mut arrivals = on_time(&packets);
    arrivals.retain(|(at, _)| ![140.0, 160.0, 600.0].contains(at));
    let tapped = hear(&arrivals, 1000.0);
    let expected: Vec<u8> = (0..50).map(|n| if [7, 8, 30].contains(&n) { SILENCE } else { n }).collect();
    assert_eq!(tapped.frames(), expected);
    let (_, heard, delay) = tapped.chunks[1];
    assert_eq!((heard, delay), (3 * 160, 140), "100 ms, less the 20 of a packet, and 60 of waiting");
}

#[test]
fn late_packets_find_their_place_and_copies_change_nothing() {
    let packets = packets(50);
    let mut arrivals = on_time(&packets);
    arrivals[7].0 += 59.0;
    arrivals[20].0 += 30.0;
    arrivals[21].0 += 45.0;
    arrivals.push((300.0, &packets[14]));
    arrivals.push((505.0, &packets[25]));
    let tapped = hear(&arrivals, 1000.0);
    assert_eq!(tapped.frames(), (0..50).collect::<Vec<u8>>());

    // Too late is lost, and moves nothing else.
    let mut arrivals = on_time(&packets);
    arrivals[7].0 += 150.0;
    let tapped = hear(&arrivals, 1000.0);
    assert_eq!(tapped.frames(), (0..50).map(|n| if n == 7 { SILENCE } else { n }).collect::<Vec<u8>>());
}

#[test]
fn another_source_goes_on_at_the_present() {
    let first = packets(25);
    let mut far = FarEnd::new();
    (far.header.ssrc, far.header.timestamp) = (0xBEEF, 4_000_000_000);
    let second: Vec<_> = (0..25).map(|n| far.audio(&[100 + n; FRAME_SAMPLES])).collect();
    let mut arrivals = on_time(&first);
    arrivals.extend(second.iter().enumerate().map(|(n, p)| (500.0 + 20.0 * n as f64, p.as_slice())));
    let tapped = hear(&arrivals, 1000.0);
    assert_eq!(tapped.frames(), (0..25).chain(100..125).collect::<Vec<u8>>());
}

#[test]
fn time_without_packets_is_silence_at_its_length() {
    let packets = packets(50);
    let mut arrivals = on_time(&packets[..20]);
    // The far end suppresses silence: its timestamps go on, its sequence does not.
    let mut far = FarEnd::new();
    (far.header.sequence, far.header.timestamp) = (7020, 90_000 + 70 * 160);
    let later: Vec<_> = (20..40).map(|n| far.audio(&[n; FRAME_SAMPLES])).collect();
    arrivals.extend(later.iter().enumerate().map(|(n, p)| (1400.0 + 20.0 * n as f64, p.as_slice())));
    let tapped = hear(&arrivals, 1800.0);
    let expected: Vec<u8> = (0..20).chain([SILENCE; 50]).chain(20..40).collect();
    assert_eq!(tapped.frames(), expected);
    let longest = tapped.chunks.iter().map(|chunk| chunk.2).max();
    assert!(longest <= Some(180), "a silent chunk leaves 60 ms after its end: {longest:?}");
}

#[test]
fn a_clock_that_differs_loses_nothing() {
    for skew in [0.995, 0.9999, 1.0001, 1.005] {
        let mut far = FarEnd::new();
        let sent: Vec<Vec<u8>> =
            (0..15_000u32).map(|n| far.audio(&[(n % 200) as u8; FRAME_SAMPLES])).collect();
        let arrivals: Vec<(f64, &[u8])> =
            sent.iter().enumerate().map(|(n, p)| (n as f64 * 20.0 * skew, p.as_slice())).collect();
        let tapped = hear(&arrivals, 300_000.0 * skew.max(1.0) + 20.0);
        let frames = tapped.frames();
        assert_eq!(frames.len(), 15_000, "{skew}");
        assert!(frames.iter().enumerate().all(|(n, &byte)| byte == (n % 200) as u8), "{skew}");
    }
}

type Spoil = fn(u32, &mut FarEnd);

/// Twenty seconds of packets on time whose headers `spoil` has changed, and the call's chunks.
fn hear_spoiled(spoil: Spoil) -> Tapped {
    let mut far = FarEnd::new();
    let sent: Vec<Vec<u8>> = (0..1_000)
        .map(|n| {
            spoil(n, &mut far);
            far.audio(&[1; FRAME_SAMPLES])
        })
        .collect();
    hear(&on_time(&sent), 20_000.0)
}

#[test]
fn who_runs_ahead_of_the_clock_makes_no_more_audio_than_there_is_time_for() {
    let spoils: [Spoil; 5] = [
        |_, far| far.header.timestamp += 160,
        |_, far| far.header.timestamp += 800,
        |_, far| far.header.timestamp += 960,
        |n, far| far.header.timestamp += if n % 3 == 0 { 900 } else { 0 },
        // Another source with each packet, all of them in one place.
        |n, far| far.header.ssrc = n,
    ];
    for (number, spoil) in spoils.into_iter().enumerate() {
        let tapped = hear_spoiled(spoil);
        let (chunks, samples) = (tapped.chunks.len(), tapped.heard.len());
        assert!((190..=205).contains(&chunks), "{number}: {chunks} chunks of 200");
        assert!(samples <= 20 * 8_080 + 960, "{number}: {samples}");
    }
}

#[test]
fn a_source_that_follows_one_with_a_fast_clock_is_heard_at_once() {
    let mut far = FarEnd::new();
    let mut sent: Vec<Vec<u8>> = (0..15_000).map(|_| far.audio(&[1; FRAME_SAMPLES])).collect();
    far.header.ssrc = 0xBEEF;
    sent.extend((0..50).map(|_| far.audio(&[2; FRAME_SAMPLES])));
    let arrivals: Vec<(f64, &[u8])> =
        sent.iter().enumerate().map(|(n, p)| (n as f64 * 19.9, p.as_slice())).collect();
    let tapped = hear(&arrivals, 15_050.0 * 19.9 + 20.0);
    let heard = tapped.heard.iter().filter(|byte| **byte == Some(2)).count() / FRAME_SAMPLES;
    assert!(heard >= 46, "{heard} of 50 packets");
}

#[test]
fn an_owner_that_was_held_up_goes_on_at_the_present() {
    let packets = packets(50);
    let mut tapped = Tapped::new();
    for (n, packet) in packets[..10].iter().enumerate() {
        tapped.receive(n as f64 * 20.0, packet);
        tapped.tick(n as f64 * 20.0);
    }
    // Nothing runs for ten seconds.
    tapped.tick(10_200.0);
    for (n, packet) in packets[10..].iter().enumerate() {
        tapped.receive(10_220.0 + n as f64 * 20.0, packet);
        tapped.tick(10_220.0 + n as f64 * 20.0);
    }
    tapped.end(11_020.0);
    assert!(tapped.chunks.len() < 20, "no hundred chunks of silence: {:?}", tapped.chunks);
    let heard: Vec<u8> = tapped.heard.iter().flatten().copied().filter(|&byte| byte != SILENCE).collect();
    let after = heard.iter().filter(|&&byte| byte >= 10).count() / FRAME_SAMPLES;
    assert!(after >= 37, "all but the packets that showed where the stream now is: {after}");
}

#[test]
fn packets_of_one_time_are_heard_once_also_in_the_last_chunk() {
    let mut far = FarEnd::new();
    let packets: Vec<_> = (0..3)
        .map(|_| {
            far.header.timestamp = 160;
            far.audio(&[1; FRAME_SAMPLES])
        })
        .collect();
    let tapped = hear(&on_time(&packets), 60.0);
    assert_eq!((tapped.frames(), tapped.chunks.len()), (vec![1], 1));
}

#[test]
fn the_other_law_is_translated_and_a_call_ends_where_it_ends() {
    let mut far = FarEnd::new();
    let sample = Codec::Pcmu.encode(8_000);
    far.header.payload_type = 0;
    let packets: Vec<_> = (0..3).map(|_| far.audio(&[sample; FRAME_SAMPLES])).collect();
    let tapped = hear(&on_time(&packets), 60.0);
    assert_eq!(tapped.frames(), [g711::ULAW_TO_ALAW[usize::from(sample)]; 3]);
    assert_eq!(tapped.chunks.len(), 1);
}

#[test]
fn without_buffers_chunks_are_lost_and_the_gap_is_seen() {
    let packets = packets(100);
    let mut tapped = Tapped::new();
    let mut kept = Vec::new();
    for (n, packet) in packets.iter().enumerate() {
        let now = tapped.at(n as f64 * 20.0);
        tapped.receive(n as f64 * 20.0, packet);
        // A listener that keeps what it gets: the pool has four buffers.
        while let Some(chunk) = tapped.session.poll_tap(now) {
            match chunk {
                Ok(chunk) => kept.push(chunk),
                Err(PoolExhausted) => tapped.lost += 1,
            }
        }
        if n == 59 {
            kept.clear();
        }
    }
    assert_eq!(tapped.lost, 12);
    // Four are in hand, and a part of one: the end is told without.
    let last = {
        tapped.session.end_tap();
        let end = tapped.at(2_000.0);
        std::iter::from_fn(|| tapped.session.poll_tap(end)).last().expect("a last one").expect("the end")
    };
    assert!(last.is_last() && last.samples().is_empty() && !tapped.session.is_tapped());
    assert_eq!((last.position(), last.begins()), (100 * 160, tapped.at(2_000.0)));
    let positions: Vec<u64> = kept.iter().map(Chunk::position).collect();
    assert_eq!(positions, [12 * 800, 13 * 800, 14 * 800, 15 * 800]);
}
