//! BYE of the far end, with its reason.

use common::Outcome;
use peal_call::HungUpBy;

use crate::common::*;

#[test]
fn a_bye_ends_the_call_at_once() {
    let mut pair = Pair::new();
    let bye = Act::Request("BYE", "Reason: Q.850;cause=16\r\n", Body::Nothing);
    pair.callees([Callee::answers().then(2_500, bye)]);
    let mut order = pair.order();
    (order.script, order.record) = (plays(500), true);
    let attempt = pair.place(order);
    pair.run_until_idle();
    let ended = pair.record(attempt).end();
    assert_eq!((ended.outcome, ended.hung_up_by), (Outcome::Answered, Some(HungUpBy::Callee)));
    assert_eq!((ended.q850, pair.at_ms(ended.stamps.ended)), (Some(16), Some(2_500)));
    assert!(ended.recorded);
    assert_eq!(pair.far().kinds(), ["INVITE", "ACK", "200 BYE"]);
    pair.check_nothing_is_left(4, 2);
}

#[test]
fn byes_may_cross() {
    let mut pair = Pair::new();
    pair.link.delay = ms(30);
    pair.callees([Callee::answers().bye(1_250)]);
    let attempt = pair.call();
    pair.run_until_idle();
    assert_eq!(pair.record(attempt).end().outcome, Outcome::Answered);
    pair.check_nothing_is_left(4, 2);
}

#[test]
fn a_bye_that_nobody_answers_frees_the_slot_after_timer_f() {
    let mut pair = Pair::new();
    pair.callees([Callee { hears_bye: false, ..Callee::answers() }]);
    let attempt = pair.call();
    pair.run(ms(5_000));
    assert!(pair.record(attempt).ended.is_some() && !pair.record(attempt).released);
    pair.run_until_idle();
    let ended_at = pair.record(attempt).end().stamps.ended.expect("an end");
    assert_eq!(pair.now - ended_at, ms(32_000));
    pair.check_nothing_is_left(4, 2);
}
