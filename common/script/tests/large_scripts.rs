//! A script of any size is checked in bounded time and memory: it may come from a server in the middle of a call.

use peal_script::Program;
use serde_json::{Value, json};

/// Steps that listen, each for other intents of those that there are.
fn script(intents: Value, steps: usize, of: usize, wanted: impl Fn(usize, usize) -> bool) -> Value {
    let listen = |step: usize| {
        let names = (0..of).filter(|intent| wanted(step, *intent));
        let intents: serde_json::Map<_, _> = names.map(|n| (format!("i{n}"), "bye".into())).collect();
        json!({ "do": "listen", "intents": intents, "next": "bye", "no_match": { "to": format!("s{}", step + 1) }, "id": format!("s{step}") })
    };
    let mut all: Vec<_> = (0..steps).map(listen).collect();
    all.push(json!({ "do": "hang_up", "id": format!("s{steps}") }));
    all.push(json!({ "do": "hang_up", "id": "bye" }));
    json!({ "name": "large", "intents": intents, "steps": all })
}

fn check(script: &Value) -> Result<Program, Vec<peal_script::Fault>> {
    Program::new(&peal_script::read(&script.to_string()).unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn too_many_phrases_in_too_many_sets_are_refused() {
    let phrases = |intent: usize| (0..200).map(|n| format!("phrase {n} of {intent}")).collect::<Vec<_>>();
    let intents: serde_json::Map<_, _> =
        (0..50).map(|n| (format!("i{n}"), json!({ "phrases": phrases(n) }))).collect();
    let faults =
        check(&script(intents.into(), 490, 50, |step, intent| step % 49 != intent)).expect_err("too many");
    assert!(faults[0].problem.contains("more than 100000 phrases"), "{}", faults[0]);
}

#[test]
fn steps_that_ask_for_the_same_share_it() {
    let intents: serde_json::Map<_, _> = (0..20)
        .map(|n| {
            (
                format!("i{n}"),
                json!({ "phrases": [format!("thing {n}")], "patterns": [format!(r"\d{{{}}}", n + 1)] }),
            )
        })
        .collect();
    check(&script(intents.into(), 490, 20, |_, _| true)).expect("one set of intents");
}

#[test]
fn patterns_that_take_too_much_together_are_refused_by_name() {
    // Each takes about 300 kB.
    let intents: serde_json::Map<_, _> =
        (0..50).map(|n| (format!("i{n}"), json!({ "patterns": [format!(r"\w{{{}}}", n + 30)] }))).collect();
    let faults = check(&script(intents.into(), 1, 50, |_, _| true)).expect_err("too large");
    assert_eq!(faults[0].path(), "steps[0].intents.i0", "{}", faults[0]);
}
