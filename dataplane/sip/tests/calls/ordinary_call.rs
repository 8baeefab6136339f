//! INVITE, 100, 180, 200, ACK, BYE, 200.

use sip::message::HeaderName;
use sip::{CallEvent, EndedBy, ForkId};

use crate::world::{ANSWER, OFFER, World, addr};

#[test]
fn a_call_is_set_up_and_torn_down() {
    let mut world = World::new();
    let (call, invite) = world.call();
    assert_eq!(invite.to, world.line);
    assert_eq!(invite.message().body(), OFFER);
    assert!(invite.header(HeaderName::Via).starts_with("SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK3."));
    assert_eq!(invite.header(HeaderName::Contact), "<sip:+15550199@10.0.0.1:5060>");
    assert_eq!(world.endpoint.call_id(call), Some(invite.header(HeaderName::CallId).as_str()));

    world.reply(&invite, 100, "", b"");
    world.reply(&invite, 180, "b", b"");
    world.reply(&invite, 200, "b", ANSWER);
    assert_eq!(
        world.events(),
        [
            CallEvent::Trying,
            CallEvent::Provisional { status: 180, fork: Some(ForkId(0)), sdp: None },
            CallEvent::Answered { fork: ForkId(0), sdp: Some(ANSWER.into()) },
        ]
    );
    let ack = world.only("ACK");
    assert_eq!(ack.to, addr("10.0.0.2:5070"), "to the Contact of the 200");
    assert!(ack.text().starts_with("ACK sip:b@10.0.0.2:5070 SIP/2.0\r\n"));
    assert_eq!(ack.header(HeaderName::CSeq), "1 ACK");
    assert_eq!(ack.header(HeaderName::To), "<sip:+15550100@carrier.example>;tag=b");
    assert_ne!(ack.header(HeaderName::Via), invite.header(HeaderName::Via), "a transaction of its own");

    world.hang_up(call);
    let bye = world.only("BYE");
    assert_eq!(bye.header(HeaderName::CSeq), "2 BYE");
    assert_eq!(world.events(), [CallEvent::Ended { by: EndedBy::Local, q850: None }]);
    world.reply(&bye, 200, "b", b"");
    assert_eq!(world.events(), [CallEvent::Released]);
    assert!(world.endpoint.hang_up(world.now, call, None).is_err());
    assert_eq!(world.endpoint.load().calls, 0);
    world.assert_empty();
}

#[test]
fn the_lines_of_an_invite_are_these() {
    let mut world = World::new();
    let (_, invite) = world.call();
    insta::assert_snapshot!(invite.text().replace('\r', ""));
}
