//! A voice bot has the call: its audio is played without a gap, silenced at once, its marks answered when they were reached, and every
//! way in which it may be gone leads on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::AttemptId;
use media::{Codec, Prompt};
use peal_call::voice::{BotTold, BotWish, Told, Wish};
use peal_call::{HungUpBy, Mail, Record, Speaker};
use serde_json::json;

use crate::common::*;

/// Digital silence, and a loud sound, in A-law.
const SILENCE: u8 = 0xD5;
const SOUND: u8 = 0x2A;

fn call(callee: Callee) -> (Pair, AttemptId) {
    let document = json!({ "name": "b", "steps": [
        { "do": "bot", "bot": "sales", "parameters": { "who": "Ann" }, "seconds_max": 20, "over": "bye", "failed": "gone" },
        { "do": "hang_up", "id": "bye", "disposition": "over" },
        { "do": "hang_up", "id": "gone", "disposition": "failed" },
    ] });
    let mut pair = Pair::new();
    pair.callees([callee]);
    let mut order = pair.order();
    order.script = whole_script(&document, BTreeMap::new(), &[]);
    let attempt = pair.place(order);
    pair.run(ms(1_050));
    (pair, attempt)
}

/// Answers at 1 s and is silent.
fn answers() -> Callee {
    Callee::rings().then(1_000, Act::Reply(200, "", Body::Answer)).then(1_000, Act::Speak(SILENCE))
}

fn bot(pair: &mut Pair, attempt: AttemptId, told: BotTold) {
    let call = pair.name(attempt);
    pair.mail(Mail::Voice { call, told: Told::Bot { number: 1, told } });
}

fn audio(prompt: Arc<Prompt>) -> BotTold {
    BotTold::Audio { prompt, held: Duration::ZERO }
}

fn mark(name: &str) -> BotTold {
    BotTold::Mark(name.to_owned())
}

