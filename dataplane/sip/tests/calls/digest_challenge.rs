//! 401 and 407 from the line, answered with its credentials.

use sip::digest::Authorization;
use sip::message::HeaderName;
use sip::{AuthRefusal, CallEvent, InviteRequest};

use crate::world::{ANSWER, Sent, World};

fn verify(request: &Sent, name: HeaderName) -> bool {
    let message = request.message();
    let value = message.header(name).expect("credentials");
    let read = Authorization::parse(value).expect("a digest");
    assert_eq!(read.uri, message.request_uri());
    read.verify("secret-7", b"INVITE")
}

fn world_with(realm: Option<&str>) -> (World, Sent) {
    let mut world = World::new();
    let order = InviteRequest { credentials: World::credentials(realm), ..world.order() };
    let (_, invite) = world.call_with(&order);
    (world, invite)
}

fn last_refusal(world: &mut World) -> Option<AuthRefusal> {
    world.events().into_iter().find_map(|event| match event {
        CallEvent::Failed(failure) => failure.auth,
        _ => None,
    })
}

#[test]
fn a_challenge_is_answered_with_a_new_cseq_and_the_same_call_id() {
    for (status, asked, given, algorithm) in [
        (401, "WWW-Authenticate", HeaderName::Authorization, "MD5"),
        (407, "Proxy-Authenticate", HeaderName::ProxyAuthorization, "SHA-256"),
    ] {
        let (mut world, invite) = world_with(Some("carrier"));
        let challenge = format!(
            "{asked}: Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\", algorithm={algorithm}, opaque=\"o\"\r\n"
        );
        world.reply_with(&invite, status, "b", &challenge, b"");
        let sent = world.sent();
        assert_eq!(sent.iter().map(Sent::kind).collect::<Vec<_>>(), ["ACK", "INVITE"]);
        let again = &sent[1];
        assert!(verify(again, given));
        assert!(again.text().contains("nc=00000001"), "{}", again.text());
        assert_eq!(again.header(HeaderName::CallId), invite.header(HeaderName::CallId));
        assert_eq!(again.header(HeaderName::From), invite.header(HeaderName::From));
        assert_eq!(again.header(HeaderName::To), invite.header(HeaderName::To), "without the 401's tag");
        assert_eq!(again.header(HeaderName::CSeq), "2 INVITE");
        assert_ne!(again.header(HeaderName::Via), invite.header(HeaderName::Via));
        assert_eq!(again.message().body(), invite.message().body());

        world.reply(again, 200, "c", ANSWER);
        let ack = world.only("ACK");
        assert_eq!(ack.header(HeaderName::CSeq), "2 ACK");
        assert!(matches!(world.events().as_slice(), [CallEvent::Answered { .. }]));
        assert_eq!(world.endpoint.load().calls, 1);
    }
}

#[test]
fn the_proxy_and_the_far_end_may_both_ask_in_one_call() {
    let (mut world, invite) = world_with(Some("carrier"));
    world.reply_with(
        &invite,
        407,
        "b",
        "Proxy-Authenticate: Digest realm=\"carrier\",nonce=\"p\",qop=\"auth\"\r\n",
        b"",
    );
    let second = world.sent().remove(1);
    world.reply_with(&second, 401, "b", "WWW-Authenticate: Digest realm=\"carrier\",nonce=\"w\"\r\n", b"");
    let third = world.sent().remove(1);
    assert_eq!(third.header(HeaderName::CSeq), "3 INVITE");
    assert!(verify(&third, HeaderName::Authorization));
    assert!(verify(&third, HeaderName::ProxyAuthorization));
    assert!(third.header(HeaderName::ProxyAuthorization).contains("nc=00000002"), "the nonce is used again");
}

#[test]
fn a_stale_nonce_is_replaced() {
    let (mut world, invite) = world_with(Some("carrier"));
    world.reply_with(&invite, 401, "b", "WWW-Authenticate: Digest realm=\"carrier\",nonce=\"1\"\r\n", b"");
    let second = world.sent().remove(1);
    world.reply_with(
        &second,
        401,
        "b",
        "WWW-Authenticate: Digest realm=\"carrier\",nonce=\"2\",stale=true\r\n",
        b"",
    );
    let third = world.sent().remove(1);
    assert!(third.header(HeaderName::Authorization).contains("nonce=\"2\""));
}

