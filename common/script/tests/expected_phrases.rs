//! What recognisers are told to listen for: the phrases that make an answer, and nothing where answers have other words too.

use std::sync::Arc;
use std::time::Instant;

use peal_script::{Action, Input, Program, Run};

/// The phrases expected by the question that a script begins with.
fn phrases(step: &str) -> Vec<String> {
    expected(&format!("name: x\nsteps:\n- {step}\n- {{do: hang_up, id: bye}}\n")).0
}

/// The same, and how many are likely.
fn expected(yaml: &str) -> (Vec<String>, usize) {
    let document = peal_script::read(yaml).expect("a script");
    let program = Program::new(&document).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let mut run = Run::new(Arc::new(program), Box::default());
    run.handle_input(Instant::now(), Input::Answered);
    let ask = std::iter::from_fn(|| run.poll_action()).find_map(|action| match action {
        Action::Listen(ask) => Some(ask),
        _ => None,
    });
    let step = ask.expect("it listens").step;
    (run.program().expected_phrases(step).to_vec(), run.program().likely_phrases(step))
}

#[test]
fn a_question_with_intents_expects_their_phrases_and_opting_out() {
    let yes_or_no = phrases("{do: listen, intents: {yes: bye, no: bye}}");
    for phrase in ["of course", "no thank you", "stop calling me"] {
        assert!(yes_or_no.iter().any(|known| known == phrase), "{phrase}");
    }
    assert!(!yes_or_no.iter().any(|known| known == "seven"));
    assert!(phrases("{do: listen, expect: number}").iter().any(|known| known == "seven"));
}

#[test]
fn numbers_are_made_of_words_of_the_questions_language() {
    let has = |language: &str, word: &str| {
        let step = format!("{{do: listen, language: {language}, expect: digits}}");
        phrases(&step).iter().any(|known| known == word)
    };
    assert!(has("en", "seven") && !has("en", "七"));
    assert!(has("zh-CN", "七") && !has("zh-CN", "seven"));
    assert!(!has("de", "seven") && !has("de", "七"));
}

#[test]
fn where_anything_may_be_said_nothing_is_expected() {
    for step in [
        "{do: converse, prompt: p, tools: {hang_up: bye}}",
        "{do: listen}",
        "{do: listen, expect: date, intents: {repeat: bye}}",
    ] {
        assert_eq!(phrases(step), [""; 0], "{step}");
    }
}

#[test]
fn the_scripts_own_phrases_come_first_and_then_those_of_its_language() {
    let script = |language: &str| {
        expected(&format!(
            "name: x\nlanguage: {language}\nintents: {{yes: {{phrases: [aye, 侬好, \"yes\"]}}}}\nsteps:\n- {{do: listen, intents: {{\"yes\": bye}}}}\n- {{do: hang_up, id: bye}}\n"
        ))
    };
    for (language, of_it, other) in [("en-GB", "of course", "当然"), ("zh-CN", "当然", "of course")] {
        let (phrases, likely) = script(language);
        assert_eq!(phrases[..2], ["aye", "侬好"]);
        let place = |wanted: &str| phrases.iter().position(|phrase| phrase == wanted).expect(wanted);
        assert!(place(of_it) < likely && place(other) >= likely, "{language}");
        assert_eq!(phrases.iter().filter(|phrase| *phrase == "yes").count(), 1);
    }
    assert_eq!(script("de").1, 3, "nothing is built in for it");
}
