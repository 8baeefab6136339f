//! Nothing that comes from the network stops the carrier, and what it sends on purpose is junk.

mod common;

use common::{Caller, carrier, corpus, wait_until};

#[test]
fn torture_and_attacks_leave_the_carrier_serving() {
    let carrier = carrier(|_| {});
    let caller = Caller::new(carrier.addresses()[0]);
    let mut sent = 0;
    for name in ["rfc4475-torture", "cve-repro"] {
        let mut folders = vec![corpus(name)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(bytes) = std::fs::read(&path) {
                    caller.send(&bytes[..bytes.len().min(60_000)]);
                    sent += 1;
                    for cut in [bytes.len() / 2, bytes.len() / 3] {
                        caller.send(&bytes[..cut.min(60_000)]);
                    }
                }
            }
        }
    }
    assert!(sent >= 49 + 30, "{sent}");
    caller.request("OPTIONS", "1", 1, "", "");
    while !caller.until("SIP/2.0 200").contains("CSeq: 1 OPTIONS") {}
    assert!(carrier.is_serving());
    carrier.stop().unwrap();
}

#[test]
fn an_impolite_carrier_still_serves_its_calls() {
    let carrier = carrier(|c| {
        c.garbage_percent = 100;
        c.rules = vec!["*=person:ring=0.1:hangup=caller".parse().unwrap()];
    });
    let caller = Caller::new(carrier.addresses()[0]);
    caller.request("INVITE", "1", 1, "", &caller.description());
    let mut buffer = [0; 2048];
    while caller.rtp.recv_from(&mut buffer).expect("something comes").0 != 172 {}
    wait_until(&carrier, "junk was sent", |s| s.junk_sent >= 5 && s.answered == 1);
    assert_eq!(carrier.stop().unwrap().answered, 1);
}
