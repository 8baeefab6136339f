//! A challenge to our BYE: from the callee it gets nothing, from the line itself an answer.

use sip::message::HeaderName;
use sip::{CallEvent, CallHandle, CallReason, InviteRequest};

use crate::world::{ANSWER, Sent, World, addr, response};

fn answered(contact: &str) -> (World, CallHandle) {
    let mut world = World::new();
    let order = InviteRequest { credentials: World::credentials(Some("carrier")), ..world.order() };
    let (call, invite) = world.call_with(&order);
    let text = String::from_utf8(response(&invite, 200, "b", "", ANSWER)).unwrap();
    world.input(text.replace("sip:b@10.0.0.2:5070", contact));
    world.sent();
    world.events();
    (world, call)
}

fn bye(world: &mut World, call: CallHandle) -> Sent {
    world.endpoint.hang_up(world.now, call, Some(CallReason::Q850(31))).expect("up");
    world.drain();
    world.events();
    world.only("BYE")
}

const CHALLENGE: &str = "Proxy-Authenticate: Digest realm=\"carrier\",nonce=\"4XC2\",algorithm=MD5\r\n";

#[test]
fn from_the_callee_it_gets_no_credentials() {
    let (mut world, call) = answered("sip:b@10.0.0.66:5060");
    let bye = bye(&mut world, call);
    assert_eq!(bye.to, addr("10.0.0.66:5060"));
    for from in [addr("10.0.0.66:5060"), world.line] {
        world.input_from(from, &response(&bye, 407, "b", CHALLENGE, b""));
    }
    assert_eq!(world.sent_kinds(), [""; 0]);
    assert_eq!(world.events(), [CallEvent::Released]);
    assert_eq!(world.endpoint.counters().challenges_refused, 1);
}

#[test]
fn for_another_realm_it_gets_no_credentials() {
    let (mut world, call) = answered("sip:b@10.0.0.2:5060");
    let bye = bye(&mut world, call);
    let foreign = CHALLENGE.replace("carrier", "demo.sipvicious.pro");
    world.input(response(&bye, 407, "b", &foreign, b""));
    assert_eq!(world.sent_kinds(), [""; 0]);
    assert_eq!(world.events(), [CallEvent::Released]);
}

#[test]
fn from_the_line_it_is_answered() {
    let (mut world, call) = answered("sip:b@10.0.0.2:5060");
    let first = bye(&mut world, call);
    world.input(response(&first, 407, "b", CHALLENGE, b""));
    let again = world.only("BYE");
    assert!(again.header(HeaderName::ProxyAuthorization).contains("realm=\"carrier\""));
    assert_eq!(again.header(HeaderName::CSeq), "3 BYE");
    assert_eq!(again.header(HeaderName::Reason), "Q.850;cause=31");
    assert_eq!(world.events(), []);
    world.input(response(&again, 200, "b", "", b""));
    assert_eq!(world.events(), [CallEvent::Released]);
    world.assert_empty();
}

#[test]
fn two_byes_of_one_call_are_answered_each_by_itself() {
    let mut world = World::new();
    let order = InviteRequest { credentials: World::credentials(Some("carrier")), ..world.order() };
    let (call, invite) = world.call_with(&order);
    for tag in ["b", "c"] {
        let text = String::from_utf8(response(&invite, 200, tag, "", ANSWER)).unwrap();
        world.input(text.replace("10.0.0.2:5070", "10.0.0.2:5060"));
    }
    let extra = world.sent().pop().expect("a BYE to the second that answered");
    world.events();
    let own = bye(&mut world, call);
    let mut byes = [extra, own];
    for (nonces, stale) in [(["1", "2"], ""), (["3", "4"], ",stale=true")] {
        for (bye, nonce) in byes.iter_mut().zip(nonces) {
            let challenge = CHALLENGE.replace("4XC2", nonce).replace("MD5", &format!("MD5{stale}"));
            world.input(response(bye, 407, "x", &challenge, b""));
            *bye = world.only("BYE");
            assert!(bye.header(HeaderName::ProxyAuthorization).contains(&format!("nonce=\"{nonce}\"")));
        }
    }
    for bye in &byes {
        world.input(response(bye, 407, "x", &CHALLENGE.replace("MD5", "MD5,stale=true"), b""));
    }
    assert_eq!((world.sent_kinds(), world.events()), (vec![], vec![CallEvent::Released]));
}
