//! Conversations with a language model.

use std::time::Instant;

use super::{Action, Awaits, End, Run, State};
use crate::document::ModelTool;
use crate::program::{Converse, Op, Target, Utterance};
use crate::template::{Escape, TEXT_BYTES_MAX, Template};

/// A turn of a conversation: what the callee said, and all that the model has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Talk {
    /// What the callee said; `None` when the conversation begins with [`Talk::opening`] said.
    pub said: Option<String>,
    /// It is the first turn: whatever was said before belongs to another conversation.
    pub begins: bool,
    /// The model, as the configuration names it.
    pub model: Option<String>,
    /// Who it is, and what it knows.
    pub prompt: Wording,
    /// What was said to the callee before the first turn.
    pub opening: Option<Wording>,
    /// What it may do.
    pub tools: Vec<ModelTool>,
    /// Variables that it may set.
    pub fields: Vec<String>,
    /// Where it may look something up; `{}` stands for what.
    pub look_up: Option<String>,
    /// Words that it must not say, in lower case.
    pub forbidden: Vec<String>,
    /// What is said when it takes longer than that, milliseconds.
    pub slow: Option<(u32, String)>,
    /// How long it may take to begin an answer, milliseconds.
    pub answer_ms_max: u32,
    /// Answers.
    pub turns_max: u32,
    /// Seconds.
    pub seconds_max: u32,
    /// Tokens.
    pub tokens_max: u32,
    /// Words of an answer.
    pub words_max: u32,
    /// BCP 47.
    pub language: String,
    /// Who speaks.
    pub voice: Option<String>,
}

/// A text in which some words are of the contact, and not for everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// Each with the contact's column that it is of.
    parts: Vec<(Option<String>, String)>,
}

impl Wording {
    /// All of it.
    pub fn whole(&self) -> String {
        self.hiding(&[])
    }

    /// The text where of these columns of the contact all but the last two characters are `*`.
    pub fn hiding(&self, columns: &[String]) -> String {
        let mut text = String::new();
        for (column, words) in &self.parts {
            if column.as_ref().is_some_and(|column| columns.contains(column)) {
                let hidden = words.chars().count().checked_sub(2).filter(|hidden| *hidden > 0);
                let hidden = hidden.unwrap_or(usize::MAX);
                text.extend(words.chars().enumerate().map(|(n, sign)| if n < hidden { '*' } else { sign }));
            } else {
                text.push_str(words);
            }
        }
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        text
    }
}

/// What a model does beside speaking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelDeed {
    /// Ends the conversation, with a word on why or when.
    Tool(ModelTool, String),
    /// Sets a variable.
    Field(String, String),
    /// A limit is reached.
    Over,
    /// It cannot be had, or answers with rubbish.
    Failed,
}

impl Run {
    pub(super) fn begin_converse(&mut self, now: Instant, converse: &Converse) {
        self.conversed = false;
        self.leads_to = None;
        self.begin_listen(now, &converse.listen);
    }

    /// The callee said something to the model.
    pub(super) fn say_to_model(&mut self, converse: &Converse, said: String) {
        self.set_built_in("said", said.clone());
        let begins = !std::mem::replace(&mut self.conversed, true);
        let talk = Talk {
            said: Some(said),
            begins,
            model: converse.model.clone(),
            prompt: self.wording(&converse.prompt),
            opening: converse.listen.ask.as_ref().and_then(Utterance::text).map(|text| self.wording(text)),
            tools: converse.tools.iter().map(|(tool, _)| *tool).collect(),
            fields: converse.fields.iter().map(|(name, _)| name.clone()).collect(),
            look_up: converse.look_up.as_ref().and_then(|url| self.url(url)),
            forbidden: converse.forbidden.to_vec(),
            slow: converse.slow.as_ref().and_then(|(ms, line)| Some((*ms, self.render(line.text()?)))),
            answer_ms_max: converse.answer_ms_max,
            turns_max: converse.turns_max,
            seconds_max: converse.seconds_max,
            tokens_max: converse.tokens_max,
            words_max: converse.words_max,
            language: converse.listen.language.clone(),
            voice: converse.voice.clone(),
        };
        self.actions.push_back(Action::Converse(Box::new(talk)));
        self.state = State::Speaking;
    }

    fn wording(&self, template: &Template) -> Wording {
        let column = |slot: usize| Some(self.program.variables[slot].strip_prefix("contact.")?.to_owned());
        let value = |slot: usize| self.values[slot].as_str();
        let parts = template.parts(Escape::Line, &value);
        Wording { parts: parts.map(|(slot, words)| (slot.and_then(column), words)).collect() }
    }

    /// What the model does beside speaking. It leads on once what is being said has been said.
    pub(super) fn on_deed(&mut self, now: Instant, deed: ModelDeed) {
        let program = self.program.clone();
        let Op::Converse(converse) = &program.steps[usize::from(self.step.0)].op else { return };
        match deed {
            ModelDeed::Tool(tool, word) => {
                if tool == ModelTool::OptOut {
                    self.opt_out();
                }
                let Some((_, to)) = converse.tools.iter().find(|(known, _)| *known == tool) else { return };
                self.set_built_in("intent", tool.name());
                self.set_built_in("said", word);
                self.leads_to = Some(*to);
            }
            ModelDeed::Field(name, value) => {
                if let Some((_, slot)) = converse.fields.iter().find(|(known, _)| *known == name) {
                    self.values[*slot] = value;
                }
            }
            ModelDeed::Over => self.leads_to = Some(converse.over),
            ModelDeed::Failed => {
                self.set_built_in("error", "model");
                self.leads_to = Some(converse.listen.gone);
            }
        }
        if self.awaits() != Awaits::Spoken {
            self.lead_on(now);
        }
    }

    /// Goes where the model's deed leads. Says whether there was one.
    pub(super) fn lead_on(&mut self, now: Instant) -> bool {
        let to: Option<Target> = self.leads_to.take();
        match to {
            None => return false,
            Some(_) if matches!(self.state, State::Over) => {}
            Some(None) => self.end(End::default()),
            Some(to) => {
                self.stop_listening();
                self.enter(now, to);
            }
        }
        true
    }
}
