//! OPTIONS to us, and OPTIONS that we send to learn whether a line lives.

use std::time::Duration;

use sip::message::HeaderName;
use sip::{OptionsRequest, Output, ProbeResult};

use crate::world::{Sent, World, addr};

fn probe(world: &mut World, realm: Option<&str>) -> Sent {
    let request = OptionsRequest {
        destination: world.line,
        request_uri: "sip:carrier.example",
        from_uri: "sip:ping@peal.example",
        credentials: realm.and_then(|realm| World::credentials(Some(realm))),
        owner: 5,
    };
    world.endpoint.options(world.now, &request).expect("the order is good");
    world.drain();
    world.only("OPTIONS")
}

fn results(world: &mut World) -> Vec<ProbeResult> {
    let outputs = std::mem::take(&mut world.outputs);
    outputs
        .into_iter()
        .map(|output| match output {
            Output::Probe { owner: 5, result, .. } => result,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_line_that_answers() {
    let mut world = World::new();
    let options = probe(&mut world, None);
    world.reply(&options, 100, "", b"");
    world.reply_with(&options, 503, "b", "Retry-After: 30\r\n", b"");
    assert_eq!(results(&mut world), [ProbeResult::Answered { status: 503, retry_after_s: Some(30) }]);
    world.reply(&options, 200, "b", b"");
    assert_eq!(results(&mut world), [], "the first answer counts");
    world.assert_empty();
}

#[test]
fn a_line_that_is_silent() {
    let mut world = World::new();
    probe(&mut world, None);
    world.advance(Duration::from_secs(32));
    assert_eq!(results(&mut world), [ProbeResult::NoResponse]);
    world.assert_empty();
}

#[test]
fn a_line_that_asks_who_we_are() {
    let mut world = World::new();
    let options = probe(&mut world, Some("carrier"));
    let challenge = "WWW-Authenticate: Digest realm=\"carrier\",nonce=\"1\"\r\n";
    world.reply_with(&options, 401, "b", challenge, b"");
    let again = world.only("OPTIONS");
    assert!(again.header(HeaderName::Authorization).contains("username=\"alice\""));
    world.reply_with(&again, 401, "b", challenge, b"");
    assert_eq!(results(&mut world), [ProbeResult::Answered { status: 401, retry_after_s: None }]);
    world.assert_empty();
}

#[test]
fn options_to_us_are_answered_without_state() {
    let mut world = World::new();
    let options = "OPTIONS sip:peal@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bKx\r\n\
                   From: <sip:a@b>;tag=1\r\nTo: <sip:peal@10.0.0.1>\r\nCall-ID: c1\r\nCSeq: 1 OPTIONS\r\n\r\n";
    world.input_from(addr("10.0.0.9:9999"), options.as_bytes());
    let answer = world.only("200 OPTIONS");
    assert_eq!(answer.to, addr("10.0.0.9:5070"), "without rport to the port of the Via");
    for (name, value) in [
        (HeaderName::Allow, "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY"),
        (HeaderName::Accept, "application/sdp"),
        (HeaderName::Supported, ""),
    ] {
        assert_eq!(answer.header(name), value);
        assert!(answer.message().has(name));
    }
    assert!(answer.message().to().expect("parses").tag().is_some());
    world.input_from(addr("10.0.0.9:9999"), options.as_bytes());
    assert_eq!(world.only("200 OPTIONS").bytes, answer.bytes, "the same tag for a repetition");
    assert_eq!(world.endpoint.load(), sip::Load::default());

    // The same request by another path (RFC 3261 section 8.2.2.2).
    world.input_from(addr("10.0.0.9:9999"), options.replace("z9hG4bKx", "z9hG4bKy").as_bytes());
    assert_eq!(world.sent_kinds(), ["482 OPTIONS"]);
    // With rport the answer goes where the request came from (RFC 3581).
    let behind_nat = options.replace(";branch=z9hG4bKx", ";branch=z9hG4bKz;rport").replace("c1", "c2");
    world.input_from(addr("10.0.0.9:9999"), behind_nat.as_bytes());
    let answer = world.only("200 OPTIONS");
    assert_eq!(answer.to, addr("10.0.0.9:9999"));
    assert!(answer.header(HeaderName::Via).contains(";rport=9999;received=10.0.0.9"));
}

#[test]
fn a_flood_is_answered_only_so_often() {
    let mut world = World::with_limits(sip::Limits { stray_answers_per_s: 10, ..Default::default() });
    let flood = |world: &mut World, name: &str| {
        for index in 0..1_000 {
            world.input(format!(
                "REGISTER sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK{name}{index};rport\r\n\
                 From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: {name}{index}\r\nCSeq: 1 REGISTER\r\n\r\n"
            ));
        }
        world.sent().len()
    };
    assert_eq!(flood(&mut world, "a"), 10);
    assert_eq!(world.endpoint.counters().stray_requests_shed, 990);
    world.advance(Duration::from_secs(1));
    assert_eq!(flood(&mut world, "b"), 10);
    assert_eq!(world.endpoint.load(), sip::Load::default(), "nothing is kept");
}
