//! From what a person wrote to a program, with every fault on the way.

mod ask;
mod serve;
mod talk;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::vocabulary::Vocabularies;
use super::{Ladder, Node, Op, Program, StepIndex, Target, Utterance};
use crate::check::{Fault, Faults};
use crate::document::{self, Document, Speech, Step, StepKind};
use crate::template::{Template, is_variable};

/// Variables that every call has: the last intent, what was last said, the last key or digits, why the last request failed.
pub(crate) const BUILT_IN: [&str; 4] = ["intent", "said", "digits", "error"];

/// Variables of the contact begin with this; which ones a contact has is not known before the call.
const CONTACT: &str = "contact.";

const STEPS_MAX: usize = 500;
/// Characters of what is said at once.
pub(crate) const SENTENCE_MAX: usize = 2_000;
const URL_MAX: usize = 2_000;
const BODY_MAX: usize = 20_000;

pub(super) fn compile(document: &Document) -> Result<Program, Vec<Fault>> {
    let mut compiler = Compiler::new(document);
    compiler.check_whole(document);
    let steps: Vec<_> =
        document.steps.iter().enumerate().map(|(index, step)| compiler.step(index, step)).collect();
    let Compiler { mut faults, variables, .. } = compiler;
    let Some(steps) = steps.into_iter().collect::<Option<Vec<_>>>().filter(|_| faults.is_empty()) else {
        return Err(faults.into_found());
    };
    super::graph::check(&steps, &mut faults);
    if !faults.is_empty() {
        return Err(faults.into_found());
    }
    let place = |name: &String| variables.iter().position(|known| known == name).expect("all are declared");
    let first_values = document.variables.iter().map(|(name, value)| (place(name), value.clone())).collect();
    Ok(Program {
        name: document.name.clone(),
        language: document.language.clone(),
        first_values,
        variables,
        steps,
    })
}

struct Compiler<'a> {
    language: &'a str,
    intents: &'a BTreeMap<String, document::Intent>,
    steps: usize,
    by_id: HashMap<&'a str, StepIndex>,
    variables: Vec<String>,
    vocabularies: Vocabularies<'a>,
    faults: Faults,
}

impl<'a> Compiler<'a> {
    fn new(document: &'a Document) -> Self {
        let mut names: Vec<String> = BUILT_IN.iter().map(|name| (*name).to_owned()).collect();
        let mut known: HashSet<&str> = BUILT_IN.into();
        for name in document.variables.keys().map(String::as_str).chain(document.steps.iter().flat_map(saved))
        {
            if known.insert(name) {
                names.push(name.to_owned());
            }
        }
        let by_id = document.steps.iter().enumerate().take(STEPS_MAX);
        let by_id = by_id.filter_map(|(n, step)| Some((step.id.as_deref()?, StepIndex(n as u16)))).collect();
        Self {
            language: &document.language,
            intents: &document.intents,
            steps: document.steps.len(),
            by_id,
            variables: names,
            vocabularies: Vocabularies::new(&document.intents),
            faults: Faults::default(),
        }
    }

    fn check_whole(&mut self, document: &Document) {
        self.faults.text("name", &document.name, 100);
        if document.name.trim() != document.name || document.name.chars().any(char::is_control) {
            self.faults.add("name", "must not have control characters, or white space at its ends");
        }
        self.language("language", &document.language);
        self.faults.count("variables", document.variables.len(), 0..=100);
        self.faults.count("intents", document.intents.len(), 0..=100);
        self.faults.count("steps", document.steps.len(), 1..=STEPS_MAX);
        for (name, value) in &document.variables {
            if !is_variable(name) || name.starts_with(CONTACT) || BUILT_IN.contains(&name.as_str()) {
                self.faults.add(
                    format!("variables.{name}"),
                    "cannot be declared: letters, digits, `_`, `-` and `.` make a name, `contact.` begins those of the contact, \
                     and `intent`, `said`, `digits` and `error` are there already",
                );
            }
            if value.chars().count() > SENTENCE_MAX {
                self.faults
                    .add(format!("variables.{name}"), format!("must have at most {SENTENCE_MAX} characters"));
            }
        }
        let mut seen = HashSet::new();
        for (index, step) in document.steps.iter().enumerate() {
            let Some(id) = step.id.as_deref() else { continue };
            self.faults.at(step.place(index));
            let is_name = id.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
            if !(1..=64).contains(&id.chars().count()) || !is_name {
                self.faults.add("id", "must have 1 to 64 letters, digits, `_` and `-`");
            }
            if !seen.insert(id) {
                self.faults.add("id", format!("another step is called `{id}` too"));
            }
        }
    }

