//! `max_call` counts from the answer.

use common::Outcome;
use peal_call::HungUpBy;

use crate::common::*;

#[test]
fn the_length_limit_is_exact_to_the_tick() {
    for limit in [1, 5_000, 90_000] {
        let mut pair = Pair::new();
        let mut order = pair.order();
        order.script = script(vec![wait(200_000)]);
        order.max_call = ms(limit);
        let attempt = pair.place(order);
        pair.run_until_idle();
        let ended = pair.record(attempt).end();
        assert_eq!((ended.outcome, ended.hung_up_by), (Outcome::Answered, Some(HungUpBy::LengthLimit)));
        assert_eq!(pair.at_ms(ended.stamps.ended), Some(1_000 + u128::from(limit.next_multiple_of(4))));
        pair.check_nothing_is_left(4, 2);
    }
}
