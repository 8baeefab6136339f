//! Re-INVITE and UPDATE: the owner decides.

use std::time::Duration;

use sip::message::HeaderName;
use sip::{CallEvent, EndedBy, OfferAnswer};

use crate::world::{ANSWER, OFFER, World, addr};

const SDP: &str = "Content-Type: application/sdp\r\n";

fn offer() -> &'static str {
    std::str::from_utf8(OFFER).unwrap()
}

#[test]
fn an_offer_is_answered_and_repeated_until_its_ack() {
    let mut world = World::new();
    let (call, invite, _) = world.answered_call();
    let datagram = world.request(&invite, "INVITE", 5, SDP, offer());
    assert_eq!(world.events(), [CallEvent::Offer { sdp: Some(OFFER.into()) }]);
    assert_eq!(world.sent_kinds(), [""; 0]);
    world.input(&datagram);
    assert_eq!(world.events(), [], "a repetition is no new offer");

    world.endpoint.answer_offer(world.now, call, OfferAnswer::Accept(ANSWER)).expect("open");
    world.drain();
    let answer = world.only("200 INVITE");
    assert_eq!(answer.message().body(), ANSWER);
    assert!(answer.message().contact().is_some());
    world.advance(Duration::from_millis(1_500));
    assert_eq!(world.sent_kinds(), ["200 INVITE", "200 INVITE"]);
    world.request(&invite, "ACK", 5, "", "");
    world.advance(Duration::from_secs(10));
    assert_eq!(world.sent_kinds(), [""; 0]);
    assert_eq!(world.events(), []);
    assert!(world.endpoint.answer_offer(world.now, call, OfferAnswer::Refuse).is_err());

    // The next one may come.
    world.request(&invite, "INVITE", 6, SDP, offer());
    assert_eq!(world.events().len(), 1);
}

#[test]
fn a_refused_offer_leaves_the_call_up() {
    let mut world = World::new();
    let (call, invite, _) = world.answered_call();
    world.request(&invite, "INVITE", 5, SDP, offer());
    world.endpoint.answer_offer(world.now, call, OfferAnswer::Refuse).expect("open");
    world.drain();
    let refusal = world.only("488 INVITE");
    world.advance(Duration::from_millis(500));
    assert_eq!(world.only("488 INVITE").bytes, refusal.bytes);
    // The ACK of a failure has the branch of its INVITE.
    let ack = String::from_utf8(crate::world::request(&invite, "ACK", 5, "", "")).unwrap();
    world.input(ack.replace("z9hG4bKfarACK5", "z9hG4bKfarINVITE5"));
    world.advance(Duration::from_secs(40));
    assert_eq!(world.sent_kinds(), [""; 0]);
    assert_eq!(world.endpoint.load().calls, 1);
}

#[test]
fn an_update_is_an_offer_too() {
    let mut world = World::new();
    let (call, invite, _) = world.answered_call();
    world.request(&invite, "UPDATE", 5, SDP, offer());
    assert_eq!(world.events(), [CallEvent::Offer { sdp: Some(OFFER.into()) }]);
    world.endpoint.answer_offer(world.now, call, OfferAnswer::Accept(ANSWER)).expect("open");
    world.drain();
    assert_eq!(world.sent_kinds(), ["200 UPDATE"]);
    world.advance(Duration::from_secs(40));
    assert_eq!(world.sent_kinds(), [""; 0], "no ACK is due");
}

#[test]
fn an_offer_that_is_wanted_from_us_is_confirmed_by_the_ack() {
    let mut world = World::new();
    let (call, invite, _) = world.answered_call();
    world.request(&invite, "INVITE", 5, "", "");
    assert_eq!(world.events(), [CallEvent::Offer { sdp: None }]);
    world.endpoint.answer_offer(world.now, call, OfferAnswer::Accept(OFFER)).expect("open");
    world.drain();
    world.only("200 INVITE");
    world.request(&invite, "ACK", 5, SDP, std::str::from_utf8(ANSWER).unwrap());
    assert_eq!(world.events(), [CallEvent::OfferConfirmed { sdp: ANSWER.into() }]);
}

