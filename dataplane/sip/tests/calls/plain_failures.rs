//! Final failures and what is read from them.

use sip::message::HeaderName;
use sip::{CallEvent, Failure, FailureOrigin, TextClass};

use crate::world::{World, response};

fn fail(status: u16, headers: &str) -> Failure {
    let mut world = World::new();
    let (_, invite) = world.call();
    world.reply_with(&invite, status, "b", headers, b"");
    let ack = world.only("ACK");
    assert_eq!(
        ack.header(HeaderName::Via),
        invite.header(HeaderName::Via),
        "in the INVITE's own transaction"
    );
    assert!(ack.text().starts_with("ACK sip:+15550100@carrier.example SIP/2.0\r\n"));
    assert!(ack.header(HeaderName::To).ends_with(";tag=b"));
    let mut events = world.events();
    assert_eq!(events.pop(), Some(CallEvent::Released));
    let Some(CallEvent::Failed(failure)) = events.pop() else { panic!("{events:?}") };
    assert_eq!(world.endpoint.load().calls, 0);
    world.assert_empty();
    failure
}

#[test]
fn each_class_is_reported_once_and_frees_the_slot() {
    for status in [300, 302, 404, 480, 486, 487, 500, 503, 600, 603, 699] {
        let failure = fail(status, "");
        assert_eq!((failure.status, failure.origin), (status, FailureOrigin::Response));
        assert_eq!((failure.q850, failure.retry_after_s, failure.text), (None, None, TextClass::Plain));
    }
}

#[test]
fn reason_and_retry_after_are_read() {
    let failure = fail(
        503,
        "Reason: SIP;cause=503, Q.850 ; cause=34;text=\"No circuit\"\r\nRetry-After: 120 (busy);duration=5\r\n",
    );
    assert_eq!((failure.q850, failure.retry_after_s), (Some(34), Some(120)));
    assert_eq!(fail(503, "Retry-After: 9999999999\r\n").retry_after_s, Some(86_400));
    assert_eq!(fail(480, "Reason: Q.850;cause=999\r\n").q850, None);
}

#[test]
fn a_full_line_is_told_from_a_refusal() {
    assert_eq!(fail(403, "Warning: 399 gw \"Concurrent call limit reached\"\r\n").text, TextClass::Limit);
    assert_eq!(fail(403, "").text, TextClass::Plain);
}

#[test]
fn a_redirection_is_not_followed() {
    let mut world = World::new();
    let (_, invite) = world.call();
    let contact = "Contact: <sip:+88213000000@203.0.113.9>;q=1.0, <sip:+5399990000@attacker.example>\r\n";
    world.input(response(&invite, 302, "x", contact, b""));
    assert_eq!(world.sent_kinds(), ["ACK"]);
    world.assert_empty();
    assert_eq!(world.sent_kinds(), [""; 0]);
}
