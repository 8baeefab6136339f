//! Audio goes both ways, is accounted for, and every call has a far address of its own.

mod common;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use common::{Caller, carrier, wait_until};
use loadtest::MediaMode;

fn hears_and_is_heard(media: MediaMode) {
    let carrier = carrier(|c| {
        c.media = media;
        c.rules = vec!["*=person:ring=0.1:press=2:digits=4#:hangup=caller".parse().unwrap()];
    });
    let caller = Caller::new(carrier.addresses()[0]);
    let far = caller.call("1");
    // Fifty packets, of which number 20 is left out; each is sent when the callee's is heard.
    let mut buffer = [0; 2048];
    let mut keys = Vec::new();
    for n in 0..50 {
        let (length, from) = caller.rtp.recv_from(&mut buffer).expect("the callee talks");
        assert_eq!(from, far);
        if buffer[1] & 0x7F == 101 && buffer[1] & 0x80 != 0 {
            assert_eq!(length, 16);
            keys.push(buffer[12]);
        }
        if n != 20 {
            caller.talk(far, n);
        }
    }
    assert_eq!(keys, [4, 11]);
    caller.request("BYE", "1", 2, "", "");
    caller.until("SIP/2.0 200");
    wait_until(&carrier, "over", |s| s.ended == 1 && s.packets_received >= 49);
    let (summary, ledger) = carrier.stop_with_ledger().unwrap();
    assert_eq!((summary.rtp.calls, summary.rtp.silent, summary.rtp.lost), (1, 0, 1));
    let end = ledger.calls[0].end.clone().unwrap();
    let rtp = end.rtp.unwrap();
    assert_eq!((rtp.received, rtp.bytes, rtp.lost, rtp.sources), (49, 49 * 160, 1, 1));
    assert!(rtp.first_us >= end.answered_us.unwrap() && rtp.first_us < rtp.last_us);
    assert_eq!(end.pressed, "4#");
}

#[test]
fn with_an_address_for_each_call() {
    hears_and_is_heard(MediaMode::Addresses);
}

#[test]
fn with_a_port_for_each_call() {
    hears_and_is_heard(MediaMode::Ports(4));
}

#[test]
fn with_one_port_for_all() {
    hears_and_is_heard(MediaMode::Shared);
}

#[test]
fn calls_at_once_have_different_far_addresses() {
    let carrier = carrier(|c| c.rules = vec!["*=person:ring=0.1:hangup=caller".parse().unwrap()]);
    let caller = Caller::new(carrier.addresses()[0]);
    let far: HashSet<_> = (0..20).map(|n| caller.call(&n.to_string())).collect();
    assert_eq!(far.len(), 20);
    assert_eq!(carrier.stop().unwrap().answered, 20);
}

#[test]
fn early_media_is_heard_before_the_answer_and_a_silent_callee_never() {
    let carrier = carrier(|c| {
        c.rules = vec![
            "1=early-media:ring=20".parse().unwrap(),
            "2=silent:ring=0.1:hangup=caller".parse().unwrap(),
        ];
    });
    let caller = Caller::new(carrier.addresses()[0]);
    caller.invite("1");
    let far = common::audio_address(&caller.until("SIP/2.0 183"));
    let mut buffer = [0; 2048];
    assert_eq!(caller.rtp.recv_from(&mut buffer).expect("ring-back").1, far);
    caller.until("SIP/2.0 200");

    let silent = Caller::new(carrier.addresses()[0]);
    silent.call("2");
    let begun = Instant::now();
    silent.rtp.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(silent.rtp.recv_from(&mut buffer).is_err(), "heard something after {:?}", begun.elapsed());
    carrier.stop().unwrap();
}

#[test]
fn an_offer_in_the_ack_is_as_good() {
    let carrier = carrier(|c| c.rules = vec!["*=person:ring=0.1:hangup=caller".parse().unwrap()]);
    let caller = Caller::new(carrier.addresses()[0]);
    caller.request("INVITE", "1", 1, "", "");
    let far = common::audio_address(&caller.until("SIP/2.0 200"));
    let description = caller.description();
    caller.request("ACK", "1", 1, "", &description);
    assert_eq!(caller.rtp.recv_from(&mut [0; 2048]).expect("the callee talks").1, far);
    carrier.stop().unwrap();
}
