//! One INVITE, several far ends: each early dialog is its own, and only one answer is kept.

use sip::message::HeaderName;
use sip::{CallEvent, ForkId};

use crate::world::{ANSWER, OFFER, World};

#[test]
fn early_dialogs_are_told_apart_by_their_tags() {
    let mut world = World::new();
    let (_, invite) = world.call();
    world.reply(&invite, 183, "b", ANSWER);
    world.reply(&invite, 183, "c", OFFER);
    world.reply(&invite, 180, "b", b"");
    assert_eq!(
        world.events(),
        [
            CallEvent::Provisional { status: 183, fork: Some(ForkId(0)), sdp: Some(ANSWER.into()) },
            CallEvent::Provisional { status: 183, fork: Some(ForkId(1)), sdp: Some(OFFER.into()) },
            CallEvent::Provisional { status: 180, fork: Some(ForkId(0)), sdp: None },
        ]
    );
    world.reply(&invite, 200, "c", ANSWER);
    assert_eq!(world.events(), [CallEvent::Answered { fork: ForkId(1), sdp: Some(ANSWER.into()) }]);
}

#[test]
fn a_second_answer_is_acknowledged_and_hung_up() {
    let mut world = World::new();
    let (call, invite, _) = world.answered_call();
    world.reply(&invite, 200, "c", ANSWER);
    let sent = world.sent();
    assert_eq!(sent.iter().map(|sent| sent.kind()).collect::<Vec<_>>(), ["ACK", "BYE"]);
    assert!(sent.iter().all(|sent| sent.header(HeaderName::To).ends_with(";tag=c")));
    assert_eq!(world.events(), [], "the owner keeps its one call");
    assert_eq!(world.endpoint.counters().extra_answers, 1);

    world.hang_up(call);
    let bye = world.only("BYE");
    assert!(bye.header(HeaderName::To).ends_with(";tag=b"));
    world.reply(&bye, 200, "b", b"");
    assert!(matches!(world.events().as_slice(), [CallEvent::Ended { .. }]), "one BYE is still unanswered");
    world.reply(&sent[1], 200, "c", b"");
    assert_eq!(world.events(), [CallEvent::Released]);
    world.assert_empty();
}

#[test]
fn tags_without_end_are_not_kept() {
    let mut world = World::new();
    let (_, invite) = world.call();
    for fork in 0..100 {
        world.reply(&invite, 183, &format!("tag{fork}"), b"");
    }
    assert_eq!(world.events().len(), 8);
    assert_eq!(world.endpoint.counters().forks_ignored, 92);
    for fork in 0..100 {
        world.reply(&invite, 200, &format!("tag{fork}"), ANSWER);
    }
    assert_eq!(world.sent().len(), 8 + 7);
}
