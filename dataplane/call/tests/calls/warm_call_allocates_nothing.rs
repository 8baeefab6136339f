//! Once a call talks, its packets and ticks take no memory from the allocator, recording included.

use peal_call::{Event, RecordingPart, Socket};

use crate::common::*;

#[test]
fn packets_and_ticks_of_a_talking_call_allocate_nothing() {
    let mut pair = Pair::new();
    let mut order = pair.order();
    (order.script, order.record) = (plays(1_000), true);
    pair.place(order);
    // Just after a report of the counters, which is the only thing that allocates, once a second a shard.
    pair.run(ms(5_005));
    let far = pair.far().rtp;
    let packets: Vec<Vec<u8>> = (0..45u16)
        .map(|n| {
            let [high, low] = n.to_be_bytes();
            let mut packet = vec![0x80, 8, high, low, 0, 0, high, low, 0, 0, 0, 9];
            packet.extend([1; 160]);
            packet
        })
        .collect();
    let mut slot = [0; sip::DATAGRAM_BYTES_MAX];
    let mut now = pair.now;
    let (mut sent, mut blocks) = (0, 0);
    let counted = allocation_counter::measure(|| {
        for packet in &packets {
            now += ms(20);
            pair.calls.handle_datagram(now, Socket::Media(0), far, packet);
            pair.calls.handle_timeout(now);
            while pair.calls.poll_transmit(now, &mut slot).is_some() {
                sent += 1;
            }
            while let Some(event) = pair.calls.poll_event() {
                blocks += u32::from(matches!(event, Event::Recording { part: RecordingPart::Block(_), .. }));
            }
        }
    });
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
    assert!(sent == 45 && blocks > 0, "{sent} packets, {blocks} blocks");
}