/// What was wanted of the bot since the last look.
fn wishes(pair: &Pair, attempt: AttemptId, from: &mut usize) -> Vec<String> {
    let wishes = &pair.record(attempt).wishes;
    let named = wishes[*from..].iter().map(|wish| match wish {
        Wish::Bot { number: 1, wish } => match wish {
            BotWish::Attach(attend) => format!("attach {:?} {:?}", attend.bot, attend.parameters),
            BotWish::Key(digit) => format!("key {digit}"),
            BotWish::Marked(mark) => format!("mark {mark}"),
            BotWish::Silenced { heard } => format!("silenced {}", heard.as_millis()),
            BotWish::Detach => "detach".to_owned(),
        },
        Wish::End { .. } => "over".to_owned(),
        other => panic!("{other:?}"),
    });
    let named = named.collect();
    *from = wishes.len();
    named
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
fn what_it_says_is_played_and_its_marks_are_answered_when_they_were_reached() {
    let (mut pair, attempt) = call(answers());
    let mut seen = 0;
    assert_eq!(wishes(&pair, attempt, &mut seen), ["attach Some(\"sales\") [(\"who\", \"Ann\")]"]);
    bot(&mut pair, attempt, BotTold::Attached);
    bot(&mut pair, attempt, mark("nothing before it"));
    assert_eq!(wishes(&pair, attempt, &mut seen), ["mark nothing before it"]);
    bot(&mut pair, attempt, audio(prompt(10)));
    bot(&mut pair, attempt, mark("a"));
    bot(&mut pair, attempt, audio(prompt(10)));
    bot(&mut pair, attempt, mark("b"));
    pair.run(ms(190));
    assert!(wishes(&pair, attempt, &mut seen).is_empty());
    pair.run(ms(40));
    assert_eq!(wishes(&pair, attempt, &mut seen), ["mark a"]);
    pair.run(ms(200));
    assert_eq!(wishes(&pair, attempt, &mut seen), ["mark b"]);
    let heard = audible(&pair);
    // The first packet of a prompt is silent as the far end sees it.
    assert!(heard.windows(2).filter(|pair| pair[1] - pair[0] > 40).count() == 0, "{heard:?}");

    bot(&mut pair, attempt, audio(prompt(5)));
    bot(&mut pair, attempt, BotTold::Left);
    pair.run(ms(60));
    assert!(pair.record(attempt).ended.is_none(), "its last word is said to its end");
    pair.run_until_idle();
    let dialogue = dialogue(&pair, attempt);
    assert_eq!(dialogue.disposition.as_deref(), Some("over"));
    assert_eq!(wishes(&pair, attempt, &mut seen), ["over"]);
    assert_eq!(dialogue.turns.len(), 1, "a pause of some packets is no new turn: {:?}", dialogue.turns);
}

#[test]
fn clear_silences_it_at_once() {
    let callee = answers().then(1_500, Act::Speak(SOUND)).then(3_000, Act::Speak(SILENCE));
    let (mut pair, attempt) = call(callee);
    let mut seen = 0;
    bot(&mut pair, attempt, BotTold::Attached);
    bot(&mut pair, attempt, audio(prompt(100)));
    bot(&mut pair, attempt, mark("never heard"));
    pair.run(ms(600));
    wishes(&pair, attempt, &mut seen);
    bot(&mut pair, attempt, BotTold::Clear);
    pair.run(ms(400));
    let told = wishes(&pair, attempt, &mut seen);
    let [marked, silenced] = &told[..] else { panic!("{told:?}") };
    assert_eq!(marked, "mark never heard");
    let heard: u64 = silenced.strip_prefix("silenced ").and_then(|ms| ms.parse().ok()).expect("milliseconds");
    assert!((560..=600).contains(&heard), "{heard}");
    let last = *audible(&pair).last().expect("it began");
    assert!((1_620..=1_670).contains(&last), "silent within a packet, not at {last}");

    // Places begin anew; and the callee, silent from 3,000 ms, is answered 500 ms later.
    pair.run(ms(1_450));
    bot(&mut pair, attempt, audio(prompt(10)));
    pair.run(ms(300));
    bot(&mut pair, attempt, BotTold::Clear);
    assert_eq!(wishes(&pair, attempt, &mut seen), ["silenced 200"]);
    let text = "good day".to_owned();
    bot(&mut pair, attempt, BotTold::Said { speaker: Speaker::Callee, text, opts_out: false });
    bot(&mut pair, attempt, BotTold::Left);
    pair.run_until_idle();
    let dialogue = dialogue(&pair, attempt);
    assert_eq!(dialogue.counts.barge_ins, 1);
    assert!((ms(100)..=ms(200)).contains(&dialogue.counts.barge_in_max), "{:?}", dialogue.counts);
    let [first, callee, second] = &dialogue.turns[..] else { panic!("{:?}", dialogue.turns) };
    assert!(first.interrupted && !second.interrupted, "{:?}", dialogue.turns);
    assert_eq!((callee.speaker, callee.text.as_str()), (Speaker::Callee, "good day"));
    let latency = callee.latency.expect("it was answered");
    assert!((ms(450)..=ms(560)).contains(&latency.understanding), "{latency:?}");
    assert!(latency.own <= ms(25), "{latency:?}");
    assert_eq!(latency.understanding + latency.own, latency.total);
}

#[test]
fn keys_are_its_own() {
    let (mut pair, attempt) =
        call(answers().then(1_200, Act::Key { code: 5, down_ms: 100, end: true, duration: 800 }));
    let mut seen = 1;
    bot(&mut pair, attempt, BotTold::Attached);
    pair.run(ms(400));
    assert_eq!(wishes(&pair, attempt, &mut seen), ["key 5"]);
    pair.run_until_idle();
    assert_eq!(pair.record(attempt).end().digits, "");
}

#[test]
fn who_wants_no_more_calls_is_told_of() {
    let (mut pair, attempt) = call(answers());
    bot(&mut pair, attempt, BotTold::Attached);
    let text = "stop calling me".to_owned();
    bot(&mut pair, attempt, BotTold::Said { speaker: Speaker::Callee, text, opts_out: true });
    assert_eq!(pair.record(attempt).opted_out, ["stop calling me"]);
    pair.run_until_idle();
}

#[test]
fn one_that_is_never_there_or_gone_in_a_word_or_stays_too_long() {
    let mut seen = 1;
    let (mut pair, attempt) = call(answers());
    pair.run_until_idle();
    let ended = pair.record(attempt).end();
    assert!(pair.at_ms(ended.stamps.ended).is_some_and(|at| (6_000..6_100).contains(&at)), "after 5 s");
    assert_eq!(wishes(&pair, attempt, &mut seen), ["detach", "over"]);
    let lost = dialogue(&pair, attempt);
    assert_eq!((lost.disposition.as_deref(), lost.counts.server_errors), (Some("failed"), 1));

    let (mut pair, attempt) = call(answers());
    bot(&mut pair, attempt, BotTold::Attached);
    bot(&mut pair, attempt, audio(prompt(500)));
    pair.run(ms(300));
    bot(&mut pair, attempt, BotTold::Failed);
    pair.run_until_idle();
    assert!(audible(&pair).len() < 20, "what it said is not said to its end");
    assert_eq!(dialogue(&pair, attempt).disposition.as_deref(), Some("failed"));

    let (mut pair, attempt) = call(answers());
    bot(&mut pair, attempt, BotTold::Attached);
    pair.mail(Mail::VoiceGone);
    pair.run(ms(300));
    assert_eq!(
        dialogue(&pair, attempt).disposition.as_deref(),
        Some("failed"),
        "nobody is there to tell of it"
    );

    let mut seen = 1;
    let (mut pair, attempt) = call(answers());
    bot(&mut pair, attempt, BotTold::Attached);
    bot(&mut pair, attempt, audio(prompt(1_500)));
    pair.run_until_idle();
    let ended = pair.record(attempt).end();
    assert!(pair.at_ms(ended.stamps.ended).is_some_and(|at| (21_000..21_100).contains(&at)), "after 20 s");
    assert_eq!(
        (ended.hung_up_by, dialogue(&pair, attempt).disposition.as_deref()),
        (Some(HungUpBy::Script), Some("over"))
    );
    assert_eq!(wishes(&pair, attempt, &mut seen), ["detach", "over"]);
}

#[test]
fn what_it_says_too_late_changes_nothing() {
    let (mut pair, attempt) = call(answers());
    bot(&mut pair, attempt, BotTold::Attached);
    let late = Told::Bot { number: 9, told: BotTold::Left };
    let call = pair.name(attempt);
    pair.mail(Mail::Voice { call, told: late });
    pair.run(ms(100));
    assert!(pair.record(attempt).ended.is_none());
    pair.run_until_idle();
}
