//! RTCP of a call, on the RTP port or beside it: ours arrives where the far end wants it, and what the far end tells is in
//! the record.

use std::net::SocketAddr;

use media::FarReport;
use media::rtcp::compound::{Block, Compound, Part};
use media::rtcp::report::{SenderInfo, write};

use crate::common::*;

/// A report of the far end: SR with a block on us that answers our last report after `kept_ms`.
fn answer(pair: &Pair, kept_ms: u32) -> Vec<u8> {
    let far = pair.far();
    let (ours, theirs) = far.ssrcs();
    let ours_last = Compound::parse(&far.reports.last().expect("a report").bytes).expect("it is well formed");
    let Some(Part::Sender { ntp, .. }) = ours_last.parts().next() else { panic!("we send audio") };
    let info = SenderInfo { ntp: 0x1234_5678_9ABC_DEF0, timestamp: 0, packets: 9, octets: 9 };
    let block = Block {
        ssrc: ours,
        fraction_lost: 64,
        lost: 12,
        highest: 0,
        jitter: 40,
        last_sr: (ntp >> 16) as u32,
        delay: kept_ms * 65_536 / 1000,
    };
    let mut out = [0; media::MAX_RTCP_LEN];
    let len = write(theirs, Some(info), Some(block), [0; 12], &mut out);
    out[..len].to_vec()
}

/// A call with a callee who takes RTCP at `to`; ours must come from `from`.
fn check(callee: Callee, from: SocketAddr, to: &str) {
    let mut pair = Pair::new();
    pair.callees([callee.at("10.0.0.2:30000")]);
    let mut order = pair.order();
    order.script = plays(2_000);
    let attempt = pair.place(order);
    // Answered after 1 s, first report 1.25 to 3.75 s later; it is answered 100 ms after that.
    while pair.carrier.calls.is_empty() || pair.far().reports.is_empty() {
        assert!(pair.step(pair.start + ms(5_000)), "no report came");
    }
    pair.run(ms(100));
    let report = &pair.far().reports[0];
    assert_eq!((report.from, report.to), (from, addr(to)));
    let bytes = answer(&pair, 60);
    pair.inject(addr(to), from, &bytes);

    // Our next report answers that one.
    let before = pair.far().reports.len();
    while pair.far().reports.len() == before {
        assert!(pair.step(pair.now + ms(8_000)), "no second report came");
    }
    let second = Compound::parse(&pair.far().reports[before].bytes).expect("it is well formed");
    let Some(Part::Sender { blocks, .. }) = second.parts().next() else { panic!("we send audio") };
    let block = blocks.iter().next().expect("a block on the far end");
    assert_eq!((block.ssrc, block.lost, block.last_sr), (pair.far().ssrcs().1, 0, 0x5678_9ABC));
    assert!(block.delay > 2 * 65_536 && block.delay < 8 * 65_536, "{}", block.delay);

    pair.run_until_idle();
    let quality = pair.record(attempt).end().quality.expect("a session");
    let far = quality.far.expect("the far end has told");
    assert!((far.rtt_ms.expect("an answer") - 40.0).abs() < 1.0, "{far:?}");
    let without_rtt = FarReport { rtt_ms: None, rtt_max_ms: None, ..far };
    assert_eq!(
        without_rtt,
        FarReport {
            lost: 12,
            fraction_lost_max: 0.25,
            jitter_ms: 5.0,
            jitter_max_ms: 5.0,
            ..FarReport::default()
        }
    );
    assert_eq!(
        (quality.reports_received, u64::from(quality.reports_sent)),
        (1, pair.far().reports.len() as u64)
    );
    let counters = pair.calls.counters();
    assert_eq!((counters.rtcp_received, counters.rtcp_sent), (1, u64::from(quality.reports_sent)));
}

#[test]
fn beside_the_rtp_port() {
    check(Callee::answers(), rtcp_socket(0), "10.0.0.2:30001");
}

