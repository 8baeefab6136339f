//! Every behaviour that refuses says what its name promises.

mod common;

use common::{Caller, carrier, wait_until};

#[test]
fn refusals_have_their_status_and_reason() {
    let expected = [
        ("busy", "SIP/2.0 486 ", Some("cause=17")),
        ("decline:ring=1", "SIP/2.0 603 ", Some("cause=21")),
        ("unavailable", "SIP/2.0 480 ", None),
        ("absent", "SIP/2.0 480 ", Some("cause=20")),
        ("not-found", "SIP/2.0 404 ", Some("cause=1;")),
        ("overload", "SIP/2.0 503 ", None),
        ("overload-retry", "SIP/2.0 503 ", Some("Retry-After: 2\r\n")),
        ("status-488", "SIP/2.0 488 ", None),
        ("status-502-q27", "SIP/2.0 502 ", Some("cause=27")),
    ];
    let carrier = carrier(|c| {
        c.rules =
            expected.iter().enumerate().map(|(n, (b, ..))| format!("555{n}={b}").parse().unwrap()).collect();
    });
    for (n, (_, status, reason)) in expected.iter().enumerate() {
        let caller = Caller::new(carrier.addresses()[0]);
        let number = format!("555{n}");
        caller.invite(&number);
        let refusal = loop {
            let message = caller.receive();
            if !message.starts_with("SIP/2.0 1") {
                break message;
            }
        };
        assert!(refusal.starts_with(status), "{refusal}");
        match reason {
            Some(reason) => assert!(refusal.contains(reason), "{refusal}"),
            None => assert!(!refusal.contains("Reason:") && !refusal.contains("Retry-After:"), "{refusal}"),
        }
        caller.request("ACK", &number, 1, "", "");
    }
    wait_until(&carrier, "all over", |s| s.ended == expected.len() as u64);
    assert!(carrier.stop().unwrap().holds());
}

#[test]
fn what_cannot_be_served_is_refused() {
    let carrier = carrier(|_| {});
    let caller = Caller::new(carrier.addresses()[0]);
    let description = caller.description();
    caller.request("INVITE", "1", 1, "Require: 100rel\r\n", &description);
    assert!(caller.until("SIP/2.0 420").contains("Unsupported: 100rel\r\n"));
    caller.request("INVITE", "2", 1, "", "c=IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 18\r\n");
    caller.until("SIP/2.0 488");
    caller.request("BYE", "3", 1, "", "");
    caller.until("SIP/2.0 481");
    caller.request("SUBSCRIBE", "4", 1, "", "");
    assert!(caller.until("SIP/2.0 405").contains("Allow: INVITE"));
    caller.request("OPTIONS", "5", 1, "", "");
    caller.until("SIP/2.0 200");
    carrier.stop().unwrap();
}
