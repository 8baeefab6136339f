//! `peal script check` and `peal script run`: no control plane, nobody called.

mod common;

use std::io::Write;
use std::process::{Output, Stdio};

use common::said;

fn with_input(arguments: &[&str], input: &str) -> Output {
    let mut child = common::peal()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn example(name: &str) -> String {
    format!("{}/../docs/examples/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_examples_have_nothing_wrong() {
    for name in ["survey.yaml", "reminder-zh.yaml"] {
        let output = common::run(&["script", "check", &example(name)]);
        assert!(output.status.success(), "{name}: {}", said(&output));
    }
}

#[test]
fn the_schema_is_printed() {
    let output = common::run(&["script", "schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(schema["$defs"]["Step"]["oneOf"].as_array().is_some_and(|kinds| kinds.len() >= 14), "{schema}");
}

#[test]
fn a_dialogue_in_the_terminal() {
    let script = example("survey.yaml");
    let output =
        with_input(&["script", "run", &script, "--contact", "name=Ann"], "yeah, sure\nfour, I'd say\n");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    for line in [
        "Hello Ann.",
        "understood: yes",
        "understood: 4",
        "Thank you, 4 of five makes our day.",
        "[end: happy]",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
    let output = with_input(&["--json", "script", "run", &script], "don't call me again\n");
    let last = String::from_utf8(output.stdout).expect("UTF-8");
    let last: serde_json::Value = serde_json::from_str(last.lines().last().expect("events")).expect("JSON");
    assert_eq!((&last["event"], &last["disposition"]), (&"end".into(), &"opted out".into()));
}

#[test]
fn what_somebody_else_would_understand_is_typed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("s.yaml");
    let script = "
name: x
steps:
- {do: listen, intents: {order: bye, no: bye}, understand: {url: 'https://nlu.example/'}, no_match: {again: [Sorry?]}}
- {do: hang_up, id: bye}
";
    std::fs::write(&file, script).expect("written");
    let file = file.to_str().expect("UTF-8");
    let output =
        with_input(&["script", "run", file], "two boxes\nhang_up\ntwo boxes\n{\"intent\":\"order\"}\n");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<_> = text.lines().collect();
    let asks = "[asks https://nlu.example/ what it means]";
    assert_eq!(lines, [asks, "no intent", "Sorry?", asks, "understood: order", "[end: no disposition]"]);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let script = "name: x\nsteps:\n- {do: say, text: 'Hi {{who}}', next: there}\n- {do: wait, ms: 0}\n";
    let output = with_input(&["script", "check", "-"], script);
    assert!(!output.status.success());
    for part in ["steps[0].next", "steps[0].text", "{{who}}".trim_matches(['{', '}']), "steps[1].ms"] {
        assert!(said(&output).contains(part), "{part} in {}", said(&output));
    }
}

#[test]
fn a_bot_in_the_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("bot.yaml");
    let steps = "name: b\nsteps:\n- {do: bot, bot: sales, parameters: {who: '{{contact.name}}'}, failed: sorry}\n\
                 - {do: hang_up, disposition: served}\n- {do: say, id: sorry, text: Sorry.}\n";
    std::fs::write(&script, steps).expect("written");
    let script = script.to_str().expect("a path");
    let output = with_input(&["script", "run", script, "--contact", "name=Ann"], "hello\n#5\n/over\n");
    let shown = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<_> = shown.lines().collect();
    let expected = [
        r#"[sales has the call, and is told {"who":"Ann"}]"#,
        "[the bot hears it]",
        "[the bot is told of key 5]",
        "[end: served]",
    ];
    assert_eq!(lines, expected);
    let output = with_input(&["script", "run", script], "/failed\n");
    assert!(String::from_utf8_lossy(&output.stdout).contains("Sorry."), "{}", said(&output));
}
