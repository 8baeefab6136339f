//! Callees that are given to somebody else, by REFER or by a second call, and everything that may come in between.

use std::collections::BTreeMap;

use common::AttemptId;
use media::Codec;
use peal_call::{CallName, HungUpBy, Leg, Mail, Record, Target};
use serde_json::json;
use sip::sdp::Direction;

use crate::common::*;

const FAR: &str = "10.0.0.2:20000";
const AGENT: &str = "sip:agent@pbx.example";
const ACTIVE: &str = "Event: refer\r\nSubscription-State: active\r\n";
const TERMINATED: &str = "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n";
/// Levels of the callee's and the agent's voices, and of silence, in A-law.
const CALLEE: u8 = 0x2A;
const CLERK: u8 = 0x3B;

/// A call that gives its callee away at once, and says something when nobody wants it.
fn given(mode: &str, callees: impl IntoIterator<Item = Callee>) -> (Pair, CallName) {
    let mut pair = Pair::new();
    pair.callees(callees);
    let document = json!({ "name": "t", "steps": [
        { "do": "transfer", "to": AGENT, "mode": mode, "timeout_ms": 20_000, "failed": "sorry" },
        { "do": "say", "id": "sorry", "text": "Sorry." },
        { "do": "hang_up", "disposition": "nobody" },
    ] });
    let mut order = pair.order();
    order.script = whole_script(&document, BTreeMap::new(), &[("Sorry.", prompt(25))]);
    let call = pair.name(order.attempt);
    pair.place(order);
    pair.run(ms(1_020));
    assert_eq!(pair.record(call.attempt).transfers, [AGENT]);
    (pair, call)
}

fn target(pair: &mut Pair, call: CallName, leg: bool) {
    let (send_at, send_by) = (pair.now, pair.now + ms(100));
    let leg =
        leg.then(|| Leg { on_line: true, destination: addr(LINE), credentials: None, send_at, send_by });
    pair.mail(Mail::Transfer { call, number: 1, target: Some(Target { uri: AGENT.to_owned(), leg }) });
}

fn notify(pair: &mut Pair, headers: &'static str, line: &'static str) {
    pair.say(0, Act::Request("NOTIFY", headers, Body::Fragment(line)));
}

fn dialogue(pair: &Pair, attempt: AttemptId) -> &Record {
    pair.record(attempt).end().dialogue.as_deref().expect("a dialogue")
}

fn disposition(pair: &Pair, attempt: AttemptId) -> Option<&str> {
    dialogue(pair, attempt).disposition.as_deref()
}

/// Packets of this level that a far end heard.
fn heard(pair: &Pair, index: usize, level: u8) -> usize {
    pair.carrier.calls[index].audio.iter().filter(|packet| packet.payload.iter().all(|b| *b == level)).count()
}

fn answers() -> Callee {
    Callee::rings().then(1_000, Act::Reply(200, "", Body::Answer)).then(1_000, Act::Speak(CALLEE))
}

fn clerk() -> Callee {
    Callee::rings().then(500, Act::Reply(200, "", Body::Answer)).then(500, Act::Speak(CLERK))
}

#[test]
fn the_carrier_takes_the_callee() {
    let (mut pair, call) = given("refer", [answers()]);
    target(&mut pair, call, false);
    pair.run(ms(100));
    let refer = pair.far().message("REFER");
    assert_eq!(refer.header(sip::message::HeaderName::ReferTo), Some(format!("<{AGENT}>").as_bytes()));
    notify(&mut pair, ACTIVE, "SIP/2.0 180 Ringing");
    pair.run(ms(5_000));
    assert!(pair.record(call.attempt).ended.is_none(), "a 202 is no success");
    notify(&mut pair, TERMINATED, "SIP/2.0 200 OK");
    pair.run_until_idle();
    let end = pair.record(call.attempt).end();
    assert_eq!(end.hung_up_by, Some(HungUpBy::Script));
    assert_eq!(disposition(&pair, call.attempt), Some("transferred"));
    assert!(pair.far().kinds().contains(&"BYE"));
}

