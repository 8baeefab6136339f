//! A script that listens: what is wanted of the voice thread when, and what becomes of its answers, of silence and of its absence.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{AttemptId, Outcome};
use media::{Codec, Prompt};
use peal_call::voice::{Hearing, Told, Wish};
use peal_call::{CallName, HungUpBy, Mail, Record, Script, Speaker};
use script::{Heard, ModelDeed};
use serde_json::json;
use sip::sdp::Direction;

use crate::common::*;

/// Digital silence, and a loud sound, in A-law.
const SILENCE: u8 = 0xD5;
const SOUND: u8 = 0x2A;

/// A question of 2 s, and two ways to end.
fn question() -> Arc<Script> {
    let document = json!({ "name": "q", "steps": [
        { "do": "listen", "id": "ask", "ask": "Yes or no?", "intents": { "yes": "good", "no": "bad" },
          "end_silence_ms": 500, "silence_ms_max": 3000, "no_input": { "again": ["Hello?"], "to": "nobody" }, "gone": "deaf" },
        { "do": "say", "id": "good", "text": "Good.", "next": "bye" },
        { "do": "say", "id": "bad", "text": "Bad." },
        { "do": "hang_up", "id": "bye", "disposition": "answered" },
        { "do": "hang_up", "id": "nobody", "disposition": "nobody" },
        { "do": "hang_up", "id": "deaf", "disposition": "deaf" },
    ] });
    let sentences =
        [("Yes or no?", prompt(100)), ("Good.", prompt(50)), ("Bad.", prompt(50)), ("Hello?", prompt(25))];
    whole_script(&document, BTreeMap::new(), &sentences)
}

fn call(callee: Callee, script: Arc<Script>) -> (Pair, AttemptId) {
    call_for(60, callee, script)
}

/// The same with a limit of an hour.
fn long_call(callee: Callee, script: Arc<Script>) -> (Pair, AttemptId) {
    call_for(3_600, callee, script)
}

fn call_for(seconds: u64, callee: Callee, script: Arc<Script>) -> (Pair, AttemptId) {
    let mut pair = Pair::new();
    pair.callees([callee]);
    let mut order = pair.order();
    (order.script, order.max_call) = (script, ms(seconds * 1_000));
    let attempt = pair.place(order);
    (pair, attempt)
}

/// Answers at 1 s and is silent.
fn answers() -> Callee {
    Callee::rings().then(1_000, Act::Reply(200, "", Body::Answer)).then(1_000, Act::Speak(SILENCE))
}

fn tell(pair: &mut Pair, attempt: AttemptId, told: Told) {
    let call = pair.name(attempt);
    pair.mail(Mail::Voice { call, told });
}

fn heard(number: u32, text: &str, intent: Option<&str>) -> Told {
    let heard = Heard { text: text.to_owned(), intent: intent.map(str::to_owned), value: None };
    let hearing = Hearing { recogniser: ms(120), understanding: ms(1), ..Hearing::default() };
    Told::Heard { number, heard, hearing }
}

fn numbers(pair: &Pair, attempt: AttemptId) -> Vec<(&'static str, u32)> {
    let named = |wish: &Wish| match wish {
        Wish::Overhear => ("overhear", 0),
        Wish::Speak { number, .. } => ("speak", *number),
        Wish::Hush { number, .. } => ("hush", *number),
        Wish::Converse { number, .. } => ("converse", *number),
        Wish::Listen { number, .. } => ("listen", *number),
        Wish::EndOfSpeech { number } => ("end", *number),
        Wish::StopListening { number } => ("stop", *number),
        Wish::Request { number, .. } => ("request", *number),
        Wish::Bot { number, .. } => ("bot", *number),
        Wish::End { .. } => ("over", 0),
    };
    pair.record(attempt).wishes.iter().map(named).filter(|(name, _)| *name != "overhear").collect()
}

fn dialogue(pair: &Pair, attempt: AttemptId) -> &Record {
    pair.record(attempt).end().dialogue.as_deref().expect("a dialogue")
}

