//! Thousands of calls of every kind leave nothing behind.

use std::time::Duration;

use sip::CallEvent;

use crate::world::{ANSWER, World};

#[test]
fn every_call_ends_once_and_is_released_once() {
    let mut world = World::new();
    let (mut ends, mut releases) = (0, 0);
    const CALLS: usize = 2_000;
    for index in 0..CALLS {
        let (call, invite) = world.call();
        if index % 7 != 0 {
            world.reply(&invite, 180, "b", b"");
        }
        match index % 5 {
            0 => world.reply(&invite, 486, "b", b""),
            1 => world.hang_up(call),
            2 => {
                world.reply(&invite, 200, "b", ANSWER);
                world.hang_up(call);
                let bye = world.sent().pop().expect("a BYE");
                world.reply(&bye, 200, "b", b"");
            }
            3 => {
                world.reply(&invite, 200, "b", ANSWER);
                world.request(&invite, "BYE", 1, "", "");
            }
            _ => world.hang_up(call),
        }
        world.advance(Duration::from_millis(3));
        world.sent();
    }
    world.advance(Duration::from_secs(100));
    for event in world.events() {
        match event {
            CallEvent::Failed(_) | CallEvent::Ended { .. } => ends += 1,
            CallEvent::Released => releases += 1,
            _ => {}
        }
    }
    assert_eq!((ends, releases), (CALLS, CALLS));
    world.assert_empty();
}
