//! Nothing comes back at all.

use std::time::Duration;

use sip::{CallEvent, FailureOrigin, Reason};

use crate::world::World;

#[test]
fn a_silent_line_fails_the_call_after_64_t1() {
    let mut world = World::new();
    let (_, invite) = world.call();
    let (at, reason) = world.endpoint.poll_timeout().expect("timer A");
    assert_eq!((at - world.now, reason), (Duration::from_millis(500), Reason::Retransmit));
    world.advance(Duration::from_millis(31_999));
    let sent = world.sent();
    assert_eq!(sent.len(), 6);
    assert!(sent.iter().all(|again| again.bytes == invite.bytes && again.to == invite.to));
    assert_eq!(world.events(), []);
    world.advance(Duration::from_millis(1));
    assert_eq!(world.elapsed_ms(), 32_000);
    let events = world.events();
    let [CallEvent::Failed(failure), CallEvent::Released] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((failure.status, failure.origin), (408, FailureOrigin::NoResponse));
    assert!(!failure.responded && !failure.cancelled);
    assert_eq!(world.endpoint.counters().requests_retransmitted, 6);
    world.assert_empty();
}

#[test]
fn a_provisional_response_stops_the_repetition_for_good() {
    let mut world = World::new();
    let (_, invite) = world.call();
    world.reply(&invite, 100, "", b"");
    world.advance(Duration::from_secs(180));
    assert_eq!(world.sent_kinds(), [""; 0]);
    assert_eq!(world.events(), [CallEvent::Trying]);
}