/// Packets of ours that are not silence, as milliseconds from the start.
fn audible(pair: &Pair) -> Vec<u128> {
    let silent = Codec::Pcma.silence();
    let loud = pair.far().audio.iter().filter(|packet| packet.payload.iter().any(|byte| *byte != silent));
    loud.map(|packet| pair.at_ms(Some(packet.at)).expect("a time")).collect()
}

#[test]
fn a_question_is_asked_heard_and_answered() {
    // The question lasts from 1,000 to 3,000 ms, the answer from 3,500 to 4,500.
    let callee = answers().then(3_500, Act::Speak(SOUND)).then(4_500, Act::Speak(SILENCE));
    let (mut pair, attempt) = call(callee, question());
    pair.run(ms(4_900));
    assert_eq!(numbers(&pair, attempt), [("listen", 1)], "half a second of silence has not passed");
    while numbers(&pair, attempt).len() < 2 {
        pair.run(ms(1));
    }
    assert_eq!(numbers(&pair, attempt), [("listen", 1), ("end", 1)]);
    pair.run(ms(121));
    tell(&mut pair, attempt, heard(1, "yes please", Some("yes")));
    pair.run_until_idle();

    let ended = pair.record(attempt).end();
    assert_eq!((ended.outcome, ended.hung_up_by), (Outcome::Answered, Some(HungUpBy::Script)));
    let dialogue = dialogue(&pair, attempt);
    assert_eq!(dialogue.disposition.as_deref(), Some("answered"));
    let said: Vec<_> =
        dialogue.turns.iter().map(|turn| (turn.speaker, turn.step.as_str(), turn.text.as_str())).collect();
    let expected = [
        (Speaker::Us, "ask", "Yes or no?"),
        (Speaker::Callee, "ask", "yes please"),
        (Speaker::Us, "good", "Good."),
    ];
    assert_eq!(said, expected);
    let answer = &dialogue.turns[1];
    assert_eq!(answer.intent, "yes");
    assert!(
        (ms(2_480)..=ms(2_540)).contains(&answer.began) && (ms(3_480)..=ms(3_540)).contains(&answer.ended),
        "{answer:?}"
    );
    let latency = answer.latency.expect("it was answered");
    assert_eq!(latency.recogniser, ms(120));
    assert!((ms(480)..=ms(520)).contains(&latency.endpointing), "{latency:?}");
    assert!(latency.own <= ms(25), "the tick: {latency:?}");
    let parts =
        latency.endpointing + latency.recogniser + latency.understanding + latency.speech + latency.own;
    assert_eq!(parts, latency.total);
    assert_eq!(numbers(&pair, attempt).last(), Some(&("over", 0)));
}

#[test]
fn whoever_speaks_silences_the_question() {
    let callee = answers().then(2_000, Act::Speak(SOUND)).then(2_600, Act::Speak(SILENCE));
    let (mut pair, attempt) = call(callee, question());
    pair.run(ms(3_200));
    let last = *audible(&pair).last().expect("the question began");
    assert!((2_020..=2_060).contains(&last), "silence within 60 ms, not at {last}");
    assert_eq!(numbers(&pair, attempt), [("listen", 1), ("end", 1)]);
    tell(&mut pair, attempt, heard(1, "no", Some("no")));
    pair.run_until_idle();
    let dialogue = dialogue(&pair, attempt);
    assert!(dialogue.turns[0].interrupted);
    assert_eq!(dialogue.counts.barge_ins, 1);
    let [barge_in] = dialogue.barge_ins[..] else { panic!("one interruption: {:?}", dialogue.barge_ins) };
    assert_eq!(dialogue.counts.barge_in_max, barge_in);
    let (spoke_on, barge_in) = (last - 2_000, barge_in.as_millis());
    assert!((spoke_on - 20..=spoke_on).contains(&barge_in), "{barge_in} {spoke_on}");
}

