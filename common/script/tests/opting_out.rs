//! Whoever wants no more calls is told of, however it was known.

use std::sync::Arc;
use std::time::Instant;

use common::digits::Digit;
use peal_script::{Action, Heard, Input, ModelDeed, ModelTool, Program, Run, StepIndex};

/// A call, and what was told of opting out.
struct Call {
    run: Run,
    opted_out: Vec<String>,
}

impl Call {
    fn of(yaml: &str) -> Self {
        let document = peal_script::read(yaml).unwrap_or_else(|error| panic!("{error}"));
        let program = Program::new(&document).unwrap_or_else(|faults| panic!("{faults:#?}"));
        let mut call = Self { run: Run::new(Arc::new(program), Box::default()), opted_out: Vec::new() };
        call.hand(Input::Answered);
        call
    }

    fn hand(&mut self, input: Input) {
        self.run.handle_input(Instant::now(), input);
        while let Some(action) = self.run.poll_action() {
            if let Action::OptOut { said } = action {
                self.opted_out.push(said);
            }
        }
    }

    fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            self.hand(Input::Key(Digit::from_char(key).expect("a key")));
        }
    }
}

const QUESTION: &str = "
name: x
intents: {opt_out: {phrases: [kindly forget this number]}}
steps:
- do: listen
  ask: Yes?
  intents: {yes: again, opt_out: never}
  keys: {'1': yes, '9': opt_out}
  understand: {model: small}
- {do: listen, id: again, ask: Really?, intents: {yes: bye, opt_out: never}}
- {do: opt_out, id: never}
- {do: hang_up, id: bye}
";

#[test]
fn by_a_key_of_a_question() {
    let mut call = Call::of(QUESTION);
    call.press("1");
    assert!(call.opted_out.is_empty());
    let mut call = Call::of(QUESTION);
    call.press("9");
    assert_eq!(call.opted_out, ["pressed 9"], "once, though a step says so too");
}

#[test]
fn by_a_phrase_of_the_scripts_own() {
    let mut call = Call::of(QUESTION);
    call.hand(Input::Spoken);
    let today = "2026-11-22".parse().expect("a day");
    let heard = call.run.program().understand(StepIndex(0), "kindly forget this number", today);
    call.hand(Input::Heard(heard));
    assert_eq!(call.opted_out, ["kindly forget this number"]);
}

#[test]
fn by_what_a_model_understands() {
    let mut call = Call::of(QUESTION);
    call.hand(Input::Spoken);
    let answer = serde_json::json!({ "intent": "opt_out" });
    let heard = call.run.program().take_answer(StepIndex(0), "my number is not yours to dial", &answer);
    call.hand(Input::Heard(heard));
    assert_eq!(call.opted_out, ["my number is not yours to dial"]);
}

#[test]
fn by_a_key_of_a_menu_and_by_an_entry() {
    let menu = "
name: x
steps:
- {do: menu, keys: {'1': code, '9': never}, no_input: {to: bye}}
- {do: collect, id: code, max_digits: 2, next: never}
- {do: opt_out, id: never}
- {do: hang_up, id: bye}
";
    let mut call = Call::of(menu);
    call.press("9");
    assert_eq!(call.opted_out, ["pressed 9"]);
    let mut call = Call::of(menu);
    call.press("142");
    assert_eq!(call.opted_out, ["pressed 42"]);
}

#[test]
fn by_a_models_tool() {
    let talk = "
name: x
steps:
- {do: converse, prompt: p, tools: {opt_out: bye}}
- {do: hang_up, id: bye}
";
    let mut call = Call::of(talk);
    let heard = Heard { text: "leave me alone".to_owned(), ..Heard::default() };
    call.hand(Input::Heard(heard));
    call.hand(Input::Deed(ModelDeed::Tool(ModelTool::OptOut, "asked".to_owned())));
    call.hand(Input::Spoken);
    assert_eq!(call.opted_out, ["leave me alone"]);
}
