//! Once a call talks, its packets, ticks and reports take no memory from the allocator, recording and tap included.

use media::rtcp::report::{SenderInfo, write};
use peal_call::{Event, RecordingPart, Socket, Tap, TapQueue};

use crate::common::*;

/// Windows of a second less the moment at which the counters are told, which is the only thing that allocates. Enough of
/// them that a report is due in one.
const WINDOWS: u64 = 12;

#[test]
fn packets_ticks_and_reports_of_a_talking_call_allocate_nothing() {
    // Nobody reads it.
    let tap = TapQueue::new(4, 0);
    let mut pair = Pair::configured(4, 0, Link::perfect(), |config| config.tap = Some(tap.clone()));
    let mut order = pair.order();
    (order.script, order.record, order.tap) = (plays(1_000), true, Tap::Callee);
    pair.place(order);
    pair.run(ms(4_005));
    let (far, rtcp, ssrc) = (pair.far().rtp, pair.far().rtcp(), 9);
    let mut report = [0; media::MAX_RTCP_LEN];
    let info = SenderInfo { ntp: 1 << 40, timestamp: 0, packets: 0, octets: 0 };
    let report_len = write(ssrc, Some(info), None, [0; 12], &mut report);
    let mut slot = [0; sip::DATAGRAM_BYTES_MAX];
    let (mut sent, mut blocks, mut sequence) = (0, 0, 0u16);
    for window in 0..WINDOWS {
        // Just after a report of the counters.
        pair.run(pair.start + ms(5_005 + 1_000 * window) - pair.now);
        let mut now = pair.now;
        let packets: Vec<Vec<u8>> = (0..45)
            .map(|_| {
                sequence += 1;
                let [high, low] = sequence.to_be_bytes();
                let mut packet = vec![0x80, 8, high, low, 0, 0, high, low, 0, 0, 0, ssrc as u8];
                packet.extend([1; 160]);
                packet
            })
            .collect();
        let counted = allocation_counter::measure(|| {
            for packet in &packets {
                now += ms(20);
                pair.calls.handle_datagram(now, Socket::Media(0), far, packet);
                pair.calls.handle_timeout(now);
                while pair.calls.poll_transmit(now, &mut slot).is_some() {
                    sent += 1;
                }
                while let Some(event) = pair.calls.poll_event() {
                    blocks +=
                        u32::from(matches!(event, Event::Recording { part: RecordingPart::Block(_), .. }));
                }
            }
            pair.calls.handle_datagram(now, Socket::Rtcp(0), rtcp, &report[..report_len]);
            pair.calls.handle_datagram(now, Socket::Media(0), far, &report[..report_len]);
            pair.calls.handle_datagram(now, Socket::Rtcp(0), rtcp, &report[..report_len - 1]);
        });
        assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
        pair.now = now;
    }
    let counters = pair.calls.counters();
    let reports = sent - 45 * WINDOWS;
    assert!(counters.tap_displaced >= 5, "nobody reads");
    assert_eq!(std::iter::from_fn(|| tap.take()).count(), 4);
    assert!(reports > 0 && blocks > 0, "{reports} reports, {blocks} blocks");
    assert_eq!((counters.rtcp_received, counters.rtcp_dropped[0]), (2 * WINDOWS, WINDOWS));
}
