//! Requests and responses that guess.

use sip::message::HeaderName;

use crate::world::{ANSWER, World, addr, request, response};

#[test]
fn a_bye_with_wrong_tags_gets_481() {
    let mut world = World::new();
    let (_, invite, _) = world.answered_call();
    let bye = String::from_utf8(request(&invite, "BYE", 1, "", "")).unwrap();
    let our_tag = String::from_utf8(invite.message().from().unwrap().tag().unwrap().to_vec()).unwrap();
    let call_id = invite.header(HeaderName::CallId);
    for (index, wrong) in [
        bye.replace(";tag=b", ";tag=c"),
        bye.replace(&our_tag, "wrong"),
        bye.replace(&our_tag, &(our_tag[..our_tag.len() - 1].to_owned() + "g")),
        bye.replace(&our_tag, "3.0.0.0000000000000000"),
        bye.replace(&call_id, "another-call"),
    ]
    .into_iter()
    .enumerate()
    {
        let wrong = wrong.replace("z9hG4bKfar", &format!("z9hG4bKguess{index}"));
        world.input_from(addr("10.0.0.66:5060"), wrong.as_bytes());
        assert_eq!(world.sent_kinds(), ["481 BYE"]);
    }
    assert_eq!(world.events(), []);
    assert_eq!(world.endpoint.load().calls, 1);
}

#[test]
fn responses_that_match_nothing_are_dropped() {
    let mut world = World::new();
    let (_, invite) = world.call();
    let good = String::from_utf8(response(&invite, 200, "b", "", ANSWER)).unwrap();
    let via = invite.message().via().unwrap();
    let branch = String::from_utf8(via.branch().unwrap().to_vec()).unwrap();
    let guess = branch[..branch.len() - 1].to_owned() + if branch.ends_with('0') { "1" } else { "0" };
    world.input(good.replace(&branch, &guess));
    world.input(good.replace(&branch, "z9hG4bKsomething"));
    assert_eq!(world.endpoint.counters().responses_unmatched, 2);
    world.input(good.replace("CSeq: 1 INVITE", "CSeq: 1 OPTIONS"));
    world.input(good.replacen("From:", "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1\r\nFrom:", 1));
    assert_eq!(world.endpoint.counters().responses_misrouted, 2);
    assert_eq!(world.sent_kinds(), [""; 0]);
    assert_eq!(world.events(), []);
}
