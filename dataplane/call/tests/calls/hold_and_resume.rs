//! re-INVITEs: hold both ways, resume, a new address, no SDP at all.

use common::Outcome;
use sip::sdp::Direction;

use crate::common::*;

const FAR: &str = "10.0.0.2:20000";

/// Version and direction of our description in the last answer.
fn said(pair: &Pair) -> (u64, String) {
    let call = pair.far();
    let index = call.heard.iter().rposition(|(_, kind)| kind == "200 INVITE").expect("answered");
    let message = sip::message::Message::parse(&call.messages[index]).expect("readable");
    let text = String::from_utf8_lossy(message.body()).into_owned();
    let version = text.split_whitespace().nth(3).and_then(|version| version.parse().ok());
    let direction = text.lines().last().expect("a direction").trim_start_matches("a=").to_owned();
    (version.expect("a number"), direction)
}

#[test]
fn hold_stops_our_audio_and_resume_goes_on_where_it_stopped() {
    for hold in [
        offer(FAR, Direction::SendOnly, 2),
        offer(FAR, Direction::Inactive, 2),
        // The old way: still sendrecv, and no address.
        offer("0.0.0.0:20000", Direction::SendRecv, 2),
    ] {
        let text = format!("{hold:?}");
        let mut pair = Pair::new();
        let resume = offer(FAR, Direction::SendRecv, 3);
        pair.callees([Callee::answers().reinvite(2_000, hold).reinvite(4_000, resume)]);
        let mut order = pair.order();
        order.script = plays(100);
        let attempt = pair.place(order);
        pair.run(ms(3_000));
        let expected = if text.contains("a=inactive") { "inactive" } else { "recvonly" };
        assert_eq!(said(&pair), (2, expected.to_owned()), "{text}");
        pair.run_until_idle();

        assert_eq!(said(&pair), (3, "sendrecv".to_owned()));
        let ended = pair.record(attempt).end();
        assert_eq!(ended.outcome, Outcome::Answered);
        assert_eq!(pair.far().ours, rtp_socket(0));
        let audio = &pair.far().audio;
        let held = |at| (ms(2_000)..ms(4_000)).contains(&(at - pair.start));
        assert!(audio.iter().all(|packet| !held(packet.at)), "nothing is sent during the hold: {text}");
        let played: Vec<u8> = audio.iter().take(100).map(|packet| packet.payload[0]).collect();
        assert_eq!(played, (0..100).map(|n| (n % 60) ^ 0xD5).collect::<Vec<u8>>(), "{text}");
        let (last, first) = (&audio[49], &audio[50]);
        let gap = (first.at - last.at).as_millis() as u32 * 8;
        assert_eq!(first.timestamp.wrapping_sub(last.timestamp), gap, "timestamps tell the pause");
        if expected == "recvonly" {
            assert_eq!(ended.quality.expect("a session").dropped, 0, "what they play to us is heard: {text}");
        }
    }
}

#[test]
fn audio_follows_to_a_new_address() {
    let mut pair = Pair::new();
    pair.callees([Callee::answers().reinvite(2_000, offer("10.0.0.2:31000", Direction::SendRecv, 2))]);
    let mut order = pair.order();
    order.script = plays(100);
    let attempt = pair.place(order);
    pair.run(ms(1_990));
    let before = pair.far().audio.len();
    pair.carrier.calls[0].rtp = addr("10.0.0.2:31000");
    pair.run_until_idle();
    assert_eq!(pair.record(attempt).end().outcome, Outcome::Answered);
    assert!((100..=101).contains(&pair.far().audio.len()), "{before} + {}", pair.far().audio.len() - before);
    let quality = pair.record(attempt).end().quality.expect("a session");
    assert_eq!(quality.dropped, 0, "they speak from there as well");
}

#[test]
fn without_sdp_we_offer_anew() {
    let mut pair = Pair::new();
    pair.callees([Callee::answers().reinvite(2_000, Body::Nothing).extend(press(3_000, 8, 3))]);
    let mut order = pair.order();
    order.script = asks(1, 1);
    let attempt = pair.place(order);
    pair.run_until_idle();
    assert_eq!(said(&pair), (2, "sendrecv".to_owned()));
    let ended = pair.record(attempt).end();
    assert_eq!((ended.outcome, ended.digits.as_str()), (Outcome::Answered, "8"));
    assert_eq!(pair.far().kinds(), ["INVITE", "ACK", "200 INVITE", "BYE"]);
}

#[test]
fn an_offer_that_we_cannot_take_leaves_the_session_as_it_was() {
    let mut pair = Pair::new();
    let video =
        "v=0\r\no=- 1 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=image 9 udptl t38\r\n";
    let callee = Callee::answers().reinvite(1_500, Body::Sdp(video.to_owned()));
    pair.callees([callee.reinvite(2_000, offer(FAR, Direction::SendRecv, 3))]);
    let mut order = pair.order();
    order.script = plays(100);
    let attempt = pair.place(order);
    pair.run_until_idle();
    assert_eq!(pair.far().kinds(), ["INVITE", "ACK", "488 INVITE", "200 INVITE", "BYE"]);
    assert_eq!(said(&pair).0, 2, "one more than the last that was sent");
    assert_eq!(pair.record(attempt).end().outcome, Outcome::Answered);
    assert_eq!(pair.far().audio.len(), 101);
}