#[test]
fn a_carrier_that_takes_the_callee_may_hang_up_without_a_word() {
    let (mut pair, call) = given("refer", [answers()]);
    target(&mut pair, call, false);
    pair.run(ms(100));
    pair.say(0, Act::Request("BYE", "", Body::Nothing));
    pair.run_until_idle();
    assert_eq!(pair.record(call.attempt).end().hung_up_by, Some(HungUpBy::Callee));
    assert_eq!(disposition(&pair, call.attempt), Some("transferred"));
}

#[test]
fn a_callee_that_hangs_up_before_that_was_not_transferred() {
    let (mut pair, call) = given("refer", [answers()]);
    pair.say(0, Act::Request("BYE", "", Body::Nothing));
    target(&mut pair, call, false);
    pair.run_until_idle();
    assert_eq!(disposition(&pair, call.attempt), None);
}

#[test]
fn whoever_cannot_be_given_away_is_told_so() {
    let refuses = Callee { refer: 405, ..answers() };
    let (mut refused, call) = given("refer", [refuses]);
    target(&mut refused, call, false);
    let (mut busy, _) = given("refer", [answers()]);
    target(&mut busy, call, false);
    busy.run(ms(100));
    notify(&mut busy, TERMINATED, "SIP/2.0 486 Busy Here");
    let (mut silent, _) = given("refer", [answers()]);
    target(&mut silent, call, false);
    let (mut no_target, _) = given("bridge", [answers()]);
    no_target.mail(Mail::Transfer { call, number: 1, target: None });
    for mut pair in [refused, busy, silent, no_target] {
        pair.run_until_idle();
        assert_eq!(disposition(&pair, call.attempt), Some("nobody"));
        assert!(heard(&pair, 0, Codec::Pcma.silence()) < pair.far().audio.len(), "it said sorry");
    }
}

#[test]
fn two_calls_are_joined_and_end_together() {
    let (mut pair, call) = given("bridge", [answers(), clerk()]);
    target(&mut pair, call, true);
    pair.run(ms(600));
    let before = (heard(&pair, 0, CLERK), heard(&pair, 1, CALLEE));
    pair.run(ms(2_000));
    let frames = (heard(&pair, 0, CLERK) - before.0, heard(&pair, 1, CALLEE) - before.1);
    assert!((98..=101).contains(&frames.0) && (98..=101).contains(&frames.1), "{frames:?} of 100");
    pair.say(1, Act::Request("BYE", "", Body::Nothing));
    pair.run_until_idle();
    let end = pair.record(call.attempt).end();
    assert_eq!(end.hung_up_by, Some(HungUpBy::Script));
    assert_eq!(disposition(&pair, call.attempt), Some("transferred"));
    let turn = &dialogue(&pair, call.attempt).turns[0];
    assert_eq!(turn.text, "[transferred]");
    assert!((ms(1_900)..=ms(2_300)).contains(&(turn.ended - turn.began)), "{turn:?}");
    assert_eq!(pair.books.legs, (1, 1));
    pair.check_nothing_is_left(4, 2);
}

/// Codes of the keys that a far end was told of, each with its longest duration.
fn keys(pair: &Pair, index: usize) -> Vec<(u8, u16)> {
    let mut keys = BTreeMap::new();
    for event in pair.carrier.calls[index].audio.iter().filter(|packet| packet.payload_type == EVENTS) {
        let duration = u16::from_be_bytes([event.payload[2], event.payload[3]]);
        keys.entry((event.timestamp, event.payload[0]))
            .and_modify(|max| *max = duration.max(*max))
            .or_insert(duration);
    }
    keys.into_iter().map(|((_, code), duration)| (code, duration)).collect()
}

#[test]
fn keys_of_both_reach_the_other_however_they_are_told() {
    let (mut pair, call) = given("bridge", [answers(), clerk()]);
    pair.say(0, Act::Request("INFO", "", Body::Dtmf("Signal=1\r\nDuration=160\r\n")));
    target(&mut pair, call, true);
    pair.run(ms(1_000));
    for (index, key) in [
        (0, "Signal=4\r\nDuration=160\r\n"),
        (0, "Signal=#\r\nDuration=160\r\n"),
        (1, "Signal=7\r\nDuration=160\r\n"),
    ] {
        pair.say(index, Act::Request("INFO", "", Body::Dtmf(key)));
    }
    pair.say(1, Act::Key { code: 9, down_ms: 100, end: true, duration: 800 });
    pair.run(ms(1_000));
    assert_eq!(keys(&pair, 1), [(4, 800), (11, 800)]);
    assert_eq!(keys(&pair, 0), [(7, 800), (9, 800)]);
    pair.say(0, Act::Request("BYE", "", Body::Nothing));
    pair.run_until_idle();
}