#[test]
fn silence_is_asked_again_and_then_believed() {
    let (mut pair, attempt) = call(answers(), question());
    pair.run_until_idle();
    let dialogue = dialogue(&pair, attempt);
    assert_eq!(dialogue.disposition.as_deref(), Some("nobody"));
    assert_eq!((dialogue.counts.no_inputs, dialogue.turns.len()), (2, 2));
    assert_eq!(
        numbers(&pair, attempt),
        [("listen", 1), ("stop", 1), ("listen", 2), ("stop", 2), ("over", 0)]
    );
}

#[test]
fn a_recogniser_that_never_answers_is_gone() {
    let callee = answers().then(3_500, Act::Speak(SOUND)).then(4_500, Act::Speak(SILENCE));
    let (mut pair, attempt) = call(callee, question());
    pair.run_until_idle();
    let ended = pair.record(attempt).end();
    assert!(
        pair.at_ms(ended.stamps.ended).is_some_and(|at| (9_900..10_100).contains(&at)),
        "5 s after the end of speech"
    );
    let dialogue = dialogue(&pair, attempt);
    assert_eq!((dialogue.disposition.as_deref(), dialogue.counts.recogniser_errors), (Some("deaf"), 1));
}

#[test]
fn a_callee_who_does_not_stop_is_heard_as_far_as_they_have_come() {
    let document = json!({ "name": "q", "steps": [{ "do": "listen", "save": "x", "speech_ms_max": 2000 }] });
    let callee = answers().then(1_500, Act::Speak(SOUND));
    let (mut pair, attempt) = call(callee, whole_script(&document, BTreeMap::new(), &[]));
    pair.run(ms(3_560));
    assert_eq!(numbers(&pair, attempt), [("listen", 1), ("end", 1)]);
    tell(&mut pair, attempt, heard(1, "and so on", None));
    pair.run_until_idle();
    assert_eq!(dialogue(&pair, attempt).turns[0].text, "and so on");
}

fn says(text: &str) -> Arc<Script> {
    let document = json!({ "name": "s", "steps": [{ "do": "say", "text": text }, { "do": "hang_up", "disposition": "said" }] });
    whole_script(&document, BTreeMap::new(), &[])
}

fn piece(number: u32, prompt: Arc<Prompt>, is_last: bool) -> Told {
    Told::Speech { number, prompt, is_last }
}

#[test]
fn pieces_follow_each_other_without_a_gap() {
    let (mut pair, attempt) = call(answers(), says("Long. Longer."));
    pair.run(ms(1_100));
    assert_eq!(numbers(&pair, attempt), [("speak", 1)]);
    tell(&mut pair, attempt, piece(1, prompt(20), false));
    pair.run(ms(200));
    tell(&mut pair, attempt, piece(7, prompt(20), true));
    tell(&mut pair, attempt, piece(1, prompt(20), true));
    pair.run_until_idle();
    let dialogue = dialogue(&pair, attempt);
    assert_eq!((dialogue.disposition.as_deref(), dialogue.turns.len()), (Some("said"), 1));
    let packets: Vec<u8> = pair.far().audio.iter().map(|packet| packet.payload[0] ^ 0xD5).collect();
    let first = packets.iter().position(|byte| *byte == 1).expect("the second packet of a prompt");
    let both: Vec<u8> = (1..20).chain(0..20).collect();
    assert_eq!(packets[first..first + 39], both);
}

#[test]
fn a_voice_that_never_comes_is_passed_over() {
    let (mut pair, attempt) = call(answers(), says("Nobody makes this."));
    pair.run_until_idle();
    let ended = pair.record(attempt).end();
    assert!(pair.at_ms(ended.stamps.ended).is_some_and(|at| (6_000..6_100).contains(&at)));
    let dialogue = dialogue(&pair, attempt);
    assert_eq!((dialogue.disposition.as_deref(), dialogue.counts.voice_errors), (Some("said"), 1));
    assert_eq!(numbers(&pair, attempt), [("speak", 1), ("hush", 1), ("over", 0)]);
}

