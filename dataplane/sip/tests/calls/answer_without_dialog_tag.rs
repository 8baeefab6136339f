//! Far ends from before RFC 3261: a 200 without To tag or Contact.

use sip::message::HeaderName;
use sip::{CallEvent, EndedBy};

use crate::world::{ANSWER, World};

#[test]
fn it_is_acknowledged_where_the_invite_went() {
    let mut world = World::new();
    let (_, invite) = world.call();
    let text = String::from_utf8(crate::world::response(&invite, 200, "", "", ANSWER)).unwrap();
    world.input(text.replace("Contact: <sip:b@10.0.0.2:5070>\r\n", ""));
    let ack = world.only("ACK");
    assert_eq!(ack.to, world.line);
    assert_eq!(ack.header(HeaderName::To), invite.header(HeaderName::To));
    assert!(matches!(world.events().as_slice(), [CallEvent::Answered { .. }]));
    assert_eq!(world.endpoint.counters().answers_without_contact, 1);

    let bye = crate::world::request(&invite, "BYE", 1, "", "");
    world.input(String::from_utf8(bye).unwrap().replace(";tag=b", ""));
    assert_eq!(world.sent_kinds(), ["200 BYE"]);
    assert_eq!(world.events(), [CallEvent::Ended { by: EndedBy::Remote, q850: None }, CallEvent::Released]);
}