#[test]
fn the_callee_hears_that_it_rings_until_somebody_answers() {
    let late =
        Callee::rings().then(12_000, Act::Reply(200, "", Body::Answer)).then(12_000, Act::Speak(CLERK));
    let (mut pair, call) = given("bridge", [answers(), late]);
    target(&mut pair, call, true);
    pair.run(ms(13_000));
    let joined = pair.now - ms(1_000);
    let is_tone = |payload: &[u8]| payload.iter().any(|byte| *byte != payload[0]);
    let (rings, after): (Vec<_>, Vec<_>) = pair
        .far()
        .audio
        .iter()
        .filter(|packet| is_tone(&packet.payload))
        .partition(|packet| packet.at < joined);
    assert!((100..=160).contains(&rings.len()), "{} packets with a tone of three rings of 1 s", rings.len());
    assert!(after.len() <= 1, "{} packets of tone once somebody is there", after.len());
    pair.say(0, Act::Request("BYE", "", Body::Nothing));
    pair.run_until_idle();
}

#[test]
fn the_callee_hangs_up_on_whom_it_was_given_to() {
    for after_ms in [50, 2_000] {
        let (mut pair, call) = given("bridge", [answers(), clerk()]);
        target(&mut pair, call, true);
        pair.run(ms(after_ms));
        pair.say(0, Act::Request("BYE", "", Body::Nothing));
        pair.run_until_idle();
        pair.run(ms(100));
        assert_eq!(pair.record(call.attempt).end().hung_up_by, Some(HungUpBy::Callee));
        let (last, expected) = if after_ms < 500 { ("CANCEL", None) } else { ("BYE", Some("transferred")) };
        assert_eq!(disposition(&pair, call.attempt), expected);
        assert!(pair.carrier.calls[1].kinds().contains(&last), "{:?}", pair.carrier.calls[1].kinds());
        assert_eq!(pair.books.legs, (1, 1));
        pair.check_nothing_is_left(4, 2);
    }
}

#[test]
fn nobody_takes_the_callee() {
    let never = Callee::rings();
    for clerk in [Callee::refuses(486, ""), never, Callee { cancels: false, ..Callee::rings() }] {
        let (mut pair, call) = given("bridge", [answers(), clerk]);
        target(&mut pair, call, true);
        pair.run_until_idle();
        pair.run(ms(60_000));
        assert_eq!(disposition(&pair, call.attempt), Some("nobody"));
        let length = pair.record(call.attempt).end().stamps.ended.expect("an end");
        assert!(length - pair.start < ms(24_000), "the callee does not wait for a carrier that is silent");
        assert_eq!(pair.books.legs, (1, 1));
        pair.check_nothing_is_left(4, 2);
    }
}

#[test]
fn leave_that_comes_too_late_is_given_back() {
    let (mut pair, call) = given("bridge", [answers(), clerk()]);
    pair.say(0, Act::Request("BYE", "", Body::Nothing));
    pair.run_until_idle();
    target(&mut pair, call, true);
    assert_eq!(pair.books.legs, (1, 1));
}

#[test]
fn a_slot_that_was_missed_is_asked_for_again() {
    let (mut pair, call) = given("bridge", [answers(), clerk()]);
    let (send_at, send_by) = (pair.now - ms(50), pair.now - ms(10));
    let leg = Some(Leg { on_line: true, destination: addr(LINE), credentials: None, send_at, send_by });
    pair.mail(Mail::Transfer { call, number: 1, target: Some(Target { uri: AGENT.to_owned(), leg }) });
    assert_eq!((pair.books.legs, pair.carrier.calls.len()), ((1, 1), 1));
    assert_eq!(pair.record(call.attempt).transfers, [AGENT, AGENT]);
    target(&mut pair, call, true);
    pair.run(ms(2_000));
    assert!(heard(&pair, 0, CLERK) > 50);
    pair.say(0, Act::Request("BYE", "", Body::Nothing));
    pair.run_until_idle();
    assert_eq!((pair.books.legs, disposition(&pair, call.attempt)), ((2, 2), Some("transferred")));
}