#[test]
fn who_wants_no_more_calls_is_told_of_before_the_end() {
    let callee = answers().then(3_500, Act::Speak(SOUND)).then(4_500, Act::Speak(SILENCE));
    let (mut pair, attempt) = call(callee, question());
    pair.run(ms(5_100));
    let hearing = Hearing { opts_out: true, ..Hearing::default() };
    let said = Heard { text: "don't call me again".to_owned(), ..Heard::default() };
    tell(&mut pair, attempt, Told::Heard { number: 1, heard: said, hearing });
    assert_eq!(pair.record(attempt).opted_out, ["don't call me again"]);
    assert!(pair.record(attempt).ended.is_none());
    pair.run_until_idle();
}

#[test]
fn who_wants_no_more_calls_and_hangs_up_at_once_is_told_of_too() {
    let hangs_up =
        answers().then(3_500, Act::Speak(SOUND)).then(4_500, Act::Request("BYE", "", Body::Nothing));
    let hearing = Hearing { opts_out: true, ..Hearing::default() };
    let said = Heard { text: "don't call me again".to_owned(), ..Heard::default() };
    for told in [
        Told::Heard { number: 1, heard: said, hearing },
        // In words that only the script knows, or whoever it asks.
        heard(1, "don't call me again", Some("opt_out")),
    ] {
        let (mut pair, attempt) = call(hangs_up.clone(), question());
        pair.run(ms(5_000));
        assert!(pair.record(attempt).ended.is_some());
        tell(&mut pair, attempt, told);
        tell(&mut pair, attempt, heard(1, "yes", Some("yes")));
        assert!(!pair.record(attempt).voice_done);
        tell(&mut pair, attempt, Told::Done);
        assert_eq!(pair.record(attempt).opted_out, ["don't call me again"]);
        assert!(pair.record(attempt).voice_done, "told after what was told before");
        pair.run_until_idle();
    }
}

/// A question to which opting out is an answer.
fn with_a_way_out() -> Arc<Script> {
    let document = json!({ "name": "q", "steps": [
        { "do": "listen", "ask": "Yes or no?", "intents": { "yes": "bye", "opt_out": "never" }, "keys": { "9": "opt_out" } },
        { "do": "opt_out", "id": "never" },
        { "do": "hang_up", "id": "bye" },
    ] });
    whole_script(&document, BTreeMap::new(), &[("Yes or no?", prompt(100))])
}

#[test]
fn who_wants_no_more_calls_by_a_key_is_told_of_once() {
    let press = Act::Key { code: 9, down_ms: 100, end: true, duration: 800 };
    let (mut pair, attempt) = call(answers().then(1_500, press), with_a_way_out());
    pair.run_until_idle();
    assert_eq!(pair.record(attempt).opted_out, ["pressed 9"]);
    let turns = &pair.record(attempt).end().dialogue.as_deref().expect("a dialogue").turns;
    let pressed = turns.iter().find(|turn| turn.speaker == Speaker::Callee).expect("a turn of the callee's");
    let told =
        (pressed.text.as_str(), pressed.intent.as_str(), pressed.value.as_str(), pressed.step.as_str());
    assert_eq!(told, ("[pressed 9]", "opt_out", "9", "1"));
}

#[test]
fn who_wants_no_more_calls_in_the_scripts_words_or_somebody_elses_is_told_of() {
    let callee = answers().then(3_500, Act::Speak(SOUND)).then(4_500, Act::Speak(SILENCE));
    let (mut pair, attempt) = call(callee, with_a_way_out());
    pair.run(ms(5_300));
    tell(&mut pair, attempt, heard(1, "strike me off", Some("opt_out")));
    pair.run_until_idle();
    assert_eq!(pair.record(attempt).opted_out, ["strike me off"]);
}

#[test]
fn what_comes_too_late_changes_nothing() {
    let (mut pair, attempt) = call(answers(), question());
    pair.run(ms(1_500));
    tell(&mut pair, attempt, heard(9, "yes", Some("yes")));
    tell(&mut pair, attempt, piece(3, prompt(5), true));
    tell(&mut pair, attempt, Told::Deaf { number: 9 });
    let other = CallName { route_try: 2, ..pair.name(attempt) };
    pair.mail(Mail::Voice { call: other, told: heard(1, "yes", Some("yes")) });
    pair.run(ms(500));
    assert_eq!(numbers(&pair, attempt), [("listen", 1)]);
    assert!(audible(&pair).len() > 40, "the question goes on");
    pair.run_until_idle();
}

