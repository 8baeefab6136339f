//! A line's credentials leave for the line's own realm and address only.

use sip::{AuthRefusal, CallEvent, InviteRequest};

use crate::world::{World, addr, response};

fn challenged(realm: Option<&str>, from: Option<&str>, challenge: &str) -> (Option<AuthRefusal>, String) {
    let mut world = World::new();
    let order = InviteRequest { credentials: World::credentials(realm), ..world.order() };
    let (_, invite) = world.call_with(&order);
    let datagram = response(&invite, 401, "b", &format!("WWW-Authenticate: {challenge}\r\n"), b"");
    world.input_from(from.map_or(world.line, addr), &datagram);
    let text: String = world.sent().iter().map(|sent| sent.text()).collect();
    let refusal = world.events().into_iter().find_map(|event| match event {
        CallEvent::Failed(failure) => failure.auth,
        _ => None,
    });
    (refusal, text)
}

#[test]
fn another_realm() {
    for realm in [Some("carrier"), None] {
        let (refusal, text) =
            challenged(realm, None, "Digest realm=\"demo.sipvicious.pro\",nonce=\"4XC2\",algorithm=MD5");
        assert_eq!(refusal, Some(AuthRefusal::ForeignRealm));
        assert!(!text.contains("Authorization"), "{text}");
    }
}

#[test]
fn another_address_with_the_right_realm() {
    for from in ["10.0.0.66:5060", "10.0.0.2:5061"] {
        let (refusal, text) = challenged(Some("carrier"), Some(from), "Digest realm=\"carrier\",nonce=\"1\"");
        assert_eq!(refusal, Some(AuthRefusal::ForeignPeer));
        assert!(!text.contains("Authorization"), "{text}");
    }
}

#[test]
fn the_host_of_the_request_is_a_realm_of_the_line() {
    let (refusal, text) = challenged(None, None, "Digest realm=\"carrier.example\",nonce=\"1\"");
    assert_eq!(refusal, None);
    assert!(text.contains("Authorization: Digest username=\"alice\""), "{text}");
    assert!(!text.contains("secret-7"));
}