#[test]
fn an_answer_to_a_transfer_that_is_over_is_not_of_the_next() {
    let mut pair = Pair::new();
    pair.callees([answers(), clerk()]);
    let to = |id: &str, mode: &str, failed: &str| json!({ "do": "transfer", "id": id, "to": AGENT, "mode": mode, "timeout_ms": 2_000, "failed": failed });
    let hang_up = json!({ "do": "hang_up", "id": "sorry", "disposition": "nobody" });
    let steps = json!([
        to("first", "bridge", "second"),
        to("second", "refer", "third"),
        to("third", "bridge", "sorry"),
        hang_up
    ]);
    let mut order = pair.order();
    order.script = whole_script(&json!({ "name": "t", "steps": steps }), BTreeMap::new(), &[]);
    let call = pair.name(order.attempt);
    pair.place(order);
    // The node looks up a name, which takes it too long.
    pair.run(ms(5_000));
    pair.mail(Mail::Transfer { call, number: 2, target: None });
    assert_eq!(pair.record(call.attempt).transfer, 3);
    target(&mut pair, call, true);
    assert_eq!((pair.books.legs, pair.carrier.calls.len()), ((1, 1), 1), "it is too late for the first");
    pair.run_until_idle();
    assert_eq!(disposition(&pair, call.attempt), Some("nobody"));
}

#[test]
fn what_comes_of_a_refer_is_not_taken_for_a_bridge() {
    let mut pair = Pair::new();
    pair.callees([answers(), clerk()]);
    let to = |id: &str, mode: &str, failed: &str| json!({ "do": "transfer", "id": id, "to": AGENT, "mode": mode, "timeout_ms": 2_000, "failed": failed });
    let hang_up = json!({ "do": "hang_up", "id": "sorry", "disposition": "nobody" });
    let steps = json!([to("first", "refer", "second"), to("second", "bridge", "sorry"), hang_up]);
    let mut order = pair.order();
    order.script = whole_script(&json!({ "name": "t", "steps": steps }), BTreeMap::new(), &[]);
    let call = pair.name(order.attempt);
    pair.place(order);
    pair.run(ms(1_020));
    target(&mut pair, call, false);
    pair.run(ms(3_500));
    assert_eq!(pair.record(call.attempt).transfer, 2, "the node is asked for a second call");
    notify(&mut pair, TERMINATED, "SIP/2.0 486 Busy Here");
    pair.run(ms(100));
    let (send_at, send_by) = (pair.now, pair.now + ms(100));
    let leg = Some(Leg { on_line: true, destination: addr(LINE), credentials: None, send_at, send_by });
    pair.mail(Mail::Transfer { call, number: 2, target: Some(Target { uri: AGENT.to_owned(), leg }) });
    pair.run(ms(1_500));
    assert!(heard(&pair, 0, CLERK) > 10, "the script still waits for the second");
    pair.say(0, Act::Request("BYE", "", Body::Nothing));
    pair.run_until_idle();
}

#[test]
fn who_holds_us_does_not_hear_later_what_was_said_meanwhile() {
    let held = answers()
        .reinvite(4_000, offer(FAR, Direction::Inactive, 2))
        .reinvite(6_000, offer(FAR, Direction::SendRecv, 3));
    let (mut pair, call) = given("bridge", [held, clerk()]);
    target(&mut pair, call, true);
    pair.run(ms(4_000));
    pair.say(1, Act::Speak(CALLEE));
    let before = heard(&pair, 0, CLERK);
    pair.run(ms(2_000));
    let stale = heard(&pair, 0, CLERK) - before;
    assert_eq!(stale, 0, "packets of what was said a second before they listened again");
    assert!(heard(&pair, 0, CALLEE) > 40);
    pair.say(0, Act::Request("BYE", "", Body::Nothing));
    pair.run_until_idle();
}

#[test]
fn a_drain_ends_both() {
    let (mut pair, call) = given("bridge", [answers(), clerk()]);
    target(&mut pair, call, true);
    pair.run(ms(2_000));
    pair.mail(Mail::HangUpAll { by: HungUpBy::Drain });
    pair.run_until_idle();
    pair.run(ms(100));
    assert_eq!(pair.record(call.attempt).end().hung_up_by, Some(HungUpBy::Drain));
    assert_eq!(pair.books.legs, (1, 1));
}
