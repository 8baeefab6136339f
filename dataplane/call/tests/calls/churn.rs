//! Random callees, random hang-ups and rubbish over a bad link, two hundred worlds: whatever happens, every order comes to
//! its one end and nothing is left behind. A failure prints the seed; `PEAL_SEED=<seed> cargo test -p peal-call churn` runs that world alone.

use common::AttemptId;
use media::{Latching, PortMode};
use peal_call::HungUpBy;
use sip::sdp::Direction;

use crate::common::*;

const WORLDS: u64 = 200;
const ORDERS: u64 = 12;

#[test]
fn every_order_comes_to_its_one_end() {
    match std::env::var("PEAL_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => run(seed),
        None => (0..WORLDS).for_each(run),
    }
}

fn run(seed: u64) {
    let replay = Replay(seed);
    let mut dice = Dice(seed);
    let link = if seed.is_multiple_of(4) { Link::with_seed(seed) } else { Link::bad(seed) };
    let (shared, own) = (1 + dice.below(6) as u16, dice.below(4) as u16);
    let mut pair = Pair::with(shared, own, link);
    pair.callees((0..ORDERS).map(|_| callee(&mut dice)));
    let mut placed = Vec::new();
    for _ in 0..ORDERS {
        pair.run(ms(dice.below(1_500)));
        throw_rubbish(&mut pair, &mut dice);
        placed.push(place(&mut pair, &mut dice));
        if dice.permille(250) {
            let attempt = placed[dice.below(placed.len() as u64) as usize];
            pair.hang_up(attempt, HungUpBy::Operator);
        }
    }
    pair.run_until_idle();
    assert!(placed.iter().all(|attempt| pair.record(*attempt).is_over()));
    pair.check_nothing_is_left(usize::from(shared), usize::from(own));
    drop(replay);
}

/// Random bytes on every kind of socket, from strangers and from the carrier itself.
fn throw_rubbish(pair: &mut Pair, dice: &mut Dice) {
    for _ in 0..8 {
        let from = ["6.6.6.6:5060", LINE, "10.0.0.2:20000", "10.0.0.2:30000"][dice.below(4) as usize];
        let to = if dice.permille(300) { addr(OURS) } else { rtp_socket(dice.below(10) as u16) };
        let mut bytes: Vec<u8> = (0..dice.below(200)).map(|_| dice.roll() as u8).collect();
        if let Some(version) = bytes.first_mut().filter(|_| dice.permille(700)) {
            *version = (*version & 0x3F) | 0x80;
        }
        pair.inject(addr(from), to, &bytes);
    }
}

fn place(pair: &mut Pair, dice: &mut Dice) -> AttemptId {
    let mut order = pair.order();
    let before = ms(dice.below(500));
    (order.send_at, order.send_by) = (pair.now + before, pair.now + before + ms(20));
    order.record = dice.permille(500);
    order.port_mode = if dice.permille(300) { PortMode::Own } else { PortMode::Shared };
    order.latching = [Latching::Negotiated, Latching::SameHost, Latching::Any][dice.below(3) as usize];
    order.max_ring = ms(1_000 + dice.below(8_000));
    order.max_call = ms(500 + dice.below(10_000));
    let play = play(prompt(1 + dice.below(80) as usize), dice.permille(500));
    let collect = collect(1 + dice.below(3) as usize, 1_500, 800);
    let mut steps = vec![play.clone(), collect, wait(1 + dice.below(1_000)), play];
    steps.rotate_left(dice.below(4) as usize);
    steps.push(hang_up());
    order.script = script(steps);
    pair.place(order)
}

fn callee(dice: &mut Dice) -> Callee {
    let at = |dice: &mut Dice, end: u64| dice.below(end);
    let mut callee = match dice.below(8) {
        0 => Callee::silent(),
        1 => Callee::trying(),
        2 => Callee::refuses([302, 403, 404, 480, 486, 503, 603][dice.below(7) as usize], ""),
        3 => Callee::rings(),
        4 => Callee::trying().then(at(dice, 900), Act::Reply(183, "", Body::Answer)).then(950, Act::Speak(1)),
        _ => Callee::rings(),
    };
    if dice.permille(700) {
        let body = match dice.below(10) {
            0 => Body::Nothing,
            1 => Body::Sdp("nonsense".to_owned()),
            _ => Body::Answer,
        };
        let answer = 200 + at(dice, 6_000);
        callee = callee.then(answer, Act::Reply(200, "", body));
        if dice.permille(800) {
            callee = callee.then(answer + 10, Act::Speak(0x2A));
        }
        for _ in 0..dice.below(4) {
            let when = answer + at(dice, 5_000);
            callee = match dice.below(6) {
                0 => callee.bye(when),
                1 => callee.reinvite(when, offer("0.0.0.0:4000", Direction::SendRecv, when)),
                2 => callee.reinvite(when, offer("10.0.0.2:4000", Direction::SendOnly, when)),
                3 => callee.then(when, Act::Request("INFO", "", Body::Dtmf("Signal=#\r\n"))),
                4 => callee.then(when, Act::Hush),
                _ => callee.extend(press(when, dice.below(16) as u8, dice.below(4))),
            };
        }
    }
    // Now and then two far ends share an address.
    if dice.permille(200) {
        callee = callee.at("10.0.0.2:30000");
    }
    Callee { cancels: dice.permille(800), hears_bye: dice.permille(800), ..callee }
}

/// Says how to replay the world that failed.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with PEAL_SEED={} cargo test -p peal-call churn", self.0);
        }
    }
}
