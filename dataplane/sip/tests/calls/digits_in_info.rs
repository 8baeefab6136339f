//! Digits that gateways send as INFO.

use sip::CallEvent;

use crate::world::World;

#[test]
fn digits_are_reported() {
    for (kind, body, digit, duration_ms) in [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", b'5', Some(160)),
        ("application/dtmf-relay", "Signal= *\nDuration=4294967296000", b'*', Some(10_000)),
        ("Application/DTMF", "#", b'#', None),
        ("application/dtmf", "11", b'#', None),
    ] {
        let mut world = World::new();
        let (_, invite, _) = world.answered_call();
        world.request(&invite, "INFO", 1, &format!("Content-Type: {kind}\r\n"), body);
        assert_eq!(world.sent_kinds(), ["200 INFO"]);
        assert_eq!(world.events(), [CallEvent::Digit { digit, duration_ms }]);
    }
}

#[test]
fn what_is_no_digit_is_refused() {
    for (kind, body) in [
        ("application/dtmf-relay", "Signal=17\r\n"),
        ("application/dtmf-relay", ""),
        ("application/dtmf", "x"),
        ("text/plain", "5"),
    ] {
        let mut world = World::new();
        let (_, invite, _) = world.answered_call();
        world.request(&invite, "INFO", 1, &format!("Content-Type: {kind}\r\n"), body);
        let expected = if body.is_empty() { "200 INFO" } else { "415 INFO" };
        assert_eq!(world.sent_kinds(), [expected]);
        assert_eq!(world.events(), []);
    }
}