#[test]
fn a_second_offer_has_to_wait() {
    let mut world = World::new();
    let (_, invite, _) = world.answered_call();
    world.request(&invite, "INVITE", 5, SDP, offer());
    world.events();
    world.request(&invite, "UPDATE", 6, SDP, offer());
    let refusal = world.only("500 UPDATE");
    assert!(refusal.message().retry_after_s().is_some());
    assert_eq!(world.events(), []);
}

#[test]
fn a_new_contact_is_the_target_from_now_on() {
    let mut world = World::new();
    let (call, invite, _) = world.answered_call();
    let text = String::from_utf8(crate::world::request(&invite, "UPDATE", 5, "", "")).unwrap();
    world.input(text.replace("sip:b@10.0.0.2:5070", "sip:moved@10.0.0.7:5080"));
    world.only("200 UPDATE");
    world.hang_up(call);
    let bye = world.only("BYE");
    assert!(bye.text().starts_with("BYE sip:moved@10.0.0.7:5080 SIP/2.0"));
    assert_eq!(bye.to, addr("10.0.0.7:5080"));
}

#[test]
fn without_an_ack_the_call_ends() {
    let mut world = World::new();
    let (call, invite, _) = world.answered_call();
    world.request(&invite, "INVITE", 5, SDP, offer());
    world.endpoint.answer_offer(world.now, call, OfferAnswer::Accept(ANSWER)).expect("open");
    world.drain();
    world.events();
    world.sent();
    world.advance(Duration::from_secs(32));
    assert_eq!(world.events(), [CallEvent::Ended { by: EndedBy::NoAck, q850: None }]);
    let bye = world.sent().pop().expect("a BYE");
    assert_eq!(bye.kind(), "BYE");
    world.reply(&bye, 200, "b", b"");
    assert_eq!(world.events(), [CallEvent::Released]);
    world.assert_empty();
}

#[test]
fn the_end_of_the_call_ends_the_offer() {
    let mut world = World::new();
    let (call, invite, _) = world.answered_call();
    world.request(&invite, "INVITE", 5, SDP, offer());
    world.events();
    world.hang_up(call);
    assert_eq!(world.sent_kinds(), ["487 INVITE", "BYE"]);
    let ack = String::from_utf8(crate::world::request(&invite, "ACK", 5, "", "")).unwrap();
    world.input(ack.replace("z9hG4bKfarACK5", "z9hG4bKfarINVITE5"));
    world.assert_empty();
}

#[test]
fn a_cancelled_offer_is_answered_487() {
    let mut world = World::new();
    let (call, invite, _) = world.answered_call();
    let datagram = String::from_utf8(world.request(&invite, "INVITE", 5, SDP, offer())).unwrap();
    world.events();
    let head = datagram.split("Content-Type").next().unwrap();
    let cancel = head.replace("INVITE sip", "CANCEL sip").replace("5 INVITE", "5 CANCEL")
        + "Content-Length: 0\r\n\r\n";
    world.input(&cancel);
    assert_eq!(world.sent_kinds(), ["200 CANCEL", "487 INVITE"]);
    assert!(world.endpoint.answer_offer(world.now, call, OfferAnswer::Refuse).is_err());
    assert_eq!(world.endpoint.load().calls, 1);
}

#[test]
fn a_body_that_is_no_sdp_is_refused() {
    let mut world = World::new();
    let (_, invite, _) = world.answered_call();
    world.request(&invite, "INVITE", 5, "Content-Type: multipart/mixed;boundary=b\r\n", "--b--\r\n");
    let refusal = world.only("415 INVITE");
    assert_eq!(refusal.header(HeaderName::Accept), "application/sdp");
    assert_eq!(world.events(), []);
}

#[test]
fn an_answer_that_does_not_fit_leaves_nothing_behind() {
    let mut world = World::new();
    let (call, invite, _) = world.answered_call();
    world.request(&invite, "INVITE", 5, SDP, offer());
    let endless = vec![b'x'; 10_000];
    world.endpoint.answer_offer(world.now, call, OfferAnswer::Accept(&endless)).expect("open");
    world.drain();
    assert_eq!(world.sent_kinds(), [""; 0]);
    assert_eq!(world.endpoint.load().server_transactions, 0);
    assert_eq!(world.endpoint.counters().oversize_dropped, 1);
}
