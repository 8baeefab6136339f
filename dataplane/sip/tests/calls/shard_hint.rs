//! A datagram says which shard it belongs to.

use sip::shard_of;

use crate::world::{ANSWER, World, request, response};

#[test]
fn responses_and_requests_carry_the_shard_number() {
    let mut world = World::new();
    let (_, invite) = world.call();
    assert_eq!(shard_of(&response(&invite, 200, "b", "", ANSWER)), Some(3));
    assert_eq!(shard_of(&request(&invite, "BYE", 1, "", "")), Some(3));
    assert_eq!(shard_of(&invite.bytes), None, "a request outside a dialog belongs to anybody");
    assert_eq!(shard_of(b"junk"), None);
}
