//! A far end that wants us to call somewhere else (P15): no redirect and no REFER is followed.

use common::Outcome;

use crate::common::*;

#[test]
fn a_redirect_is_a_refusal() {
    let mut pair = Pair::new();
    pair.callees([Callee::refuses(302, "Contact: <sip:premium@6.6.6.6>\r\n")]);
    let attempt = pair.call();
    pair.run_until_idle();
    let ended = pair.record(attempt).end();
    assert_eq!((ended.outcome, ended.sip_status), (Outcome::CarrierRefused, 302));
    assert!(ended.detail.contains("not followed"));
    assert_eq!((pair.carrier.calls.len(), pair.far().kinds()), (1, vec!["INVITE", "ACK"]));
}

#[test]
fn a_refer_is_declined_and_the_call_goes_on() {
    let mut pair = Pair::new();
    let refer = Act::Request("REFER", "Refer-To: <sip:premium@6.6.6.6>\r\n", Body::Nothing);
    pair.callees([Callee::answers().then(1_100, refer)]);
    let mut order = pair.order();
    order.script = plays(100);
    let attempt = pair.place(order);
    pair.run_until_idle();
    assert_eq!(pair.far().kinds(), ["INVITE", "ACK", "603 REFER", "BYE"]);
    assert_eq!(pair.record(attempt).end().outcome, Outcome::Answered);
    assert_eq!(pair.far().audio.len(), 101);
}