#[test]
fn on_the_rtp_port() {
    check(Callee { mux: true, ..Callee::answers() }, rtp_socket(0), "10.0.0.2:30000");
}

#[test]
fn on_a_port_that_the_far_end_named() {
    check(Callee { rtcp_port: Some(31_313), ..Callee::answers() }, rtcp_socket(0), "10.0.0.2:31313");
}

#[test]
fn on_hold_reports_go_on() {
    let mut pair = Pair::new();
    let hold = offer("10.0.0.2:20000", sip::sdp::Direction::Inactive, 2);
    pair.callees([Callee::answers().reinvite(2_000, hold).then(2_001, Act::Hush)]);
    let mut order = pair.order();
    order.script = plays(2_000);
    pair.place(order);
    pair.run(ms(32_000));
    let kinds: Vec<u8> = pair.far().reports.iter().map(|report| report.bytes[1]).collect();
    assert!(kinds.len() >= 4, "{kinds:?}");
    assert_eq!(kinds[kinds.len() - 1], 201, "who sends nothing any more sends receiver reports: {kinds:?}");
}

#[test]
fn on_hold_without_an_address_reports_pause_and_go_on_where_they_were() {
    let mut pair = Pair::new();
    // The old way, and said without `a=rtcp-mux`: the far end has no address to share a port of.
    let hold = offer("0.0.0.0:20000", sip::sdp::Direction::SendRecv, 2);
    let callee = Callee { mux: true, ..Callee::answers() }.reinvite(6_000, hold).then(6_001, Act::Hush);
    pair.callees([callee.reinvite(30_000, offer("10.0.0.2:20000", sip::sdp::Direction::SendRecv, 3))]);
    let mut order = pair.order();
    order.script = plays(2_000);
    pair.place(order);
    pair.run(ms(6_500));
    let before = pair.far().reports.len();
    assert!(before > 0 && pair.far().reports.iter().all(|report| report.from == rtp_socket(0)));
    let heard = pair.calls.counters().rtcp_received;
    let bytes = answer(&pair, 0);
    pair.inject(pair.far().rtp, rtp_socket(0), &bytes);
    assert_eq!(pair.calls.counters().rtcp_received, heard + 1, "what they tell is still heard");
    pair.run(ms(23_000));
    assert_eq!(pair.far().reports.len(), before, "neither RTP nor RTCP (RFC 3264 section 8.4)");
    pair.run(ms(10_000));
    let after = &pair.far().reports[before..];
    assert!(!after.is_empty(), "with an address they go on");
    let beside = (rtcp_socket(0), addr("10.0.0.2:20001"));
    assert!(after.iter().all(|report| (report.from, report.to) == beside), "as the new offer says");
}

#[test]
fn who_answers_without_an_address_is_sent_nothing() {
    let mut pair = Pair::new();
    pair.callees([Callee::answers().at("0.0.0.0:20000").then(1_011, Act::Hush)]);
    let mut order = pair.order();
    order.script = plays(2_000);
    pair.place(order);
    pair.run(ms(12_000));
    assert_eq!(pair.calls.counters().talking, 1);
    assert_eq!((pair.calls.counters().rtcp_sent, pair.calls.counters().rtp_sent), (0, 0));
}

#[test]
fn a_bye_in_rtcp_ends_nothing() {
    let mut pair = Pair::new();
    let mut order = pair.order();
    order.script = plays(1_000);
    pair.place(order);
    pair.run(ms(6_000));
    let mut bytes = answer(&pair, 0);
    bytes.extend([0x81, 203, 0, 1]);
    bytes.extend(pair.far().ssrcs().1.to_be_bytes());
    pair.inject(pair.far().rtcp(), rtcp_socket(0), &bytes);
    assert_eq!(pair.calls.counters().rtcp_received, 1);
    let before = pair.far().audio.len();
    pair.run(ms(1_000));
    assert_eq!(pair.far().audio.len(), before + 50);
}