#[test]
fn credentials_that_are_refused_are_not_tried_for_ever() {
    let (mut world, invite) = world_with(Some("carrier"));
    let challenge = "WWW-Authenticate: Digest realm=\"carrier\",nonce=\"1\"\r\n";
    world.reply_with(&invite, 401, "b", challenge, b"");
    let second = world.sent().remove(1);
    world.reply_with(&second, 401, "b", challenge, b"");
    assert_eq!(world.sent_kinds(), ["ACK"]);
    assert_eq!(last_refusal(&mut world), Some(AuthRefusal::Rejected));
    world.assert_empty();

    // A far end that says "stale" every time does not get an endless stream either.
    let (mut world, mut invite) = world_with(Some("carrier"));
    let stale = "WWW-Authenticate: Digest realm=\"carrier\",nonce=\"1\",stale=true\r\n";
    let mut invites = 1;
    loop {
        world.reply_with(&invite, 401, "b", stale, b"");
        let mut sent = world.sent();
        if sent.len() < 2 {
            break;
        }
        invite = sent.remove(1);
        invites += 1;
    }
    assert_eq!(invites, 3, "the first, the answer, and one more for a stale nonce");
    assert_eq!(last_refusal(&mut world), Some(AuthRefusal::Rejected));
}

#[test]
fn the_strongest_algorithm_is_taken() {
    let (mut world, invite) = world_with(Some("carrier"));
    world.reply_with(
        &invite,
        401,
        "b",
        "WWW-Authenticate: Digest realm=\"carrier\",nonce=\"m\",algorithm=MD5\r\n\
         WWW-Authenticate: Digest realm=\"carrier\",nonce=\"s\",algorithm=SHA-256\r\n\
         WWW-Authenticate: Digest realm=\"carrier\",nonce=\"x\",algorithm=UNHEARD-OF\r\n",
        b"",
    );
    let again = world.sent().remove(1);
    assert!(again.header(HeaderName::Authorization).contains("SHA-256"));
    assert!(verify(&again, HeaderName::Authorization));
}

#[test]
fn without_credentials_a_challenge_is_a_failure() {
    let mut world = World::new();
    let (_, invite) = world.call();
    world.reply_with(&invite, 407, "b", "Proxy-Authenticate: Digest realm=\"x\",nonce=\"1\"\r\n", b"");
    assert_eq!(world.sent_kinds(), ["ACK"]);
    assert_eq!(last_refusal(&mut world), Some(AuthRefusal::NoCredentials));
}

#[test]
fn what_does_not_parse_is_a_failure() {
    for (headers, refusal) in [
        ("", AuthRefusal::Malformed),
        ("WWW-Authenticate: Digest realm=,,,,=\r\n", AuthRefusal::Malformed),
        ("WWW-Authenticate: Basic realm=\"carrier\"\r\n", AuthRefusal::Unsupported),
        (
            "WWW-Authenticate: Digest realm=\"carrier\",nonce=\"1\",qop=\"auth-int\"\r\n",
            AuthRefusal::Unsupported,
        ),
    ] {
        let (mut world, invite) = world_with(Some("carrier"));
        world.reply_with(&invite, 401, "b", headers, b"");
        assert_eq!(world.sent_kinds(), ["ACK"], "{headers}");
        assert_eq!(last_refusal(&mut world), Some(refusal), "{headers}");
    }
}

#[test]
fn a_call_that_was_hung_up_is_not_tried_again() {
    let mut world = World::new();
    let order = InviteRequest { credentials: World::credentials(Some("carrier")), ..world.order() };
    let (call, invite) = world.call_with(&order);
    world.hang_up(call);
    world.reply_with(&invite, 401, "b", "WWW-Authenticate: Digest realm=\"carrier\",nonce=\"1\"\r\n", b"");
    assert_eq!(world.sent_kinds(), ["ACK"]);
    let events = world.events();
    let [CallEvent::Failed(failure), CallEvent::Released] = events.as_slice() else { panic!("{events:?}") };
    assert!(failure.cancelled);
}
