//! 1. We send BYE. 2. Theirs is on its way. 3. Both are answered and the call ends once.

use sip::{CallEvent, EndedBy};

use crate::world::World;

#[test]
fn both_byes_are_answered_and_the_end_is_reported_once() {
    for status in [200, 481] {
        let mut world = World::new();
        let (call, invite, _) = world.answered_call();
        world.hang_up(call);
        let ours = world.only("BYE");
        world.request(&invite, "BYE", 1, "", "");
        assert_eq!(world.sent_kinds(), ["200 BYE"]);
        world.reply(&ours, status, "b", b"");
        assert_eq!(
            world.events(),
            [CallEvent::Ended { by: EndedBy::Local, q850: None }, CallEvent::Released]
        );
        world.assert_empty();
    }
}
