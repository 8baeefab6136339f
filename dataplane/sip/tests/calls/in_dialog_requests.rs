//! Requests in a dialog that this user agent knows, does not know, or will not obey.

use sip::message::HeaderName;

use crate::world::World;

#[test]
fn each_method_gets_its_answer_and_the_call_goes_on() {
    for (method, headers, status) in [
        ("OPTIONS", "", 200),
        ("INFO", "", 200),
        ("UPDATE", "", 200),
        (
            "REFER",
            "Refer-To: <sip:+88213000000@203.0.113.9?Replaces=x%3Bto-tag%3D1&Subject=a%0d%0aX-Admin:1>\r\n",
            603,
        ),
        ("NOTIFY", "Event: refer\r\nSubscription-State: active\r\n", 481),
        ("PRACK", "RAck: 1 1 INVITE\r\n", 481),
        ("MESSAGE", "", 405),
        ("SUBSCRIBE", "Event: dialog\r\n", 405),
        ("FROBNICATE", "", 501),
        ("OPTIONS", "Require: 100rel, path\r\n", 420),
    ] {
        let mut world = World::new();
        let (_, invite, _) = world.answered_call();
        let datagram = world.request(&invite, method, 1, headers, "");
        let answer = world.only(&format!("{status} {method}"));
        match status {
            405 | 501 => assert!(answer.header(HeaderName::Allow).contains("INVITE")),
            420 => assert_eq!(answer.header(HeaderName::Unsupported), "100rel"),
            _ => {}
        }
        world.input(&datagram);
        assert_eq!(world.only(&format!("{status} {method}")).bytes, answer.bytes, "a repetition");
        assert_eq!(world.events(), [], "{method}");
        assert_eq!(world.endpoint.load().calls, 1);
    }
}

#[test]
fn an_old_cseq_is_refused() {
    let mut world = World::new();
    let (_, invite, _) = world.answered_call();
    world.request(&invite, "OPTIONS", 10, "", "");
    assert_eq!(world.sent_kinds(), ["200 OPTIONS"]);
    world.request(&invite, "OPTIONS", 9, "", "");
    assert_eq!(world.sent_kinds(), ["500 OPTIONS"]);
    world.request(&invite, "OPTIONS", 11, "", "");
    assert_eq!(world.sent_kinds(), ["200 OPTIONS"]);
    assert_eq!(world.endpoint.counters().out_of_order_requests, 1);
}

#[test]
fn a_request_after_our_bye_finds_no_dialog() {
    let mut world = World::new();
    let (call, invite, _) = world.answered_call();
    world.hang_up(call);
    world.sent();
    world.request(&invite, "OPTIONS", 1, "", "");
    assert_eq!(world.sent_kinds(), ["481 OPTIONS"]);
}
