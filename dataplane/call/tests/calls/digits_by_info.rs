//! Keys as INFO requests.

use crate::common::*;

#[test]
fn digits_in_info_are_collected() {
    let info = |at_ms, body| (ms(at_ms), Act::Request("INFO", "", Body::Dtmf(body)));
    let mut pair = Pair::new();
    pair.callees([Callee::answers().extend(vec![
        info(1_500, "Signal=4\r\nDuration=160\r\n"),
        info(1_700, "Signal=*\r\nDuration=160\r\n"),
        info(1_900, "Signal=#\r\nDuration=160\r\n"),
    ])]);
    let mut order = pair.order();
    order.script = asks(100, 8);
    let attempt = pair.place(order);
    pair.run_until_idle();
    assert_eq!(pair.record(attempt).end().digits, "4*");
    assert_eq!(pair.at_ms(pair.record(attempt).end().stamps.ended), Some(1_900));
    let answered = ["INVITE", "ACK", "200 INFO", "200 INFO", "200 INFO", "BYE"];
    assert_eq!(pair.far().kinds(), answered);
}
