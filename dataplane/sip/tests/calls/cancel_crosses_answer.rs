//! 1. We send CANCEL. 2. The 200 was already on its way. 3. It must be acknowledged and hung up at once.

use sip::message::HeaderName;
use sip::{CallEvent, CallReason, EndedBy};

use crate::world::{ANSWER, World};

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let mut world = World::new();
    let (call, invite) = world.call();
    world.reply(&invite, 180, "b", b"");
    world.events();
    world.endpoint.hang_up(world.now, call, Some(CallReason::Q850(16))).expect("ringing");
    world.drain();
    let cancel = world.only("CANCEL");
    assert_eq!(cancel.header(HeaderName::Via), invite.header(HeaderName::Via));
    assert_eq!(cancel.header(HeaderName::To), invite.header(HeaderName::To));
    assert_eq!(cancel.header(HeaderName::CSeq), "1 CANCEL");
    assert_eq!(cancel.header(HeaderName::Reason), "Q.850;cause=16");

    world.reply(&invite, 200, "b", ANSWER);
    assert_eq!(world.events(), [CallEvent::Ended { by: EndedBy::CrossedCancel, q850: None }]);
    let sent = world.sent();
    assert_eq!(sent.iter().map(|sent| sent.kind()).collect::<Vec<_>>(), ["ACK", "BYE"]);
    world.reply(&cancel, 200, "b", b"");
    assert_eq!(world.events(), [], "the slot is not free before the BYE is answered");
    world.reply(&sent[1], 200, "b", b"");
    assert_eq!(world.events(), [CallEvent::Released]);
    assert_eq!(world.endpoint.counters().answers_crossing_cancel, 1);
    world.assert_empty();
}

#[test]
fn a_cancelled_call_ends_with_487() {
    let mut world = World::new();
    let (call, invite) = world.call();
    world.reply(&invite, 183, "b", ANSWER);
    world.hang_up(call);
    let cancel = world.sent().pop().expect("a CANCEL");
    world.reply(&cancel, 200, "c", b"");
    world.reply(&invite, 487, "b", b"");
    assert_eq!(world.sent_kinds(), ["ACK"]);
    let events = world.events();
    let [CallEvent::Provisional { .. }, CallEvent::Failed(failure), CallEvent::Released] = events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert_eq!((failure.status, failure.cancelled), (487, true));
    world.assert_empty();
}
