//! What is wrong with a script is told with its place, all of it at once.

use peal_script::Program;

/// Everything that is wrong with a script, a line each.
fn faults(yaml: &str) -> String {
    let document = peal_script::read(yaml).unwrap_or_else(|error| panic!("{error}"));
    let faults = Program::new(&document).expect_err("a script with faults");
    faults.iter().map(|fault| format!("{fault}\n")).collect()
}

#[test]
fn names_that_lead_nowhere() {
    insta::assert_snapshot!(faults(
        "
name: x
steps:
- {do: say, text: 'Hello {{nobody}} {{', next: there}
- do: listen
  id: ask
  intents: {yes: here}
  keys: {'1': maybe, x: yes}
  save: contact.name
- {do: wait, id: ask, ms: 0}
- do: branch
  cases: [{when: {variable: a, is: b}, to: ask}, {when: {}, to: ask}]
"
    ));
}

#[test]
fn names_that_sound_alike() {
    let plans = |names: &str| {
        format!(
            "
name: x
intents: {{yes: {{names: {names}}}}}
steps:
- {{do: listen, ask: 'Which?', intents: {{yes: bye}}, save: plan}}
- {{do: hang_up, id: bye}}
"
        )
    };
    let alike = faults(&plans("{'Plan A': [], 'Plan A+': []}"));
    assert!(alike.contains("`plan a` may be Plan A or Plan A+"), "{alike}");
    let shared = faults(&plans("{Gold: [the best], Silver: [best, 'The best!']}"));
    assert!(shared.contains("`the best` may be Gold or Silver"), "{shared}");
    let known = faults(&plans("{Sure: [of course]}"));
    assert!(known.contains("is said for this intent without any name"), "{known}");
    let twice = peal_script::read(&plans("{Gold: [gold, 'GOLD!']}")).expect("a document");
    assert!(Program::new(&twice).is_ok(), "one name may be written in many ways");
}

#[test]
fn limits_and_servers() {
    insta::assert_snapshot!(faults(
        "
name: ''
language: not a language
variables: {said: x}
steps:
- {do: http, url: '{{contact.host}}/x', keep_s: 100000}
- {do: http, url: 'https://{{contact.host}}', method: POST, keep_s: 5, headers: {'a b': x}, save: {v: tier}}
- {do: http, url: 'https://user:password@h/x'}
- {do: webhook, url: 'ftp://h/', timeout_ms: 1, retries: 9}
- {do: transfer, to: '+{{digits}}'}
- {do: collect, max_digits: 99, terminator: x}
- {do: menu, keys: {}}
- {do: hang_up, next: nowhere, disposition: ' '}
"
    ));
}

#[test]
fn bots() {
    let found = faults(
        "
name: x
steps:
- {do: bot, bot: '', parameters: {'': 'x', a: '{{nobody}}'}, seconds_max: 0, over: there, failed: here}
",
    );
    for field in ["bot: ", "parameters: ", "parameters.a: ", "seconds_max: ", "over: ", "failed: "] {
        assert!(found.contains(&format!("steps[0].{field}")), "{field} in {found}");
    }
}

#[test]
fn circles_and_dead_ends() {
    insta::assert_snapshot!(faults(
        "
name: x
steps:
- {do: play, id: a, prompt: 1, next: b}
- {do: play, id: b, prompt: 2, next: a}
- {do: hang_up, id: never}
"
    ));
    insta::assert_snapshot!(faults(
        "
name: x
steps:
- {do: set, id: a, values: {n: '{{n}}1'}}
- do: branch
  cases: [{when: {variable: n, is: x}, to: bye}]
  next: a
- {do: hang_up, id: bye}
"
    ));
}

#[test]
fn the_simplest_scripts_are_good() {
    for yaml in [
        "name: a\nsteps: [{do: hang_up}]",
        "name: a\nsteps: [{do: play, prompt: 1, barge_in: true}, {do: collect}, {do: wait, ms: 5}]",
        "name: 问卷\nlanguage: zh-CN\nsteps: [{do: say, text: '您好{{contact.姓名|}}'}]",
    ] {
        let document = peal_script::read(yaml).unwrap_or_else(|error| panic!("{error}"));
        Program::new(&document).unwrap_or_else(|faults| panic!("{faults:?}"));
    }
}
