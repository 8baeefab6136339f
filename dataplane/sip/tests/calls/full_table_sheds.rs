//! New work is refused when a table is full; calls in progress go on.

use sip::{CallEvent, InviteError, Limits};

use crate::world::{ANSWER, World};

#[test]
fn a_call_too_many_is_refused_and_counted() {
    let mut world = World::with_limits(Limits { calls: 2, ..Limits::default() });
    let (first, invite) = world.call();
    world.call();
    let order = world.order();
    assert_eq!(world.endpoint.invite(world.now, &order), Err(InviteError::TableFull));
    assert_eq!(world.endpoint.counters().calls_shed, 1);
    world.drain();
    assert_eq!(world.sent_kinds(), [""; 0]);

    world.reply(&invite, 200, "b", ANSWER);
    assert!(matches!(world.events().as_slice(), [CallEvent::Answered { .. }]));
    world.hang_up(first);
    let bye = world.sent().pop().expect("a BYE");
    world.reply(&bye, 200, "b", b"");
    assert!(world.endpoint.invite(world.now, &order).is_ok(), "a released call makes room at once");
}

#[test]
fn the_oldest_finished_call_is_forgotten_first() {
    let mut world = World::with_limits(Limits { lingering: 1, ..Limits::default() });
    let mut invites = Vec::new();
    for _ in 0..3 {
        let (call, invite, _) = world.answered_call();
        world.hang_up(call);
        let bye = world.only("BYE");
        world.reply(&bye, 200, "b", b"");
        world.events();
        invites.push(invite);
    }
    assert_eq!(world.endpoint.load().lingering, 1);
    assert_eq!(world.endpoint.counters().lingering_evicted, 2);
    world.reply(&invites[0], 200, "b", ANSWER);
    assert_eq!(world.sent_kinds(), [""; 0]);
    world.reply(&invites[2], 200, "b", ANSWER);
    assert_eq!(world.sent_kinds(), ["ACK"]);
    world.assert_empty();
}

#[test]
fn answers_that_cannot_be_remembered_are_still_given() {
    let mut world = World::with_limits(Limits { server_transactions: 0, ..Limits::default() });
    let (_, invite, _) = world.answered_call();
    world.request(&invite, "BYE", 1, "", "");
    assert_eq!(world.sent_kinds(), ["200 BYE"]);
    assert_eq!(world.endpoint.counters().server_transactions_shed, 1);
    world.assert_empty();
}
