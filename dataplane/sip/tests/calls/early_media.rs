//! SDP in provisional responses, several times and changing.

use sip::{CallEvent, ForkId};

use crate::world::{ANSWER, World};

#[test]
fn each_provisional_answer_is_reported_with_its_sdp() {
    let mut world = World::new();
    let (_, invite) = world.call();
    let moved = String::from_utf8_lossy(ANSWER).replace("6000", "6002").into_bytes();
    for (status, sdp) in [(183, ANSWER), (183, &moved), (180, b"".as_slice()), (180, ANSWER), (199, b"")] {
        world.reply(&invite, status, "b", sdp);
        let sdp = (!sdp.is_empty()).then(|| sdp.into());
        assert_eq!(world.events(), [CallEvent::Provisional { status, fork: Some(ForkId(0)), sdp }]);
    }
    assert_eq!(world.sent_kinds(), [""; 0]);
}

#[test]
fn a_body_of_another_type_is_not_taken_for_sdp() {
    let mut world = World::new();
    let (_, invite) = world.call();
    let mut datagram = crate::world::response(&invite, 183, "b", "Content-Type: text/plain\r\n", b"");
    datagram.truncate(datagram.len() - "0\r\n\r\n".len());
    datagram.extend_from_slice(b"2\r\n\r\nhi");
    world.input(datagram);
    assert_eq!(world.events(), [CallEvent::Provisional { status: 183, fork: Some(ForkId(0)), sdp: None }]);
}
