//! 1. The ACK is lost. 2. The far end repeats its 200. 3. Each repetition gets the same ACK, and is told to nobody.

use std::time::Duration;

use crate::world::{ANSWER, World};

#[test]
fn a_repeated_answer_gets_the_same_ack_again() {
    let mut world = World::new();
    let (_, invite, ack) = world.answered_call();
    for _ in 0..3 {
        world.advance(Duration::from_millis(500));
        world.reply(&invite, 200, "b", ANSWER);
        let again = world.only("ACK");
        assert_eq!(again.bytes, ack.bytes);
        assert_eq!(again.to, ack.to);
    }
    assert_eq!(world.events(), []);
    assert_eq!(world.endpoint.counters().response_retransmissions_absorbed, 3);
}

#[test]
fn a_repeated_answer_after_the_end_of_the_call_is_still_acknowledged() {
    let mut world = World::new();
    let (call, invite, ack) = world.answered_call();
    world.hang_up(call);
    let bye = world.only("BYE");
    world.reply(&bye, 200, "b", b"");
    world.events();
    world.reply(&invite, 200, "b", ANSWER);
    assert_eq!(world.only("ACK").bytes, ack.bytes);
    assert_eq!(world.events(), []);
    world.assert_empty();
}

#[test]
fn a_repeated_failure_gets_its_ack_again() {
    let mut world = World::new();
    let (_, invite) = world.call();
    world.reply(&invite, 486, "b", b"");
    let ack = world.only("ACK");
    world.events();
    world.reply(&invite, 486, "b", b"");
    assert_eq!(world.only("ACK").bytes, ack.bytes);
    assert_eq!(world.events(), []);
    world.assert_empty();
}
