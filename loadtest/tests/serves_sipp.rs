//! A client that we did not write is served: answered, cancelled, challenged, hung up on.

mod common;

use common::{carrier, sipp, wait_until};
use loadtest::{Behaviour, Ending, Mix};

#[test]
fn answered_calls_end_with_the_callers_bye() {
    let carrier = carrier(|c| c.rules = vec!["*=person:ring=1:hangup=caller".parse().unwrap()]);
    sipp(carrier.addresses()[0], "uac", "15550001", 10, &["-d", "200"]);
    wait_until(&carrier, "all over", |s| s.ended == 10);
    let (summary, ledger) = carrier.stop_with_ledger().unwrap();
    assert_eq!((summary.invites, summary.answered, summary.our_retransmissions), (10, 10, 0));
    for call in &ledger.calls {
        let end = call.end.as_ref().unwrap();
        assert_eq!((end.how, end.status), (Ending::ByeFromCaller, 200));
        assert!(end.rtp.as_ref().unwrap().sent >= 9, "talks from the answer on");
    }
}

#[test]
fn a_cancelled_call_gets_487_and_is_released_by_the_ack() {
    let carrier = carrier(|c| c.mix = Mix::only(Behaviour::NoAnswer));
    sipp(carrier.addresses()[0], "cancel", "15550001", 10, &[]);
    wait_until(&carrier, "all over", |s| s.ended == 10);
    let (summary, ledger) = carrier.stop_with_ledger().unwrap();
    assert_eq!(summary.lines[0].statuses.get(&487), Some(&10));
    for call in &ledger.calls {
        let end = call.end.as_ref().unwrap();
        assert_eq!(end.how, Ending::Cancelled);
        assert!(call.invite.at_us < end.ended_us && end.ended_us <= end.released_us);
    }
}

#[test]
fn a_line_with_a_password_takes_only_those_who_know_it() {
    let carrier = carrier(|c| {
        c.lines = vec!["a=127.0.0.1:0,auth=joe:secret:example.net".parse().unwrap()];
        c.rules = vec!["*=person:ring=1:hangup=caller".parse().unwrap()];
    });
    // By itself SIPp leaves the number out of the digest's URI.
    let uri = format!("15550001@{}", carrier.addresses()[0]);
    sipp(
        carrier.addresses()[0],
        "digest",
        "15550001",
        5,
        &["-au", "joe", "-ap", "secret", "-auth_uri", &uri],
    );
    wait_until(&carrier, "all over", |s| s.ended == 5);
    let summary = carrier.stop().unwrap();
    // A call is a call: the INVITE with credentials is not a second one.
    assert_eq!((summary.invites, summary.answered), (5, 5));
    assert_eq!(summary.lines[0].endings.get(&Ending::ByeFromCaller), Some(&5));
}

#[test]
fn a_callee_that_hangs_up_says_bye() {
    let carrier = carrier(|c| c.rules = vec!["*=early-media:ring=2:talk=3:hangup=callee".parse().unwrap()]);
    sipp(carrier.addresses()[0], "callee_hangs_up", "15550001", 5, &[]);
    wait_until(&carrier, "all over", |s| s.ended == 5);
    let summary = carrier.stop().unwrap();
    assert_eq!(summary.lines[0].endings.get(&Ending::ByeFromCallee), Some(&5));
}
