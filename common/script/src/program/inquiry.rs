//! What is asked of somebody else about an answer: a server, or a language model, that says what it means.
//!
//! Whoever is asked chooses among what the step knows: one of its intents, or a value of the kind that it expects. Nothing else of an answer
//! counts, so that neither a server nor words that a callee said to a model lead the call where the script does not.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Listen, Program, StepIndex, Utterance};
use crate::document::Expect;
use crate::{Heard, OPT_OUT, value_at};

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Oracle {
    /// A server that is posted [`Inquiry::body`].
    Server {
        /// Where.
        url: String,
        /// Header fields.
        headers: Vec<(String, String)>,
    },
    /// A language model, as the configuration names it; `default` is the only one there is.
    Model(String),
}

/// What is asked about an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Inquiry {
    /// Who is asked.
    pub oracle: Oracle,
    /// How long it may take.
    pub timeout: Duration,
    /// What was said.
    pub text: String,
    /// What it was said to, if that is a sentence; what variables put in is left out.
    pub question: Option<String>,
    /// BCP 47.
    pub language: String,
    /// The step, as records call it.
    pub step: String,
    /// The script.
    pub script: String,
    /// What may be meant.
    pub intents: Vec<Choice>,
    /// What value is wanted beside, or instead: `number`, `digits` or `date`.
    pub expect: Option<&'static str>,
}

/// One thing that may be meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The intent.
    pub intent: String,
    /// What it means, as the script says.
    pub description: Option<String>,
    /// What people say who mean it; the script's first few phrases.
    pub examples: Vec<String>,
}

/// A step's `understand`, checked.
#[derive(Debug, PartialEq)]
pub(crate) struct Understand {
    pub(crate) oracle: Oracle,
    pub(crate) timeout: Duration,
    pub(crate) always: bool,
    /// Description and examples of each intent, in their order.
    pub(crate) descriptions: Box<[(Option<String>, Vec<String>)]>,
}

/// Longest value that is taken of an answer, in characters.
const VALUE_MAX: usize = 200;

impl Program {
    /// What is to be asked of somebody else about `heard`, an answer to the question of `step` as [`Program::understand`] has it.
    pub fn inquiry(&self, step: StepIndex, heard: &Heard) -> Option<Inquiry> {
        let listen = self.question(step)?;
        let understand = listen.understand.as_ref()?;
        let is_understood = heard.intent.is_some() || heard.value.is_some();
        // What opts out is taken at its word: the callee may hang up before anybody has answered.
        let opts_out = heard.intent.as_deref() == Some(OPT_OUT);
        if heard.text.trim().is_empty() || opts_out || is_understood && !understand.always {
            return None;
        }
        let question = match &listen.ask {
            Some(Utterance::Sentence { text, .. }) => Some(text.render(&|_| "…")),
            Some(Utterance::Prompt(_)) | None => None,
        };
        let choice =
            |((intent, _), (description, examples)): (&(String, _), &(Option<String>, Vec<String>))| Choice {
                intent: intent.clone(),
                description: description.clone(),
                examples: examples.clone(),
            };
        Some(Inquiry {
            oracle: understand.oracle.clone(),
            timeout: understand.timeout,
            text: heard.text.clone(),
            question,
            language: listen.language.clone(),
            step: self.steps[usize::from(step.0)].name.clone(),
            script: self.name.clone(),
            intents: listen.intents.iter().zip(&understand.descriptions).map(choice).collect(),
            expect: listen.expect.map(Expect::name),
        })
    }

    /// What an answer to the question of `step` means after somebody has said so: `{"intent": "…", "value": …}`, where `intent` may be an
    /// object with a `name` too. What the step does not know is not meant.
    pub fn take_answer(&self, step: StepIndex, text: &str, answer: &Value) -> Heard {
        let mut heard = Heard { text: text.to_owned(), ..Heard::default() };
        let Some(listen) = self.question(step) else { return heard };
        let name = answer.get("intent").and_then(|intent| intent.get("name").unwrap_or(intent).as_str());
        heard.intent =
            name.filter(|name| listen.intents.iter().any(|(known, _)| known == name)).map(str::to_owned);
        heard.value =
            value_at(answer, "/value").filter(|value| listen.may_hold(value, heard.intent.is_some()));
        heard
    }
}

impl Inquiry {
    /// What a server is posted; `attempt` tells it which call asks.
    pub fn body(&self, attempt: &str) -> Value {
        json!({
            "text": self.text,
            "language": self.language,
            "intents": self.intents.iter().map(|choice| choice.intent.as_str()).collect::<Vec<_>>(),
            "expect": self.expect,
            "step": self.step,
            "script": self.script,
            "attempt": attempt,
        })
    }
}

impl Listen {
    /// Whether `value` is of the kind that the step expects; any short text where it goes along with an intent and nothing is expected.
    fn may_hold(&self, value: &str, has_intent: bool) -> bool {
        let short = (1..=VALUE_MAX).contains(&value.chars().count());
        short
            && match self.expect {
                None => has_intent,
                Some(Expect::Number) => value.parse::<f64>().is_ok_and(f64::is_finite),
                Some(Expect::Digits) => value.bytes().all(|sign| sign.is_ascii_digit()),
                Some(Expect::Date) => value.parse::<jiff::civil::Date>().is_ok(),
            }
    }
}

impl Expect {
    fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Digits => "digits",
            Self::Date => "date",
        }
    }
}
