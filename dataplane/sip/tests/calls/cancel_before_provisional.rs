//! A CANCEL may not leave before a provisional response (RFC 3261 section 9.1); the wish is kept until then.

use std::time::Duration;

use sip::{CallEvent, EndedBy, FailureOrigin};

use crate::world::{ANSWER, World};

#[test]
fn the_cancel_leaves_with_the_first_provisional_response() {
    let mut world = World::new();
    let (call, invite) = world.call();
    world.hang_up(call);
    assert_eq!(world.sent_kinds(), [""; 0]);
    assert!(world.endpoint.hang_up(world.now, call, None).is_err(), "once is enough");
    world.advance(Duration::from_millis(600));
    assert_eq!(world.sent_kinds(), ["INVITE"], "the INVITE is still repeated");
    world.reply(&invite, 100, "", b"");
    assert_eq!(world.sent_kinds(), ["CANCEL"]);
    world.reply(&invite, 180, "b", b"");
    assert_eq!(world.sent_kinds(), [""; 0], "one CANCEL only");
}

#[test]
fn an_answer_without_any_provisional_response_is_hung_up() {
    let mut world = World::new();
    let (call, invite) = world.call();
    world.hang_up(call);
    world.reply(&invite, 200, "b", ANSWER);
    assert_eq!(world.sent_kinds(), ["ACK", "BYE"]);
    assert_eq!(world.events(), [CallEvent::Ended { by: EndedBy::CrossedCancel, q850: None }]);
}

#[test]
fn silence_ends_it_by_timer_b() {
    let mut world = World::new();
    let (call, _) = world.call();
    world.hang_up(call);
    world.advance(Duration::from_secs(32));
    let events = world.events();
    let [CallEvent::Failed(failure), CallEvent::Released] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(failure.origin, FailureOrigin::NoResponse);
    assert!(failure.cancelled && !failure.responded);
    world.assert_empty();
}