#[test]
fn a_message_is_left_after_the_beep() {
    let document = json!({ "name": "vm", "steps": [{ "do": "leave_message", "message": "Call us.", "beep_ms_max": 20000 }] });
    let script = whole_script(&document, BTreeMap::new(), &[("Call us.", prompt(50))]);
    // A greeting until 3 s, the tone from 4 s to 4.5 s.
    let callee = answers()
        .then(1_500, Act::Speak(SOUND))
        .then(3_000, Act::Speak(SILENCE))
        .then(4_000, Act::Hum)
        .then(4_500, Act::Speak(SILENCE));
    let (mut pair, attempt) = call(callee, script);
    pair.run_until_idle();
    let first = *audible(&pair).first().expect("a message");
    assert!((4_540..=4_640).contains(&first), "right after the tone, not at {first}");
    assert!(pair.record(attempt).end().hung_up_by == Some(HungUpBy::Script));
}

#[test]
fn a_machine_without_a_beep_hears_the_message_too() {
    let document = json!({ "name": "vm", "steps": [{ "do": "leave_message", "message": "Call us.", "beep_ms_max": 5000 }] });
    let script = whole_script(&document, BTreeMap::new(), &[("Call us.", prompt(50))]);
    let (mut pair, _) =
        call(answers().then(1_500, Act::Speak(SOUND)).then(3_000, Act::Speak(SILENCE)), script);
    pair.run_until_idle();
    let first = *audible(&pair).first().expect("a message");
    assert!((6_000..=6_060).contains(&first), "{first}");
}

/// A conversation, of which the callee says something from 1,500 to 2,000 ms and the model answers from then on.
fn conversation(speaks: u64) -> (Pair, AttemptId) {
    let document = json!({ "name": "c", "steps": [
        { "do": "converse", "id": "talk", "prompt": "Sell.", "end_silence_ms": 500, "failed": "gone" },
        { "do": "hang_up", "disposition": "over" },
        { "do": "hang_up", "id": "gone", "disposition": "failed" },
    ] });
    let callee = answers()
        .then(1_500, Act::Speak(SOUND))
        .then(2_000, Act::Speak(SILENCE))
        .then(speaks, Act::Speak(SOUND))
        .then(speaks + 500, Act::Speak(SILENCE));
    let (mut pair, attempt) = call(callee, whole_script(&document, BTreeMap::new(), &[]));
    while numbers(&pair, attempt).last() != Some(&("end", 1)) {
        pair.run(ms(1));
    }
    tell(&mut pair, attempt, heard(1, "what is it", None));
    (pair, attempt)
}

fn model_says(number: u32, text: &str, took: u64) -> Told {
    Told::Says { number, text: text.to_owned(), took: ms(took) }
}

fn speech(number: u32, frames: usize) -> Told {
    Told::Speech { number, prompt: prompt(frames), is_last: false }
}

#[test]
fn gaps_in_what_a_model_says_are_not_heard() {
    let (mut pair, attempt) = conversation(6_000);
    pair.run(ms(10));
    let ("converse", number) = *numbers(&pair, attempt).last().expect("a wish") else {
        panic!("{:?}", numbers(&pair, attempt))
    };
    // A second from about 2,500 ms on, then 2 s nothing, then more than is heard.
    tell(&mut pair, attempt, model_says(number, "It is this.", 0));
    tell(&mut pair, attempt, speech(number, 50));
    pair.run(ms(3_000));
    tell(&mut pair, attempt, model_says(number, "And it is that.", 0));
    tell(&mut pair, attempt, speech(number, 150));
    pair.run(ms(2_000));
    let hushed = pair.record(attempt).wishes.iter().find_map(|wish| match wish {
        Wish::Hush { number: of, heard } if *of == number => Some(*heard),
        _ => None,
    });
    // The second piece was heard from about 5,530 ms on, until the callee was noticed soon after 6,000 ms.
    let heard = hushed.expect("the callee spoke into it");
    assert!((ms(1_400)..=ms(1_600)).contains(&heard), "{heard:?}");
}

