//! Every state of a call against every input: what leaves, and what the node is told.

use std::fmt::Write as _;

use peal_call::{HungUpBy, Mail};
use sip::sdp::Direction;

use crate::common::*;

const STATES: [&str; 9] =
    ["waiting", "dialling", "trying", "ringing", "early media", "cancelling", "talking", "held", "over"];

const INPUTS: [&str; 17] = [
    "order again",
    "100",
    "180",
    "183 sdp",
    "200 sdp",
    "200",
    "302",
    "486",
    "487",
    "503",
    "hold",
    "resume",
    "INFO 5",
    "BYE",
    "RTP",
    "hang-up",
    "time",
];

#[test]
fn every_state_against_every_input() {
    let mut table = String::new();
    for state in STATES {
        for input in INPUTS {
            let (mut pair, attempt) = in_state(state);
            if pair.carrier.calls.is_empty() && !matches!(input, "order again" | "hang-up" | "time") {
                continue;
            }
            let (heard, told) = (heard(&pair), told(&pair, attempt));
            apply(&mut pair, attempt, input);
            let (sent, news) = (
                self::heard(&pair)[heard.len()..].join(" "),
                self::told(&pair, attempt)[told.len()..].join(" "),
            );
            writeln!(table, "{state:<12} {input:<12} → {sent:<14} | {news}").expect("a string takes all");
        }
        table.push('\n');
    }
    insta::assert_snapshot!(table);
}

fn in_state(state: &str) -> (Pair, common::AttemptId) {
    let mut pair = Pair::new();
    pair.callees([Callee { hears_bye: false, cancels: false, ..Callee::silent() }]);
    let mut order = pair.order();
    order.script = asks(1_000, 4);
    (order.max_ring, order.max_call) = (ms(20_000), ms(20_000));
    if state == "waiting" {
        (order.send_at, order.send_by) = (pair.now + ms(60_000), pair.now + ms(61_000));
    }
    let attempt = pair.place(order);
    pair.run(ms(0));
    let reply = |status, body| Act::Reply(status, "", body);
    match state {
        "waiting" | "dialling" => {}
        "trying" => pair.say(0, reply(100, Body::Nothing)),
        "ringing" => pair.say(0, reply(180, Body::Nothing)),
        "early media" => pair.say(0, reply(183, Body::Answer)),
        "cancelling" => {
            pair.say(0, reply(180, Body::Nothing));
            pair.hang_up(attempt, HungUpBy::Operator);
        }
        _ => pair.say(0, reply(200, Body::Answer)),
    }
    match state {
        "held" => pair.say(0, Act::Request("INVITE", "", offer("10.0.0.2:20000", Direction::Inactive, 2))),
        "over" => pair.hang_up(attempt, HungUpBy::Operator),
        _ => {}
    }
    pair.run(ms(30));
    (pair, attempt)
}

fn apply(pair: &mut Pair, attempt: common::AttemptId, input: &str) {
    let reply = |status, body| Act::Reply(status, "", body);
    let reinvite = |direction| Act::Request("INVITE", "", offer("10.0.0.2:20000", direction, 3));
    let act = match input {
        "100" => reply(100, Body::Nothing),
        "180" => reply(180, Body::Nothing),
        "183 sdp" => reply(183, Body::Answer),
        "200 sdp" => reply(200, Body::Answer),
        "200" => reply(200, Body::Nothing),
        "302" => reply(302, Body::Nothing),
        "486" => reply(486, Body::Nothing),
        "487" => reply(487, Body::Nothing),
        "503" => reply(503, Body::Nothing),
        "hold" => reinvite(Direction::Inactive),
        "resume" => reinvite(Direction::SendRecv),
        "INFO 5" => Act::Request("INFO", "", Body::Dtmf("Signal=5\r\n")),
        "BYE" => Act::Request("BYE", "", Body::Nothing),
        "RTP" => Act::Speak(1),
        "order again" => {
            let mut order = pair.order();
            order.attempt = attempt;
            return pair.mail(Mail::Order(Box::new(order)));
        }
        "hang-up" => {
            pair.hang_up(attempt, HungUpBy::Operator);
            return pair.run(ms(0));
        }
        _ => return pair.run(ms(90_000)),
    };
    pair.say(0, act);
    pair.run(ms(40));
}

/// What the far end heard, RTP apart.
fn heard(pair: &Pair) -> Vec<String> {
    let calls = pair.carrier.calls.iter();
    calls.flat_map(|call| call.heard.iter().map(|(_, kind)| kind.clone())).collect()
}

/// What the node was told.
fn told(pair: &Pair, attempt: common::AttemptId) -> Vec<String> {
    let record = pair.record(attempt);
    let mut told: Vec<String> = record.stages.iter().map(|stage| format!("{stage:?}")).collect();
    if let Some(ended) = &record.ended {
        let by = ended.hung_up_by.map_or("nobody", HungUpBy::as_str);
        let rung = if ended.may_have_rung { ", may have rung" } else { "" };
        told.push(format!("ended({} by {by}{rung})", ended.outcome));
    }
    if record.released {
        told.push("released".to_owned());
    }
    if record.missed.is_some() {
        told.push("missed".to_owned());
    }
    told
}
