//! What does the media of a call cost apart from its sockets: one packet in, one tick out, with what may come on top?
//!
//! Sessions by the thousand, so that their state comes from where it comes from in a full shard. Prints one line for each
//! kind; the time is the best of several rounds, since other programs only ever add to it.
//! `cargo bench -p peal-benches --bench session`.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use media::rtp::{HEADER_LEN, Header};
use media::*;

const ROUNDS: usize = 40;
const CALLS: usize = 2_000;
/// A chunk's and a block's worth of ticks is in each round.
const TICKS: usize = 40;
const TICK: Duration = Duration::from_millis(20);

fn main() {
    println!("{CALLS} calls; 50 packets and ticks of one call make a call-second");
    let plain = cost("prompt, quality, digits, voice activity", |_, _| {});
    let blocks = BlockPool::new(3 * CALLS);
    let recorded = cost("+ recording", |session, now| {
        session.start_recording(now, &blocks).expect("enough buffers");
    });
    let chunks = ChunkPool::new(CALLS);
    let tapped = cost("+ tap", |session, now| session.start_tap(now, &chunks));
    println!("recording adds {:.2} us, a tap {:.2} us", recorded - plain, tapped - plain);
}

struct Call {
    session: MediaSession,
    far: SocketAddr,
    header: Header,
}

/// Microseconds a call-second.
fn cost(name: &str, equip: impl Fn(&mut MediaSession, Instant)) -> f64 {
    let start = Instant::now();
    let prompt = Prompt::from_pcm(&vec![1_000; (ROUNDS + 1) * TICKS * FRAME_SAMPLES], SAMPLE_RATE);
    let prompt = prompt.expect("a prompt");
    let mut calls: Vec<Call> = (0..CALLS)
        .map(|number| {
            let mut call = call(number, &prompt);
            equip(&mut call.session, start);
            call
        })
        .collect();
    let mut packet = [0x29; HEADER_LEN + FRAME_SAMPLES];
    let mut out = [0; MAX_PACKET_LEN];
    let (mut now, mut best, mut came) = (start, Duration::MAX, 0);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..TICKS {
            now += TICK;
            for call in &mut calls {
                call.header.write(&mut packet);
                call.header.sequence = call.header.sequence.wrapping_add(1);
                call.header.timestamp = call.header.timestamp.wrapping_add(FRAME_SAMPLES as u32);
                black_box(call.session.receive(now, call.far, &packet));
                black_box(call.session.tick(now, &mut out));
                while let Some(event) = call.session.poll_event() {
                    black_box(event);
                }
                came += usize::from(call.session.poll_block().is_some());
                while call.session.poll_tap(now).is_some_and(|chunk| chunk.is_ok()) {
                    came += 1;
                }
            }
        }
        best = best.min(began.elapsed());
    }
    let us = best.as_secs_f64() * 1e6 / (CALLS * TICKS) as f64 * 50.0;
    println!(
        "{name:42} {:7.0} ns a packet and tick {us:7.2} us a call-second, {came} handed over",
        us * 20.0
    );
    us
}

fn call(number: usize, prompt: &Arc<Prompt>) -> Call {
    let far = SocketAddr::from(([192, 0, 2, 1], 10_000 + number as u16));
    let ssrc = number as u32;
    let mut session =
        MediaSession::new(SessionConfig { ssrc, sequence: 1, timestamp: 1, rtcp: 1, send_silence: true });
    session.set_remote(MediaPlan {
        remote: far,
        remote_rtcp: far,
        rtcp_mux: true,
        wants_rtcp: true,
        codec: Codec::Pcma,
        payload_type: 8,
        telephone_event: Some(101),
        direction: Direction::SendReceive,
        latching: Latching::SameHost,
    });
    session.answer();
    session.play(prompt.clone());
    let header = Header { marker: false, payload_type: 8, sequence: 1, timestamp: 1, ssrc };
    Call { session, far, header }
}
