//! Our BYE, and a far end that is gone.

use std::time::Duration;

use sip::{CallEvent, EndedBy};

use crate::world::World;

#[test]
fn the_slot_is_free_when_timer_f_gives_up() {
    let mut world = World::new();
    let (call, _, _) = world.answered_call();
    world.hang_up(call);
    world.advance(Duration::from_millis(31_999));
    assert_eq!(world.sent().len(), 11);
    assert_eq!(world.events(), [CallEvent::Ended { by: EndedBy::Local, q850: None }]);
    world.advance(Duration::from_millis(1));
    assert_eq!(world.events(), [CallEvent::Released]);
    world.assert_empty();
}
