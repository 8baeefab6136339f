//! Credentials are asked for, checked, and asked for again when they are stale.

mod common;

use common::{Caller, carrier, wait_until};
use loadtest::Ending;
use md5::{Digest as _, Md5};

/// The credentials for a challenge, computed here and not by the carrier's own code.
fn authorization(challenge: &str, uri: &str, password: &str) -> String {
    let nonce = challenge.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    let hex = |text: String| Md5::digest(text).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let (a1, a2) = (hex(format!("joe:example.net:{password}")), hex(format!("INVITE:{uri}")));
    let response = hex(format!("{a1}:{nonce}:00000001:c0ffee:auth:{a2}"));
    format!(
        "Authorization: Digest username=\"joe\", realm=\"example.net\", nonce=\"{nonce}\", uri=\"{uri}\", qop=auth, \
         nc=00000001, cnonce=\"c0ffee\", response=\"{response}\", algorithm=MD5\r\n"
    )
}

#[test]
fn a_stale_nonce_is_replaced_and_a_wrong_password_refused() {
    let carrier = carrier(|c| {
        let line = "a=127.0.0.1:0,auth=joe:secret:example.net,challenge=401,stale=true,max_cps=3";
        c.lines = vec![line.parse().unwrap()];
        c.rules = vec!["*=busy".parse().unwrap()];
    });
    let caller = Caller::new(carrier.addresses()[0]);
    for (number, passwords, last) in [
        ("1", &["secret", "secret"][..], "SIP/2.0 486"),
        ("2", &["wrong"], "SIP/2.0 403"),
        ("3", &["secret", "wrong"], "SIP/2.0 403"),
    ] {
        let uri = format!("sip:{number}@{}", carrier.addresses()[0]);
        caller.invite(number);
        let mut cseq = 1;
        for (n, password) in passwords.iter().enumerate() {
            let challenge = caller.until("SIP/2.0 401");
            assert_eq!(challenge.contains("stale=true"), n == 1, "{challenge}");
            caller.request("ACK", number, cseq, "", "");
            cseq += 1;
            let header = authorization(&challenge, &uri, password);
            caller.request("INVITE", number, cseq, &header, &caller.description());
        }
        caller.until(last);
        caller.request("ACK", number, cseq, "", "");
    }
    wait_until(&carrier, "all over", |s| s.ended == 3);
    let summary = carrier.stop().unwrap();
    // Eight INVITEs, three calls.
    assert_eq!((summary.invites, summary.invite_retransmissions, summary.lines[0].exceeded), (3, 0, false));
    assert_eq!(summary.lines[0].endings.get(&Ending::Unauthenticated), Some(&2));
}