#[test]
fn who_goes_on_while_a_model_thinks_interrupts_nobody() {
    let (mut pair, attempt) = conversation(3_000);
    pair.run(ms(3_000));
    pair.run_until_idle();
    assert_eq!(dialogue(&pair, attempt).counts.barge_ins, 0);
}

#[test]
fn waiting_for_a_model_is_its_time_whatever_is_said_first() {
    let (mut pair, attempt) = conversation(20_000);
    pair.run(ms(10));
    let ("converse", number) = *numbers(&pair, attempt).last().expect("a wish") else {
        panic!("{:?}", numbers(&pair, attempt))
    };
    // A line that asks for patience, after 1,500 ms, made in 40 ms.
    pair.run(ms(1_490));
    tell(&mut pair, attempt, model_says(number, "One moment, please.", 1_500));
    pair.run(ms(40));
    tell(&mut pair, attempt, speech(number, 50));
    pair.run(ms(500));
    tell(&mut pair, attempt, model_says(number, "It is this.", 0));
    tell(&mut pair, attempt, speech(number, 50));
    tell(&mut pair, attempt, Told::Silent { number });
    pair.run_until_idle();
    let dialogue = dialogue(&pair, attempt);
    assert_eq!(dialogue.turns[1].text, "One moment, please. It is this.");
    let latency = dialogue.turns[0].latency.expect("it was answered");
    assert_eq!(latency.understanding, ms(1_501), "a millisecond was the answer's");
    assert!((ms(30)..=ms(60)).contains(&latency.speech), "{latency:?}");
    assert!(latency.own <= ms(25), "{latency:?}");
}

#[test]
fn a_slow_model_has_the_time_that_it_was_given() {
    for (within, disposition) in [(None, "failed"), (Some(ms(8_000)), "over")] {
        let (mut pair, attempt) = conversation(30_000);
        pair.run(ms(10));
        let number = numbers(&pair, attempt).last().expect("a wish").1;
        if let Some(within) = within {
            tell(&mut pair, attempt, Told::Asks { number, within });
        }
        tell(&mut pair, attempt, model_says(number, "One moment, please.", 1_500));
        tell(&mut pair, attempt, speech(number, 50));
        pair.run(ms(8_000));
        tell(&mut pair, attempt, Told::Asks { number, within: ms(0) });
        tell(&mut pair, attempt, model_says(number, "It is this.", 0));
        tell(&mut pair, attempt, speech(number, 50));
        tell(&mut pair, attempt, Told::Deed { number, deed: ModelDeed::Over });
        tell(&mut pair, attempt, Told::Silent { number });
        pair.run(ms(3_000));
        pair.run_until_idle();
        assert_eq!(dialogue(&pair, attempt).disposition.as_deref(), Some(disposition));
    }
}

#[test]
fn a_model_that_stops_in_its_answer_has_less() {
    let (mut pair, attempt) = conversation(30_000);
    pair.run(ms(10));
    let number = numbers(&pair, attempt).last().expect("a wish").1;
    tell(&mut pair, attempt, Told::Asks { number, within: ms(20_000) });
    tell(&mut pair, attempt, Told::Asks { number, within: ms(0) });
    tell(&mut pair, attempt, model_says(number, "It is this.", 0));
    tell(&mut pair, attempt, speech(number, 50));
    pair.run(ms(7_000));
    assert_eq!(dialogue(&pair, attempt).disposition.as_deref(), Some("failed"), "5 s after its last word");
}

/// A question that is asked again and again, with 8 s for an answer each time.
fn insists() -> Arc<Script> {
    let document = json!({ "name": "q", "steps": [
        { "do": "say", "text": "Listen to this." },
        { "do": "listen", "id": "ask", "ask": "Yes or no?", "intents": { "yes": "bye" }, "silence_ms_max": 8000,
          "no_input": { "to": "ask" }, "no_match": { "to": "ask" }, "gone": "ask" },
        { "do": "hang_up", "id": "bye" },
    ] });
    let sentences = [("Yes or no?", prompt(100)), ("Listen to this.", prompt(5_000))];
    whole_script(&document, BTreeMap::new(), &sentences)
}

