//! Record-Route of the answer, in ACK and BYE.

use sip::message::HeaderName;

use crate::world::{ANSWER, World, addr};

#[test]
fn loose_routers_are_passed_in_reverse_order() {
    let mut world = World::new();
    let (call, invite) = world.call();
    // Repeated and comma-joined lines are one list.
    let routes = "Record-Route: <sip:10.0.0.5;lr>,\r\n <sip:10.0.0.4:5070;lr>\r\nRecord-Route: <sip:10.0.0.3;lr;x=1>\r\n";
    world.reply_with(&invite, 200, "b", routes, ANSWER);
    world.hang_up(call);
    for request in world.sent() {
        assert_eq!(request.to, addr("10.0.0.3:5060"));
        assert!(request.text().contains(" sip:b@10.0.0.2:5070 SIP/2.0\r\n"));
        assert_eq!(
            request.header(HeaderName::Route),
            "<sip:10.0.0.3;lr;x=1>, <sip:10.0.0.4:5070;lr>, <sip:10.0.0.5;lr>"
        );
    }
}

#[test]
fn a_strict_router_stands_in_the_request_uri() {
    let mut world = World::new();
    let (call, invite) = world.call();
    world.reply_with(&invite, 200, "b", "Record-Route: <sip:10.0.0.4;lr>, <sip:10.0.0.3>\r\n", ANSWER);
    world.hang_up(call);
    for request in world.sent() {
        assert_eq!(request.to, addr("10.0.0.3:5060"));
        assert!(request.text().contains(" sip:10.0.0.3 SIP/2.0\r\n"));
        assert_eq!(request.header(HeaderName::Route), "<sip:10.0.0.4;lr>, <sip:b@10.0.0.2:5070>");
    }
}

#[test]
fn a_router_by_name_is_reached_where_the_invite_went() {
    let mut world = World::new();
    let (_, invite) = world.call();
    world.reply_with(&invite, 200, "b", "Record-Route: <sip:proxy.carrier.example;lr>\r\n", ANSWER);
    assert_eq!(world.only("ACK").to, world.line);
}
