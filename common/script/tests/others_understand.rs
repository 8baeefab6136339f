//! Answers that a server or a model understands: what it is asked, and what of its answer counts.

use std::time::Duration;

use peal_script::{Heard, Oracle, Program, StepIndex};
use serde_json::{Value, json};

const DAY: &str = "2026-11-22";

fn program(listen: &str) -> Program {
    let yaml = format!(
        "
name: s
intents:
  complain: {{phrases: [not happy], description: is not satisfied}}
steps:
- {{do: listen, id: ask, ask: 'Hello {{{{contact.name}}}}, what is it?', {listen}, no_match: {{to: bye}}, next: bye}}
- {{do: hang_up, id: bye}}
"
    );
    let document = peal_script::read(&yaml).unwrap_or_else(|error| panic!("{error}"));
    Program::new(&document).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn understood(program: &Program, text: &str) -> Heard {
    program.understand(StepIndex(0), text, DAY.parse().expect("a day"))
}

fn meant(program: &Program, answer: Value) -> (Option<String>, Option<String>) {
    let heard = program.take_answer(StepIndex(0), "so it is", &answer);
    assert_eq!(heard.text, "so it is");
    (heard.intent, heard.value)
}

const INTENTS: &str = "intents: {complain: bye, order: bye}";

#[test]
fn what_no_phrase_matches_is_asked() {
    let server = "understand: {url: 'https://nlu.example/parse', timeout_ms: 800, headers: {X-Key: k}}";
    let program = program(&format!("{INTENTS}, {server}"));
    let known = understood(&program, "I am not happy");
    assert_eq!(known.intent.as_deref(), Some("complain"));
    assert_eq!(program.inquiry(StepIndex(0), &known), None, "a phrase has said it");
    assert_eq!(program.inquiry(StepIndex(0), &understood(&program, " ")), None, "nothing was said");

    let inquiry = program.inquiry(StepIndex(0), &understood(&program, "two boxes")).expect("asked");
    let headers = vec![("X-Key".to_owned(), "k".to_owned())];
    assert_eq!(inquiry.oracle, Oracle::Server { url: "https://nlu.example/parse".into(), headers });
    assert_eq!(inquiry.timeout, Duration::from_millis(800));
    assert_eq!(inquiry.question.as_deref(), Some("Hello …, what is it?"), "no name leaves");
    let body = json!({
        "text": "two boxes", "language": "en", "intents": ["complain", "order"], "expect": null,
        "step": "ask", "script": "s", "attempt": "a1",
    });
    assert_eq!(inquiry.body("a1"), body);
    assert_eq!(inquiry.intents[0].description.as_deref(), Some("is not satisfied"));
    assert_eq!(inquiry.intents[0].examples, ["not happy"]);
}

#[test]
fn all_is_asked_where_the_script_says_so() {
    let program = program(&format!("{INTENTS}, understand: {{model: small, always: true}}"));
    let inquiry = program.inquiry(StepIndex(0), &understood(&program, "not happy")).expect("asked");
    assert_eq!(inquiry.oracle, Oracle::Model("small".into()));
}

#[test]
fn nobody_is_asked_what_opting_out_means() {
    let program = program("intents: {opt_out: bye}, understand: {model: small, always: true}");
    let heard = understood(&program, "take me off your list");
    assert_eq!(heard.intent.as_deref(), Some("opt_out"));
    assert_eq!(program.inquiry(StepIndex(0), &heard), None);
}

#[test]
fn only_intents_of_the_step_count() {
    let program = program(&format!("{INTENTS}, save: what, understand: {{model: default}}"));
    let order = Some("order".to_owned());
    assert_eq!(meant(&program, json!({ "intent": "order" })), (order.clone(), None));
    let rasa = json!({ "text": "…", "intent": { "name": "order", "confidence": 0.93 }, "entities": [] });
    assert_eq!(meant(&program, rasa), (order.clone(), None), "as Rasa answers");
    assert_eq!(meant(&program, json!({ "intent": "order", "value": 2 })), (order.clone(), Some("2".into())));
    let long = "x".repeat(201);
    assert_eq!(meant(&program, json!({ "intent": "order", "value": long })), (order, None));
    for rubbish in [
        json!({ "intent": "hang_up" }),
        json!({ "intent": ["order"] }),
        json!({ "intent": { "name": 5 } }),
        json!({ "value": "2" }),
        json!({}),
        json!([]),
        json!("order"),
        json!(null),
    ] {
        assert_eq!(meant(&program, rubbish.clone()), (None, None), "{rubbish}");
    }
}

#[test]
fn values_are_of_the_kind_that_is_expected() {
    for (expect, good, bad) in [
        ("number", json!(4.5), json!("four")),
        ("digits", json!("0042"), json!("4-2")),
        ("date", json!("2026-12-24"), json!("Christmas")),
    ] {
        let program = program(&format!("expect: {expect}, save: what, understand: {{model: default}}"));
        let value = good.as_str().map_or_else(|| good.to_string(), str::to_owned);
        assert_eq!(meant(&program, json!({ "value": good })), (None, Some(value)));
        assert_eq!(meant(&program, json!({ "value": bad })), (None, None), "{bad}");
    }
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let yaml = "
name: x
steps:
- {do: listen, intents: {maybe: bye}, understand: {url: 'https://{{contact.host}}/', model: m}}
- {do: listen, intents: {maybe: bye}, understand: {}}
- {do: listen, understand: {url: 'ftp://h/', timeout_ms: 9, headers: {'a b': x}}}
- {do: listen, intents: {maybe: bye}, understand: {model: ' ', headers: {a: b}}}
- {do: listen, intents: {maybe: bye}}
- {do: hang_up, id: bye}
";
    let document = peal_script::read(yaml).unwrap_or_else(|error| panic!("{error}"));
    let faults = Program::new(&document).expect_err("a script with faults");
    insta::assert_snapshot!(faults.iter().map(|fault| format!("{fault}\n")).collect::<String>());
}