#[test]
fn a_callee_who_gives_no_sign_is_hung_up() {
    let (mut pair, attempt) = long_call(answers(), insists());
    pair.run_until_idle();
    let ended = pair.record(attempt).end();
    assert_eq!(ended.hung_up_by, Some(HungUpBy::Silence));
    // The answer at 1 s, 100 s of speech to nobody, nine times a question of 2 s with 8 s of silence, and 3 s of the tenth.
    let at = pair.at_ms(ended.stamps.ended).expect("an end");
    let expected = 1_000 + 100_000 + 9 * 10_000 + 2_000 + 3_000;
    assert!((expected - 100..expected + 1_000).contains(&at), "{at}");
    assert_eq!(dialogue(&pair, attempt).counts.no_inputs, 9);
}

#[test]
fn a_callee_who_holds_the_call_is_there() {
    let far = "10.0.0.2:20000";
    let (hold, resume) = (offer(far, Direction::Inactive, 2), offer(far, Direction::SendRecv, 3));
    let callee = answers().reinvite(150_000, hold).reinvite(300_000, resume);
    let (mut pair, attempt) = long_call(callee, insists());
    pair.run(ms(370_000));
    assert!(pair.record(attempt).ended.is_none());
    pair.run_until_idle();
    assert_eq!(pair.record(attempt).end().hung_up_by, Some(HungUpBy::Silence));
}

#[test]
fn a_call_that_is_held_for_too_long_is_hung_up() {
    let hold = offer("10.0.0.2:20000", Direction::Inactive, 2);
    let (mut pair, attempt) = long_call(answers().reinvite(150_000, hold), insists());
    pair.run(ms(700_000));
    pair.run_until_idle();
    let ended = pair.record(attempt).end();
    assert_eq!(ended.hung_up_by, Some(HungUpBy::Silence));
    let at = pair.at_ms(ended.stamps.ended).expect("an end");
    assert!((750_000..752_000).contains(&at), "{at}");
}

#[test]
fn a_callee_who_only_listens_holds_nothing() {
    let listens = offer("10.0.0.2:20000", Direction::RecvOnly, 2);
    let (mut pair, attempt) = long_call(answers().reinvite(150_000, listens), insists());
    pair.run_until_idle();
    let ended = pair.record(attempt).end();
    assert_eq!(ended.hung_up_by, Some(HungUpBy::Silence));
    assert!(pair.at_ms(ended.stamps.ended).expect("an end") < 210_000);
}

#[test]
fn a_callee_whom_only_the_recogniser_hears_is_there() {
    let (mut pair, attempt) = long_call(answers(), insists());
    for passes in [165_000, 58_000, 58_000] {
        pair.run(ms(passes));
        let last = *numbers(&pair, attempt).last().expect("it has begun");
        let ("listen", number) = last else { panic!("a question is open: {last:?}") };
        tell(&mut pair, attempt, heard(number, "speak up", None));
    }
    pair.run(ms(58_000));
    assert!(pair.record(attempt).ended.is_none());
    pair.run_until_idle();
    assert_eq!(pair.record(attempt).end().hung_up_by, Some(HungUpBy::Silence));
}

#[test]
fn a_callee_who_gives_a_sign_now_and_then_is_not() {
    let press = |code| Act::Key { code, down_ms: 100, end: true, duration: 800 };
    let callee = answers()
        .then(150_000, press(1))
        .then(210_000, Act::Speak(SOUND))
        .then(210_500, Act::Speak(SILENCE))
        .then(260_000, press(2));
    let (mut pair, attempt) = long_call(callee, insists());
    pair.run(ms(300_000));
    assert!(pair.record(attempt).ended.is_none());
    pair.run_until_idle();
    let ended = pair.record(attempt).end();
    assert_eq!(ended.hung_up_by, Some(HungUpBy::Silence));
}
