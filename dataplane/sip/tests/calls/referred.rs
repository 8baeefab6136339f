//! A callee that we give to somebody else by REFER, and what the NOTIFYs make of it.

use std::time::Duration;

use sip::message::HeaderName;
use sip::{CallEvent, CallHandle, InviteRequest, ReferError, ReferProgress};

use crate::world::{ANSWER, Sent, World, response};

const TARGET: &str = "sip:+8613900139000@carrier.example";

fn referred(world: &mut World) -> (CallHandle, Sent, Sent) {
    let (call, invite, _) = world.answered_call();
    world.events();
    world.endpoint.refer(world.now, call, TARGET).expect("up");
    world.drain();
    let refer = world.only("REFER");
    (call, invite, refer)
}

fn notify(world: &mut World, invite: &Sent, cseq: u32, state: &str, line: &str) {
    let headers = format!(
        "Event: refer\r\nSubscription-State: {state}\r\nContent-Type: message/sipfrag;version=2.0\r\n"
    );
    world.request(invite, "NOTIFY", cseq, &headers, &format!("{line}\r\n"));
}

#[test]
fn it_names_who_shall_be_called_and_on_whose_behalf() {
    let mut world = World::new();
    let (call, invite, refer) = referred(&mut world);
    assert_eq!(refer.header(HeaderName::ReferTo), format!("<{TARGET}>"));
    assert!(invite.header(HeaderName::From).contains(&refer.header(HeaderName::ReferredBy)));
    assert_eq!(refer.header(HeaderName::CSeq), "2 REFER");
    assert_eq!(world.endpoint.refer(world.now, call, TARGET), Err(ReferError::Pending));
}

#[test]
fn the_other_answers() {
    let mut world = World::new();
    let (call, invite, refer) = referred(&mut world);
    world.reply(&refer, 202, "b", b"");
    assert_eq!(world.events(), [CallEvent::Refer(ReferProgress::Accepted)]);
    notify(&mut world, &invite, 1, "active;expires=60", "SIP/2.0 180 Ringing");
    assert_eq!(world.events(), [CallEvent::Refer(ReferProgress::Trying { status: 180 })]);
    notify(&mut world, &invite, 2, "terminated;reason=noresource", "SIP/2.0 200 OK");
    assert_eq!(world.sent_kinds(), ["200 NOTIFY", "200 NOTIFY"]);
    assert_eq!(world.events(), [CallEvent::Refer(ReferProgress::Over { status: 200 })]);
    notify(&mut world, &invite, 3, "terminated", "SIP/2.0 200 OK");
    assert_eq!(
        (world.sent_kinds().as_slice(), world.events().len()),
        (["200 NOTIFY".to_owned()].as_slice(), 0)
    );
    world.hang_up(call);
    assert_eq!(world.only("BYE").header(HeaderName::CSeq), "3 BYE");
}

#[test]
fn whatever_else_is_the_end_of_it_is_told_once() {
    for (state, line, status) in [
        ("active", "SIP/2.0 486 Busy Here", 486),
        ("terminated;reason=timeout", "SIP/2.0 100 Trying", 100),
        ("terminated", "what?", 408),
    ] {
        let mut world = World::new();
        let (call, invite, refer) = referred(&mut world);
        // Faster than the response.
        notify(&mut world, &invite, 1, state, line);
        world.reply(&refer, 202, "b", b"");
        assert_eq!(world.events(), [CallEvent::Refer(ReferProgress::Over { status })], "{line}");
        assert_eq!(world.endpoint.refer(world.now, call, TARGET), Ok(()), "another may be tried");
    }
}

#[test]
fn who_does_not_do_it_says_so() {
    let mut world = World::new();
    let (_, invite, refer) = referred(&mut world);
    notify(&mut world, &invite, 1, "active", "SIP/2.0 100 Trying");
    world.events();
    world.reply(&refer, 405, "b", b"");
    assert_eq!(world.events(), [CallEvent::Refer(ReferProgress::Over { status: 405 })]);
}

#[test]
fn silence_is_the_end_of_it() {
    let mut world = World::new();
    let (call, invite, _) = referred(&mut world);
    world.advance(Duration::from_secs(33));
    assert_eq!(world.events(), [CallEvent::Refer(ReferProgress::Over { status: 408 })]);
    assert_eq!(world.endpoint.refer(world.now, call, TARGET), Ok(()), "another may be tried");
    notify(&mut world, &invite, 1, "terminated", "SIP/2.0 200 OK");
    assert_eq!(
        world.events(),
        [CallEvent::Refer(ReferProgress::Over { status: 200 })],
        "it is the far end's first"
    );
}

