//! Messages that are lost are sent again; messages that come again are not new calls.

mod common;

use common::{Caller, carrier, wait_until};
use loadtest::Ending;

#[test]
fn an_answer_without_ack_is_repeated_until_the_ack() {
    let carrier = carrier(|c| c.rules = vec!["*=person:ring=0.1:hangup=caller".parse().unwrap()]);
    let caller = Caller::new(carrier.addresses()[0]);
    caller.invite("1");
    let first = caller.until("SIP/2.0 200");
    assert_eq!(caller.until("SIP/2.0 200"), first);
    caller.request("ACK", "1", 1, "", "");
    caller.request("BYE", "1", 2, "", "");
    caller.until("SIP/2.0 200 OK\r\nVia"); // to the BYE
    wait_until(&carrier, "over", |s| s.ended == 1);
    // A BYE that comes again was not heard: it is answered again.
    caller.request("BYE", "1", 2, "", "");
    assert!(caller.until("SIP/2.0 200").contains("CSeq: 2 BYE"));
    let (_, ledger) = carrier.stop_with_ledger().unwrap();
    let end = ledger.calls[0].end.as_ref().unwrap();
    assert_eq!((end.how, end.our_retransmissions), (Ending::ByeFromCaller, 1));
}

#[test]
fn a_repeated_invite_is_one_call() {
    let carrier = carrier(|c| c.rules = vec!["*=busy".parse().unwrap()]);
    let caller = Caller::new(carrier.addresses()[0]);
    for _ in 0..3 {
        caller.invite("1");
    }
    caller.until("SIP/2.0 486");
    caller.request("ACK", "1", 1, "", "");
    wait_until(&carrier, "over", |s| s.ended == 1);
    caller.invite("1"); // a copy that was delayed in the network
    wait_until(&carrier, "heard", |s| s.late_messages == 1);
    let summary = carrier.stop().unwrap();
    assert_eq!((summary.invites, summary.invite_retransmissions), (1, 2));
}

#[test]
fn a_bye_without_response_is_repeated() {
    let carrier = carrier(|c| c.rules = vec!["*=person:ring=0.1:talk=0.1:hangup=callee".parse().unwrap()]);
    let caller = Caller::new(carrier.addresses()[0]);
    caller.call("1");
    let first = caller.until("BYE sip:test@");
    assert_eq!(caller.until("BYE sip:test@"), first);
    let echoed: String = first
        .lines()
        .filter(|l| ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|h| l.starts_with(h)))
        .map(|l| format!("{l}\r\n"))
        .collect();
    caller.send(format!("SIP/2.0 200 OK\r\n{echoed}Content-Length: 0\r\n\r\n").as_bytes());
    wait_until(&carrier, "over", |s| s.ended == 1);
    let summary = carrier.stop().unwrap();
    assert_eq!(summary.lines[0].endings.get(&Ending::ByeFromCallee), Some(&1));
    assert_eq!(summary.our_retransmissions, 1);
}
