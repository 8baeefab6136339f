//! Limits are judged from the ledger, and enforced only where the line says so.

mod common;

use common::{Caller, carrier, wait_until};

#[test]
fn a_line_that_rejects_what_is_over_its_limit() {
    let carrier = carrier(|c| {
        c.lines = vec!["a=127.0.0.1:0,max_calls=2,reject_over=true".parse().unwrap()];
        c.rules = vec!["*=person:ring=0.1:hangup=caller".parse().unwrap()];
    });
    let caller = Caller::new(carrier.addresses()[0]);
    caller.call("1");
    caller.call("2");
    caller.invite("3");
    assert!(caller.until("SIP/2.0 503").contains("cause=34"));
    caller.request("ACK", "3", 1, "", "");
    wait_until(&carrier, "the third is over", |s| s.ended == 1);
    let summary = carrier.stop().unwrap();
    // Rejected or not, the caller has dialled more than it may.
    assert!(summary.lines[0].exceeded);
    assert_eq!((summary.lines[0].peak_calls.count, summary.answered), (3, 2));
}

#[test]
fn a_line_that_only_counts() {
    let carrier = carrier(|c| {
        c.lines =
            vec!["a=127.0.0.1:0,max_cps=2".parse().unwrap(), "b=127.0.0.1:0,max_cps=2".parse().unwrap()];
        c.rules = vec!["*=person:ring=0.1:hangup=caller".parse().unwrap()];
    });
    let caller = Caller::new(carrier.address_of("a").unwrap());
    for number in ["1", "2", "3"] {
        caller.invite(number);
    }
    let other = Caller::new(carrier.address_of("b").unwrap());
    other.call("4");
    wait_until(&carrier, "all are answered", |s| s.answered == 4);
    let summary = carrier.stop().unwrap();
    let [a, b] = &summary.lines[..] else { panic!("two lines") };
    assert_eq!((a.peak_cps.count, a.exceeded), (3, true));
    assert_eq!((b.peak_cps.count, b.exceeded), (1, false));
}

#[test]
fn a_number_that_is_dialled_twice_at_once_is_doubled() {
    let carrier = carrier(|c| c.rules = vec!["*=person:ring=0.1:hangup=caller".parse().unwrap()]);
    let (one, two) = (Caller::new(carrier.addresses()[0]), Caller::new(carrier.addresses()[0]));
    one.call("1");
    // Another Call-ID, the same number.
    let description = two.description();
    two.send(
        format!(
            "INVITE sip:1@x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKtwo;rport\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:1@x>\r\nCall-ID: two\r\nCSeq: 1 INVITE\r\nContact: <sip:a@b>\r\nX-Peal-Attempt: 17\r\n\r\n{description}"
        )
        .as_bytes(),
    );
    two.until("SIP/2.0 200");
    let (summary, ledger) = carrier.stop_with_ledger().unwrap();
    assert_eq!((summary.overlapping.len(), summary.excess.len(), summary.overlapping[0].calls), (1, 1, 2));
    assert_eq!(ledger.calls[1].invite.attempt.as_deref(), Some("17"));
    assert!(!summary.holds());
}
