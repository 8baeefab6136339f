//! Callees of whom little or nothing is heard.

mod common;

use common::{Caller, carrier, wait_until};
use loadtest::{Behaviour, Ending, Mix};

#[test]
fn a_dropped_call_gets_no_word() {
    let carrier = carrier(|c| c.mix = Mix::only(Behaviour::Drop));
    let caller = Caller::new(carrier.addresses()[0]);
    caller.invite("1");
    caller.invite("1");
    caller.request("CANCEL", "1", 1, "", "");
    caller.request("OPTIONS", "2", 1, "", "");
    assert!(caller.receive().contains("CSeq: 1 OPTIONS"), "the first word is not about the call");
    let (summary, ledger) = carrier.stop_with_ledger().unwrap();
    let call = &ledger.calls[0];
    let end = call.end.as_ref().unwrap();
    assert_eq!((summary.invites, end.invite_retransmissions, end.status), (1, 1, 0));
    // It held its place until the last that was heard of it.
    assert!(end.released_us > call.invite.at_us);
}

#[test]
fn a_call_that_is_only_tried_can_be_cancelled() {
    let carrier = carrier(|c| c.mix = Mix::only(Behaviour::TryingOnly));
    let caller = Caller::new(carrier.addresses()[0]);
    caller.invite("1");
    assert!(caller.receive().starts_with("SIP/2.0 100"));
    caller.request("CANCEL", "1", 1, "", "");
    assert!(caller.until("SIP/2.0 200").contains("CSeq: 1 CANCEL"));
    caller.until("SIP/2.0 487");
    caller.request("ACK", "1", 1, "", "");
    wait_until(&carrier, "over", |s| s.ended == 1);
    let summary = carrier.stop().unwrap();
    assert_eq!(summary.lines[0].endings.get(&Ending::Cancelled), Some(&1));
}
