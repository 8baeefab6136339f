//! The recorded prompts that a script plays, and where.

use common::PromptId;

use super::{Document, Ladder, Speech, StepKind};
use crate::Fault;

/// A prompt that a step plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// Which.
    pub prompt: PromptId,
    place: String,
    field: String,
}

impl Played {
    /// What is wrong when there is no such prompt.
    pub fn missing(self) -> Fault {
        Fault { place: self.place, field: self.field, problem: format!("there is no prompt {}", self.prompt) }
    }
}

impl Document {
    /// Every prompt that it plays, as often as it does.
    pub fn prompts(&self) -> Vec<Played> {
        let mut played = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            let place = step.place(index);
            let mut add = |field: String, prompt| played.push(Played { prompt, place: place.clone(), field });
            let mut say = |field: &str, speech: &Speech| {
                if let Speech::Prompt { prompt } = speech {
                    add(format!("{field}.prompt"), *prompt);
                }
            };
            let mut ask = |question: Option<&Speech>, ladders: &[(&str, &Ladder)]| {
                if let Some(question) = question {
                    say(if matches!(step.kind, StepKind::Converse(_)) { "opening" } else { "ask" }, question);
                }
                for (name, ladder) in ladders {
                    for (n, speech) in ladder.again.iter().enumerate() {
                        say(&format!("{name}.again[{n}]"), speech);
                    }
                }
            };
            match &step.kind {
                StepKind::Play(play) => add("prompt".to_owned(), play.prompt),
                StepKind::LeaveMessage(leave) => say("message", &leave.message),
                StepKind::Listen(listen) => {
                    ask(
                        listen.ask.as_ref(),
                        &[("no_input", &listen.no_input), ("no_match", &listen.no_match)],
                    );
                }
                StepKind::Menu(menu) => {
                    ask(menu.ask.as_ref(), &[("no_input", &menu.no_input), ("no_match", &menu.no_match)]);
                }
                StepKind::Converse(converse) => {
                    ask(converse.opening.as_ref(), &[("no_input", &converse.no_input)]);
                }
                StepKind::Say(_)
                | StepKind::Collect(_)
                | StepKind::Set(_)
                | StepKind::Branch(_)
                | StepKind::Http(_)
                | StepKind::Webhook(_)
                | StepKind::Record(_)
                | StepKind::OptOut(_)
                | StepKind::Transfer(_)
                | StepKind::Wait(_)
                | StepKind::Bot(_)
                | StepKind::HangUp(_) => {}
            }
        }
        played
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_is_named_by_its_place() {
        let text = r#"{"name":"a","steps":[
            {"do":"menu","id":"ask","ask":{"prompt":1},"keys":{"1":"end"},"no_match":{"again":["Again.",{"prompt":2}]}},
            {"do":"leave_message","message":{"prompt":3}},
            {"do":"play","id":"end","prompt":4}]}"#;
        let played = crate::read(text).expect("a script").prompts();
        let places: Vec<_> =
            played.into_iter().map(|played| (played.prompt.0, played.missing().path())).collect();
        let expected = [
            (1, "steps[0].ask.prompt"),
            (2, "steps[0].no_match.again[1].prompt"),
            (3, "steps[1].message.prompt"),
            (4, "steps[2].prompt"),
        ];
        assert_eq!(places, expected.map(|(prompt, place)| (prompt, place.to_owned())));
    }
}