    fn step(&mut self, index: usize, step: &Step) -> Option<Node> {
        self.faults.at(step.place(index));
        let below = (index + 1 < self.steps.min(STEPS_MAX)).then_some(StepIndex(index as u16 + 1));
        let next = match &step.next {
            Some(id) => self.target("next", id),
            None => below,
        };
        let op = match &step.kind {
            StepKind::Play(play) => {
                Op::Speak { utterance: Utterance::Prompt(play.prompt), barge_in: play.barge_in }
            }
            StepKind::Say(say) => Op::Speak {
                utterance: self.sentence("text", &say.text, say.voice.as_ref(), say.language.as_ref())?,
                barge_in: say.barge_in,
            },
            StepKind::Listen(listen) => Op::Listen(Box::new(self.listen(listen, next)?)),
            StepKind::Menu(menu) => Op::Menu(Box::new(self.menu(menu, next)?)),
            StepKind::Collect(collect) => Op::Collect(self.collect(collect)),
            StepKind::Set(set) => {
                self.faults.count("values", set.values.len(), 1..=20);
                Op::Set(self.templates("values", &set.values, SENTENCE_MAX)?)
            }
            StepKind::Branch(branch) => self.branch(branch)?,
            StepKind::Http(http) => Op::Http(Box::new(self.http(http, next)?)),
            StepKind::Webhook(webhook) => Op::Webhook(Box::new(self.webhook(webhook))),
            StepKind::Converse(converse) => Op::Converse(Box::new(self.converse(converse, next)?)),
            StepKind::Bot(bot) => Op::Bot(Box::new(self.bot(bot, next)?)),
            StepKind::Record(record) => Op::Record(record.on),
            StepKind::OptOut(_) => Op::OptOut,
            StepKind::LeaveMessage(leave) => {
                self.faults.range("beep_ms_max", leave.beep_ms_max as usize, 1_000..=60_000);
                Op::LeaveMessage {
                    message: self.speech("message", &leave.message)?,
                    beep_max: ms(leave.beep_ms_max),
                }
            }
            StepKind::Transfer(transfer) => Op::Transfer(Box::new(self.transfer(transfer, next)?)),
            StepKind::Wait(wait) => {
                self.faults.range("ms", wait.ms as usize, 1..=3_600_000);
                Op::Wait(ms(wait.ms))
            }
            StepKind::HangUp(hang_up) => {
                if let Some(disposition) = &hang_up.disposition {
                    self.faults.text("disposition", disposition, 64);
                }
                if step.next.is_some() {
                    self.faults.add("next", "nothing comes after the end of the call");
                }
                Op::HangUp { disposition: hang_up.disposition.clone() }
            }
        };
        let name = step.id.clone().unwrap_or_else(|| (index + 1).to_string());
        Some(Node { name, next, op })
    }

    fn target(&mut self, field: &str, id: &str) -> Target {
        let target = self.by_id.get(id).copied();
        if target.is_none() {
            self.faults.add(field, format!("there is no step called `{id}`"));
        }
        target
    }

    fn target_or(&mut self, field: &str, id: Option<&String>, otherwise: Target) -> Target {
        id.map_or(otherwise, |id| self.target(field, id))
    }

    fn language(&mut self, field: &str, language: &str) {
        let is_tag =
            |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
        if language.len() > 35 || !language.split('-').all(is_tag) {
            self.faults.add(field, "must be a BCP 47 tag, such as `en` or `zh-CN`");
        }
    }

    fn template(&mut self, field: &str, text: &str, max: usize) -> Option<Template> {
        self.faults.text(field, text, max);
        let variables = &mut self.variables;
        match Template::parse(text, &mut |name| place(variables, name)) {
            Ok(template) => Some(template),
            Err(error) => {
                self.faults.add(field, error.to_string());
                None
            }
        }
    }