#[test]
fn a_notify_of_something_else_is_none_of_ours() {
    for event in ["dialog", "refer;id=7", ""] {
        let mut world = World::new();
        let (_, invite, _) = referred(&mut world);
        let headers = format!("Event: {event}\r\nSubscription-State: terminated\r\n");
        world.request(&invite, "NOTIFY", 1, &headers, "");
        assert_eq!(world.sent_kinds(), ["481 NOTIFY"], "{event}");
        assert_eq!(world.events(), []);
    }
    let mut world = World::new();
    let (_, invite, _) = referred(&mut world);
    let headers = "Event: refer;id=2\r\nSubscription-State: terminated\r\n";
    world.request(&invite, "NOTIFY", 1, headers, "");
    assert_eq!(world.sent_kinds(), ["200 NOTIFY"]);
}

#[test]
fn a_challenge_from_the_line_is_answered() {
    let mut world = World::new();
    let order = InviteRequest { credentials: World::credentials(Some("carrier")), ..world.order() };
    let (call, invite) = world.call_with(&order);
    let text = String::from_utf8(response(&invite, 200, "b", "", ANSWER)).expect("text");
    world.input(text.replace("sip:b@10.0.0.2:5070", "sip:b@10.0.0.2:5060"));
    world.sent();
    world.events();
    world.endpoint.refer(world.now, call, TARGET).expect("up");
    world.drain();
    let refer = world.only("REFER");
    let challenge = "Proxy-Authenticate: Digest realm=\"carrier\",nonce=\"4XC2\",algorithm=MD5\r\n";
    world.input(response(&refer, 407, "b", challenge, b""));
    let again = world.only("REFER");
    assert!(again.header(HeaderName::ProxyAuthorization).contains("uri=\"sip:b@10.0.0.2:5060\""));
    assert_eq!(again.header(HeaderName::CSeq), "3 REFER");
    assert_eq!(again.header(HeaderName::ReferTo), format!("<{TARGET}>"));
    notify(&mut world, &invite, 1, "terminated", "SIP/2.0 200 OK");
    world.hang_up(call);
    assert!(world.sent_kinds().contains(&"BYE".to_owned()));
}

#[test]
fn nobody_is_referred_before_the_answer_or_to_nonsense() {
    let mut world = World::new();
    let (call, _) = world.call();
    assert_eq!(world.endpoint.refer(world.now, call, TARGET), Err(ReferError::UnknownCall));
    let (call, _, _) = world.answered_call();
    for target in ["", "tel:1", "sip:a@b>\r\nX: y", "sip:a@b?Replaces=x"] {
        assert_eq!(world.endpoint.refer(world.now, call, target), Err(ReferError::Target), "{target}");
    }
}

#[test]
fn a_nonce_that_is_used_up_is_replaced_once_in_each_request() {
    for stale in ["", ",stale=true"] {
        let mut world = World::new();
        let order = InviteRequest { credentials: World::credentials(Some("carrier")), ..world.order() };
        let (call, invite) = world.call_with(&order);
        let challenge = |nonce: &str, stale: &str| {
            format!("WWW-Authenticate: Digest realm=\"carrier\",nonce=\"{nonce}\",algorithm=MD5{stale}\r\n")
        };
        // The INVITE has already used what may be had for one request.
        world.input(response(&invite, 401, "b", &challenge("n1", ""), b""));
        let invite = world.sent().pop().expect("an INVITE behind the ACK");
        world.input(response(&invite, 401, "b", &challenge("n2", ",stale=true"), b""));
        let invite = world.sent().pop().expect("an INVITE behind the ACK");
        let text = String::from_utf8(response(&invite, 200, "b", "", ANSWER)).expect("text");
        world.input(text.replace("sip:b@10.0.0.2:5070", "sip:b@10.0.0.2:5060"));
        world.sent();
        world.events();
        world.endpoint.refer(world.now, call, TARGET).expect("up");
        world.drain();
        let refer = world.only("REFER");
        assert!(refer.header(HeaderName::Authorization).contains("nonce=\"n2\""));
        world.input(response(&refer, 401, "b", &challenge("n3", stale), b""));
        let again = world.only("REFER");
        assert!(again.header(HeaderName::Authorization).contains("nonce=\"n3\""));
        assert_eq!(world.events(), []);
        // Wrong, or for somebody else: not asked a third time.
        world.input(response(&again, 401, "b", &challenge("n4", ""), b""));
        assert_eq!(world.events(), [CallEvent::Refer(ReferProgress::Over { status: 401 })]);
        assert_eq!(world.sent_kinds(), Vec::<String>::new());
    }
}

#[test]
fn what_comes_after_the_call_is_told_to_nobody() {
    let mut world = World::new();
    let (call, invite, refer) = referred(&mut world);
    world.hang_up(call);
    world.sent();
    world.events();
    world.reply(&refer, 202, "b", b"");
    notify(&mut world, &invite, 1, "terminated", "SIP/2.0 200 OK");
    assert_eq!(world.sent_kinds(), ["481 NOTIFY"]);
    assert!(!world.events().iter().any(|event| matches!(event, CallEvent::Refer(_))));
}

