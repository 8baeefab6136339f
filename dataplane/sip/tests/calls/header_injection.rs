//! Orders come from an API, a CSV, a CRM: nothing in them may become a header.

use sip::message::HeaderName;
use sip::{InviteError, InviteRequest};

use crate::world::World;

fn refusal(order: &InviteRequest<'_>) -> InviteError {
    let mut world = World::new();
    let error = world.endpoint.invite(world.now, order).expect_err("the order is bad");
    world.drain();
    assert_eq!(world.sent().len(), 0);
    assert_eq!(world.endpoint.load(), sip::Load::default());
    error
}

#[test]
fn line_breaks_and_control_characters_are_refused() {
    let order = World::new().order();
    for bad in ["a\r\nX-Admin: 1", "a\nb", "a\rb", "a\0b", "a\x1b[2J", "a\x7f"] {
        let uri = format!("sip:{bad}@peal.example");
        assert_eq!(
            refusal(&InviteRequest { request_uri: &uri, ..order.clone() }),
            InviteError::Uri("request_uri")
        );
        assert_eq!(refusal(&InviteRequest { from_uri: &uri, ..order.clone() }), InviteError::Uri("from_uri"));
        assert_eq!(refusal(&InviteRequest { to_uri: &uri, ..order.clone() }), InviteError::Uri("to_uri"));
        assert_eq!(
            refusal(&InviteRequest { from_display: Some(bad), ..order.clone() }),
            InviteError::DisplayName
        );
        assert_eq!(
            refusal(&InviteRequest { advertised: Some(bad), ..order.clone() }),
            InviteError::Advertised
        );
        let headers = [("X-Tenant", bad)];
        assert_eq!(
            refusal(&InviteRequest { extra_headers: &headers, ..order.clone() }),
            InviteError::Header(0)
        );
        let headers = [("X-Fine", "x"), (bad, "x")];
        assert_eq!(
            refusal(&InviteRequest { extra_headers: &headers, ..order.clone() }),
            InviteError::Header(1)
        );
    }
}

#[test]
fn uris_that_are_none_are_refused() {
    let order = World::new().order();
    for uri in
        ["", "123", "tel:+15550100", "sip:a@b>", "sip:a b@c", "sip:１２３@c", "sip:a@b@c", "sip:a@b?Route=x"]
    {
        assert_eq!(
            refusal(&InviteRequest { request_uri: uri, ..order.clone() }),
            InviteError::Uri("request_uri")
        );
    }
}

#[test]
fn headers_of_the_stack_are_its_own() {
    let order = World::new().order();
    for name in
        ["Via", "v", "CALL-ID", "Content-Length", "Authorization", "Contact", "To", "Require", "", "a b"]
    {
        let headers = [(name, "x")];
        assert_eq!(
            refusal(&InviteRequest { extra_headers: &headers, ..order.clone() }),
            InviteError::Header(0)
        );
    }
}

#[test]
fn an_order_that_does_not_fit_is_refused() {
    let order = World::new().order();
    let long = "x".repeat(5_000);
    let headers = [("X-Long", long.as_str())];
    assert_eq!(refusal(&InviteRequest { extra_headers: &headers, ..order.clone() }), InviteError::TooLong);
    assert_eq!(
        refusal(&InviteRequest { destination: "[::1]:5060".parse().unwrap(), ..order.clone() }),
        InviteError::Destination
    );
}

#[test]
fn a_display_name_is_quoted() {
    let mut world = World::new();
    let order = InviteRequest {
        from_display: Some("Zoë \"Z\" \\ <sip:x@y>;tag=1"),
        extra_headers: &[("X-Tenant", "7"), ("Subject", "Grüße")],
        ..world.order()
    };
    let (_, invite) = world.call_with(&order);
    let message = invite.message();
    let from = message.from().expect("parses");
    assert_eq!(from.uri, b"sip:+15550199@peal.example");
    assert_eq!(from.display, "\"Zoë \\\"Z\\\" \\\\ <sip:x@y>;tag=1\"".as_bytes());
    assert_eq!(message.other("x-tenant"), Some(b"7".as_slice()));
    assert_eq!(message.header(HeaderName::Subject), Some("Grüße".as_bytes()));
}