    fn templates(
        &mut self,
        field: &str,
        texts: &BTreeMap<String, String>,
        max: usize,
    ) -> Option<Box<[(usize, Template)]>> {
        let mut templates = Vec::new();
        for (name, text) in texts {
            let slot = self.saved_in(&format!("{field}.{name}"), name);
            // An empty value takes a variable's content away.
            let template = if text.is_empty() {
                Some(Template::default())
            } else {
                self.template(&format!("{field}.{name}"), text, max)
            };
            templates.push((slot?, template?));
        }
        Some(templates.into())
    }

    /// Place of a variable that a step writes.
    fn saved_in(&mut self, field: &str, name: &str) -> Option<usize> {
        if !is_variable(name) || name.starts_with(CONTACT) || BUILT_IN.contains(&name) {
            let problem = format!("`{name}` cannot be written: take a name of the script's own");
            self.faults.add(field, problem);
            return None;
        }
        place(&mut self.variables, name)
    }

    fn sentence(
        &mut self,
        field: &str,
        text: &str,
        voice: Option<&String>,
        language: Option<&String>,
    ) -> Option<Utterance> {
        let language = language.map_or(self.language, String::as_str).to_owned();
        self.language("language", &language);
        if let Some(voice) = voice {
            self.faults.text("voice", voice, 64);
        }
        let text = self.template(field, text, SENTENCE_MAX)?;
        Some(Utterance::Sentence { text, voice: voice.cloned(), language })
    }

    fn speech(&mut self, field: &str, speech: &Speech) -> Option<Utterance> {
        match speech {
            Speech::Prompt { prompt } => Some(Utterance::Prompt(*prompt)),
            Speech::Text(text) => self.sentence(field, text, None, None),
        }
    }

    fn ask(&mut self, ask: Option<&Speech>) -> Option<Option<Utterance>> {
        match ask {
            None => Some(None),
            Some(speech) => self.speech("ask", speech).map(Some),
        }
    }

    fn ladder(&mut self, field: &str, ladder: &document::Ladder, next: Target) -> Option<Ladder> {
        self.faults.count(&format!("{field}.again"), ladder.again.len(), 0..=10);
        let again: Vec<_> = ladder
            .again
            .iter()
            .enumerate()
            .map(|(n, speech)| self.speech(&format!("{field}.again[{n}]"), speech))
            .collect();
        let to = self.target_or(&format!("{field}.to"), ladder.to.as_ref(), next);
        Some(Ladder { again: again.into_iter().collect::<Option<Vec<_>>>()?.into(), to })
    }

    fn branch(&mut self, branch: &document::Branch) -> Option<Op> {
        self.faults.count("cases", branch.cases.len(), 1..=50);
        let mut ways = Vec::new();
        for (n, case) in branch.cases.iter().enumerate() {
            let to = self.target(&format!("cases[{n}].to"), &case.to);
            let (variables, faults) = (&mut self.variables, &mut self.faults);
            let test = case.when.resolve(
                &format!("cases[{n}].when"),
                &mut |name| place(variables, name),
                &mut |field, problem| faults.add(field, problem),
            );
            ways.push((test?, to));
        }
        Some(Op::Branch(ways.into()))
    }
}

/// Place of a variable, made for one of the contact's when it is first named.
fn place(variables: &mut Vec<String>, name: &str) -> Option<usize> {
    if let Some(place) = variables.iter().position(|known| known == name) {
        return Some(place);
    }
    if !name.starts_with(CONTACT) || name.len() == CONTACT.len() {
        return None;
    }
    variables.push(name.to_owned());
    Some(variables.len() - 1)
}

/// Variables that a step writes.
fn saved(step: &Step) -> Vec<&str> {
    match &step.kind {
        StepKind::Listen(document::Listen { save, .. })
        | StepKind::Collect(document::Collect { save, .. }) => save.iter().map(String::as_str).collect(),
        StepKind::Set(set) => set.values.keys().map(String::as_str).collect(),
        StepKind::Http(http) => http.save.keys().map(String::as_str).collect(),
        StepKind::Converse(converse) => converse.fields.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

fn ms(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}
