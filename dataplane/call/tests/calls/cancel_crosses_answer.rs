//! An answer that crosses our CANCEL: the callee answers, the ring limit sends CANCEL before the 200 is here, the 200 is
//! acknowledged and hung up at once. The call counts as answered, for that is what the callee saw.

use common::Outcome;
use peal_call::{HungUpBy, Stage};

use crate::common::*;

#[test]
fn the_call_was_answered_and_is_hung_up() {
    let mut pair = Pair::new();
    pair.link.delay = ms(50);
    pair.callees([Callee::rings().then(4_930, Act::Reply(200, "", Body::Answer))]);
    let mut order = pair.order();
    (order.max_ring, order.record) = (ms(5_000), true);
    let attempt = pair.place(order);
    pair.run_until_idle();

    let record = pair.record(attempt);
    assert_eq!(record.stages.last(), Some(&Stage::Answered));
    let ended = record.end();
    assert_eq!((ended.outcome, ended.hung_up_by), (Outcome::Answered, Some(HungUpBy::RingLimit)));
    assert_eq!((ended.sip_status, ended.may_have_rung, ended.recorded), (200, true, false));
    assert_eq!(pair.at_ms(ended.stamps.answered), Some(5_030));
    assert_eq!(pair.at_ms(ended.stamps.ended), Some(5_030));
    assert_eq!(pair.far().kinds(), ["INVITE", "CANCEL", "ACK", "BYE"]);
    assert_eq!(pair.far().audio.len(), 0);
    pair.check_nothing_is_left(4, 2);
}
