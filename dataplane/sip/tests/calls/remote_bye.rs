//! The far end hangs up.

use sip::{CallEvent, EndedBy};

use crate::world::World;

#[test]
fn a_bye_is_answered_and_its_cause_reported() {
    let mut world = World::new();
    let (call, invite, _) = world.answered_call();
    let bye = world.request(&invite, "BYE", 1, "Reason: Q.850;cause=16\r\n", "");
    let answer = world.only("200 BYE");
    assert_eq!(
        world.events(),
        [CallEvent::Ended { by: EndedBy::Remote, q850: Some(16) }, CallEvent::Released]
    );
    assert!(world.endpoint.hang_up(world.now, call, None).is_err());

    world.input(&bye);
    assert_eq!(world.only("200 BYE").bytes, answer.bytes, "a repetition gets the same answer");
    assert_eq!(world.events(), []);
    world.assert_empty();
    world.input(&bye);
    assert_eq!(world.sent_kinds(), ["481 BYE"], "long after, nobody knows it");
}
