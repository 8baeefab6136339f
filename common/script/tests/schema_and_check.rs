//! The JSON Schema and the check hold the same limits, and the same defaults as a step that does not name a field.
#![cfg(feature = "openapi")]

use peal_script::{Document, Program};
use serde_json::{Value, json};

/// A good script whose first step is this.
fn script(step: &Value) -> Value {
    json!({ "name": "x", "steps": [step, { "do": "hang_up", "id": "bye" }] })
}

fn read(step: &Value) -> Document {
    let text = script(step).to_string();
    peal_script::read(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Each kind of step with what it cannot be without.
fn steps() -> Vec<Value> {
    vec![
        json!({ "do": "play", "prompt": 1 }),
        json!({ "do": "say", "text": "x" }),
        json!({ "do": "listen" }),
        json!({ "do": "menu", "keys": { "1": "bye" } }),
        json!({ "do": "collect" }),
        json!({ "do": "set", "values": { "x": "y" } }),
        json!({ "do": "branch", "cases": [{ "when": { "variable": "said", "is": "x" }, "to": "bye" }] }),
        json!({ "do": "http", "url": "https://h/" }),
        json!({ "do": "webhook", "url": "https://h/", "failed": "bye" }),
        json!({ "do": "converse", "prompt": "x" }),
        json!({ "do": "bot" }),
        json!({ "do": "record", "on": true }),
        json!({ "do": "opt_out" }),
        json!({ "do": "leave_message", "message": "x" }),
        json!({ "do": "transfer", "to": "+4989123456", "failed": "bye" }),
        json!({ "do": "wait", "ms": 1 }),
        json!({ "do": "hang_up" }),
    ]
}

/// Whether the check says that `field` is out of its range.
fn is_refused(step: &Value, field: &str, value: u64) -> bool {
    let mut step = step.clone();
    step[field] = value.into();
    let faults = Program::new(&read(&step)).err().unwrap_or_default();
    faults.iter().any(|fault| fault.field == field)
}

#[test]
fn every_number_has_the_same_limits_and_default() {
    let schema = peal_script::json_schema();
    let kinds = schema["$defs"]["Step"]["oneOf"].as_array().expect("kinds of steps");
    assert_eq!(kinds.len(), steps().len());
    for (kind, step) in kinds.iter().zip(steps()) {
        let name = step["do"].as_str().expect("its name");
        assert_eq!(kind["properties"]["do"]["enum"][0], name);
        let written = serde_json::to_value(read(&step)).expect("plain data");
        for (field, limits) in kind["properties"].as_object().expect("fields") {
            if limits["type"] != "integer" {
                continue;
            }
            let limit = |which: &str| {
                limits[which].as_u64().unwrap_or_else(|| panic!("{name}.{field} has no {which}: {limits}"))
            };
            let (least, most) = (limit("minimum"), limit("maximum"));
            assert!(!is_refused(&step, field, least) && !is_refused(&step, field, most), "{name}.{field}");
            assert!(least == 0 || is_refused(&step, field, least - 1), "{name}.{field} under {least}");
            assert!(is_refused(&step, field, most + 1), "{name}.{field} over {most}");
            if step.get(field).is_none() {
                assert_eq!(written["steps"][0][field], limits["default"], "{name}.{field}");
            }
        }
    }
}

#[test]
fn what_is_asked_has_the_same_limit() {
    let speech = &peal_script::json_schema()["$defs"]["Speech"]["oneOf"][0];
    let limit = speech["maxLength"].as_u64().expect("a limit") as usize;
    let refused = |length: usize| {
        let ask = json!({ "do": "listen", "ask": "x".repeat(length) });
        let faults = Program::new(&read(&ask)).err().unwrap_or_default();
        faults.iter().any(|fault| fault.field == "ask")
    };
    assert_eq!([limit, limit + 1, 0].map(refused), [false, true, true]);
}