#[test]
fn another_is_asked_for_while_the_first_says_nothing() {
    let mut world = World::new();
    let (call, invite, refer) = referred(&mut world);
    world.reply(&refer, 202, "b", b"");
    world.events();
    world.endpoint.refer(world.now, call, TARGET).expect("the first was accepted, and never heard of again");
    world.drain();
    let second = world.only("REFER");
    assert_eq!(second.header(HeaderName::CSeq), "3 REFER");
    world.reply(&second, 202, "b", b"");
    assert_eq!(world.events(), [CallEvent::Refer(ReferProgress::Accepted)]);
    for event in ["refer", "refer;id=2"] {
        let headers =
            format!("Event: {event}\r\nSubscription-State: terminated\r\nContent-Type: message/sipfrag\r\n");
        world.request(&invite, "NOTIFY", 1, &headers, "SIP/2.0 200 OK\r\n");
        assert_eq!(
            (world.sent_kinds().as_slice(), world.events().len()),
            (["481 NOTIFY".to_owned()].as_slice(), 0),
            "{event}"
        );
    }
    let headers = "Event: refer;id=3\r\nSubscription-State: terminated\r\nContent-Type: message/sipfrag\r\n";
    world.request(&invite, "NOTIFY", 2, headers, "SIP/2.0 200 OK\r\n");
    assert_eq!(world.events(), [CallEvent::Refer(ReferProgress::Over { status: 200 })]);
}

#[test]
fn a_third_is_not_concluded_by_the_first() {
    let mut world = World::new();
    let (call, invite, refer) = referred(&mut world);
    world.reply(&refer, 202, "b", b"");
    for cseq in [3, 4] {
        world.endpoint.refer(world.now, call, TARGET).expect("the one before is accepted, or over");
        world.drain();
        let next = world.only("REFER");
        world.reply(&next, 202, "b", b"");
        world.events();
        for (event, answer) in
            [("refer".to_owned(), "481 NOTIFY"), (format!("refer;id={cseq}"), "200 NOTIFY")]
        {
            let headers = format!(
                "Event: {event}\r\nSubscription-State: terminated\r\nContent-Type: message/sipfrag\r\n"
            );
            let number = cseq * 10 + u32::from(answer.starts_with("200"));
            world.request(&invite, "NOTIFY", number, &headers, "SIP/2.0 200 OK\r\n");
            assert_eq!(world.sent_kinds(), [answer], "{event}");
        }
        assert_eq!(world.events(), [CallEvent::Refer(ReferProgress::Over { status: 200 })]);
    }
}

#[test]
fn the_last_word_of_one_that_is_over_is_not_of_the_next() {
    let mut world = World::new();
    let (call, invite, refer) = referred(&mut world);
    world.reply(&refer, 202, "b", b"");
    notify(&mut world, &invite, 1, "active", "SIP/2.0 486 Busy Here");
    world.endpoint.refer(world.now, call, TARGET).expect("the first is over");
    world.drain();
    world.events();
    world.sent();
    notify(&mut world, &invite, 2, "terminated", "SIP/2.0 486 Busy Here");
    assert_eq!((world.sent_kinds(), world.events()), (vec!["481 NOTIFY".to_owned()], vec![]));
}

#[test]
fn one_after_a_subscription_that_has_ended_needs_no_name() {
    for is_refused in [false, true] {
        let mut world = World::new();
        let (call, invite, refer) = referred(&mut world);
        if is_refused {
            world.reply(&refer, 503, "b", b"");
        } else {
            notify(&mut world, &invite, 1, "terminated", "SIP/2.0 486 Busy Here");
            world.reply(&refer, 202, "b", b"");
        }
        world.endpoint.refer(world.now, call, TARGET).expect("the first is over");
        world.events();
        notify(&mut world, &invite, 2, "terminated", "SIP/2.0 200 OK");
        assert_eq!(world.events(), [CallEvent::Refer(ReferProgress::Over { status: 200 })]);
    }
}

#[test]
fn it_is_not_asked_again_after_the_call() {
    for far_end_hangs_up in [false, true] {
        let mut world = World::new();
        let (call, invite, _) = referred(&mut world);
        if far_end_hangs_up {
            world.request(&invite, "BYE", 1, "", "");
            assert_eq!(world.sent_kinds(), ["200 BYE"]);
        } else {
            world.hang_up(call);
            let bye = world.only("BYE");
            world.reply(&bye, 200, "b", b"");
        }
        assert!(matches!(world.events().as_slice(), [CallEvent::Ended { .. }, CallEvent::Released]));
        assert_eq!(
            world.endpoint.load().client_transactions,
            usize::from(!far_end_hangs_up) + 1,
            "INVITE, BYE"
        );
        world.advance(Duration::from_secs(1));
        assert_eq!(world.sent_kinds(), Vec::<String>::new());
        notify(&mut world, &invite, 2, "terminated", "SIP/2.0 200 OK");
        assert_eq!((world.sent_kinds(), world.events()), (vec!["481 NOTIFY".to_owned()], vec![]));
        world.assert_empty();
    }
}
