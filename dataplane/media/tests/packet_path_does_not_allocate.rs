//! Once a call is up, ticks, packets, digits, recording, tap, RTCP and what is relayed to another call take no memory from the allocator.

mod common;
#[path = "common/rtcp.rs"]
mod reports;

use std::time::Instant;

use common::*;
use peal_media::rtcp::compound::Block;
use peal_media::*;

#[test]
fn a_warm_call_allocates_nothing() {
    let pool = BlockPool::new(3);
    let start = Instant::now();
    let mut ports = Ports::new(PortsConfig { mode: PortMode::Shared, ports: 4, seed: 1 });
    let mut lease = ports.reserve(start, 1).unwrap();
    ports.settle(start, &mut lease, far()).unwrap();
    ports.expect_rtcp(start, &mut lease, "192.0.2.7:9".parse().unwrap());
    let mut session = answered();
    session.play(stairs(1000));
    session.start_recording(start, &pool).unwrap();
    let chunks = ChunkPool::new(2);
    session.start_tap(start, &chunks);

    let mut far_end = FarEnd::new();
    let packets: Vec<Vec<u8>> = (0..400)
        .map(|n| match n % 50 {
            47 | 48 => far_end.event(n / 50 * 50 * 160, 5, n % 50 == 48, 400),
            _ => far_end.audio(&[n as u8; 160]),
        })
        .collect();
    let mut out = [0; MAX_PACKET_LEN];
    let block = Block { ssrc: 0x5EA1, lost: 1, ..Block::default() };
    let report = reports::sender_report(far_end.header.ssrc, 1 << 40, Some(block));
    let mut tapped = 0;
    let (mut at, mut blocks, mut digits, mut reports) = (start, 0, 0, 0);
    let mut run = |packets: &[Vec<u8>]| {
        for packet in packets {
            at += TICK;
            assert_eq!(ports.lookup(lease.port(), far()), Lookup::Call(1));
            assert!(!matches!(session.receive(at, far(), packet), Received::Dropped(_)));
            assert!(session.tick(at, &mut out).is_some());
            while let Some(event) = session.poll_event() {
                digits += u32::from(matches!(event, MediaEvent::Digit(_)));
            }
            blocks += u32::from(session.poll_block().is_some());
            while let Some(chunk) = session.poll_tap(at) {
                tapped += chunk.expect("a free buffer").heard();
            }
            if session.poll_rtcp(at, &mut out).is_some() {
                reports += 1;
                assert_eq!(ports.lookup_rtcp(lease.port(), far_rtcp()), Lookup::Call(1));
                assert_eq!(session.receive_rtcp(at, far_rtcp(), &report), Ok(()));
                assert_eq!(session.receive(at, far(), &report), Received::Rtcp(Ok(())));
                assert!(session.receive_rtcp(at, far_rtcp(), &report[1..]).is_err());
            }
        }
    };
    run(&packets[..100]); // the recording's second buffer is made here
    let counted = allocation_counter::measure(|| run(&packets[100..]));
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
    assert_eq!((blocks, digits), (9, 8));
    assert!(tapped >= 380 * FRAME_SAMPLES, "{tapped}");
    assert!(reports >= 2, "{reports} reports");
}

/// How often memory was taken for the first three packets that one call hears and another says, for the next three seconds, and then.
fn taken_by_relaying(is_recorded: bool) -> [u64; 3] {
    let start = Instant::now();
    let pool = BlockPool::new(4);
    let (mut hears, mut says) = (answered(), answered());
    if is_recorded {
        says.start_recording(start, &pool).unwrap();
    }
    let mut relay = Relay::new(is_recorded);
    let mut far_end = FarEnd::new();
    let packets: Vec<Vec<u8>> = (0..400u32).map(|n| far_end.audio(&[n as u8; 160])).collect();
    let mut out = [0; MAX_PACKET_LEN];
    let (mut at, mut sent) = (start, 0);
    // The disk has the last second while the next is recorded.
    let mut on_disk = None;
    let mut run = |packets: &[Vec<u8>]| {
        for packet in packets {
            at += TICK;
            if let Received::Audio { codec, header, payload } = hears.receive(at, far(), packet) {
                relay.hear(&header, codec, payload).unwrap();
            }
            if let Some(frame) = relay.pull() {
                says.play_live(frame);
            }
            sent += usize::from(says.tick(at, &mut out).is_some());
            on_disk = says.poll_block().or(on_disk.take());
        }
    };
    let parts = [0..3, 3..150, 150..400];
    let taken = parts.map(|part| allocation_counter::measure(|| run(&packets[part])).count_total);
    assert_eq!(sent, 400);
    taken
}

#[test]
fn what_is_relayed_allocates_nothing() {
    // The session's list of what waits is made when something waits for the first time.
    let [first, others @ ..] = taken_by_relaying(false);
    assert!(first <= 2, "{first}");
    assert_eq!(others, [0, 0]);
}

#[test]
fn what_is_relayed_and_recorded_allocates_nothing_for_its_frames() {
    // The recording's other blocks, and room for a second of frames in what each lists as sent.
    let [first, blocks, others] = taken_by_relaying(true);
    assert!(first <= 2 && blocks <= 16, "{first} {blocks}");
    assert_eq!(others, 0);
}
