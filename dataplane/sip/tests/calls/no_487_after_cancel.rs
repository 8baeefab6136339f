//! 1. We send CANCEL. 2. No final response to the INVITE ever comes. 3. 64*T1 later the call is given up.

use std::time::Duration;

use sip::{CallEvent, FailureOrigin};

use crate::world::World;

#[test]
fn the_slot_is_free_after_64_t1() {
    let mut world = World::new();
    let (call, invite) = world.call();
    world.reply(&invite, 180, "b", b"");
    world.events();
    world.hang_up(call);
    let cancel = world.only("CANCEL");
    world.reply(&cancel, 200, "b", b"");
    world.advance(Duration::from_millis(31_999));
    assert_eq!(world.events(), []);
    world.advance(Duration::from_millis(1));
    let events = world.events();
    let [CallEvent::Failed(failure), CallEvent::Released] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(failure.origin, FailureOrigin::NoFinalAfterCancel);
    assert!(failure.cancelled && failure.responded);
    assert_eq!(world.endpoint.counters().cancels_unanswered, 1);
    world.assert_empty();
}
