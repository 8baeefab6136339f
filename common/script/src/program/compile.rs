//! From what a person wrote to a program, with every fault on the way.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use common::digits::Digit;

use super::callee::Whom;
use super::vocabulary::{Others, Vocabularies, Vocabulary, Wanted};
use super::{
    Bot, Collect, Converse, Http, Ladder, Listen, Menu, Node, Op, Oracle, Program, StepIndex, Target,
    Transfer, Understand, Utterance, Webhook,
};
use crate::check::{Fault, Faults};
use crate::document::{self, Document, Expect, Speech, Step, StepKind};
use crate::template::{Escape, Template, is_variable};

/// Variables that every call has: the last intent, what was last said, the last key or digits, why the last request failed.
pub(crate) const BUILT_IN: [&str; 4] = ["intent", "said", "digits", "error"];

/// Variables of the contact begin with this; which ones a contact has is not known before the call.
const CONTACT: &str = "contact.";

const STEPS_MAX: usize = 500;
const SENTENCE_MAX: usize = 2_000;
const URL_MAX: usize = 2_000;
const BODY_MAX: usize = 20_000;
/// How long callees may speak to a model at a time.
const SPEECH_MS_MAX: u32 = 60_000;
/// Stands in the URL of a model's look-ups for what it looks for.
const QUERY: &str = "{{query}}";
/// Phrases of an intent that a model is told as examples.
const EXAMPLES_MAX: usize = 8;

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

    fn key(&mut self, field: &str, key: char) -> Option<Digit> {
        let digit = Digit::from_char(key);
        if digit.is_none() {
            self.faults.add(field, format!("`{key}` is no key: 0-9, *, # and A-D are"));
        }
        digit
    }

    fn listen(&mut self, listen: &document::Listen, next: Target) -> Option<Listen> {
        self.faults.range("silence_ms_max", listen.silence_ms_max as usize, 500..=60_000);
        self.faults.range("speech_ms_max", listen.speech_ms_max as usize, 500..=120_000);
        self.faults.range("end_silence_ms", listen.end_silence_ms as usize, 200..=5_000);
        self.faults.range("hold_ms_max", listen.hold_ms_max as usize, 0..=600_000);
        self.faults.count("intents", listen.intents.len(), 0..=50);
        if let Some(recogniser) = &listen.recogniser {
            self.faults.text("recogniser", recogniser, 64);
        }
        let language = listen.language.as_deref().unwrap_or(self.language).to_owned();
        self.language("language", &language);
        let intents: Vec<_> = listen
            .intents
            .iter()
            .map(|(intent, to)| {
                self.faults.text("intents", intent, 64);
                (intent.clone(), self.target(&format!("intents.{intent}"), to))
            })
            .collect();
        let vocabulary = self.vocabulary(listen, &language);
        let understand = match &listen.understand {
            None => None,
            Some(understand) => Some(Box::new(self.understand(understand, listen)?)),
        };
        let mut keys = Vec::new();
        for (key, intent) in &listen.keys {
            let field = format!("keys.{key}");
            let digit = self.key(&field, *key);
            match (digit, intents.iter().position(|(known, _)| known == intent)) {
                (Some(digit), Some(index)) => keys.push((digit, index)),
                (_, None) => self.faults.add(field, format!("`{intent}` is none of the step's intents")),
                (None, _) => {}
            }
        }
        let ask = self.ask(listen.ask.as_ref())?;
        let save = match &listen.save {
            None => None,
            Some(name) => Some(self.saved_in("save", name)?),
        };
        let no_input = self.ladder("no_input", &listen.no_input, next)?;
        let no_match = self.ladder("no_match", &listen.no_match, next)?;
        let gone = self.target_or("gone", listen.gone.as_ref(), no_match.to);
        let hold = self.target_or("hold", listen.hold.as_ref(), no_input.to);
        Some(Listen {
            ask,
            barge_in: listen.barge_in,
            recogniser: listen.recogniser.clone(),
            language,
            intents: intents.into(),
            vocabulary: vocabulary?,
            expect: listen.expect,
            understand,
            keys: keys.into(),
            save,
            silence_max: ms(listen.silence_ms_max),
            speech_max: ms(listen.speech_ms_max),
            end_silence: ms(listen.end_silence_ms),
            hold_max: ms(listen.hold_ms_max),
            hold,
            no_input,
            no_match,
            gone,
        })
    }

    /// Who is asked what answers mean.
    fn understand(
        &mut self,
        understand: &document::Understand,
        listen: &document::Listen,
    ) -> Option<Understand> {
        self.faults.range("understand.timeout_ms", understand.timeout_ms as usize, 100..=10_000);
        self.faults.count("understand.headers", understand.headers.len(), 0..=20);
        if listen.intents.is_empty() && listen.expect.is_none() {
            self.faults.add("understand", "has nothing to find: give the step `intents`, or `expect`");
        }
        for name in understand.headers.keys() {
            self.header_name(format!("understand.headers.{name}"), name);
        }
        let oracle = match (&understand.url, &understand.model) {
            (Some(url), None) => {
                self.faults.text("understand.url", url, URL_MAX);
                self.check_url("understand.url", url, true);
                let headers = understand.headers.clone().into_iter().collect();
                Oracle::Server { url: url.clone(), headers }
            }
            (None, Some(model)) => {
                self.faults.text("understand.model", model, 64);
                if !understand.headers.is_empty() {
                    self.faults.add(
                        "understand.headers",
                        "are for a server; a model has its own in the configuration",
                    );
                }
                Oracle::Model(model.clone())
            }
            _ => {
                self.faults.add("understand", "must have either a `url` or a `model`");
                return None;
            }
        };
        let mut descriptions = Vec::new();
        for name in listen.intents.keys() {
            let own = self.intents.get(name);
            if let Some(description) = own.and_then(|own| own.description.as_ref()) {
                self.faults.text(&format!("intents.{name}.description"), description, 500);
            }
            let phrases = own.map_or(&[][..], |own| &own.phrases).iter().take(EXAMPLES_MAX).cloned();
            descriptions.push((own.and_then(|own| own.description.clone()), phrases.collect()));
        }
        Some(Understand {
            oracle,
            timeout: ms(understand.timeout_ms),
            always: understand.always,
            descriptions: descriptions.into(),
        })
    }

    fn header_name(&mut self, field: String, name: &str) {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(is_token) {
            self.faults.add(field, "is no name of a header field (RFC 9110 section 5.1)");
        }
    }

    fn converse(&mut self, converse: &document::Converse, next: Target) -> Option<Converse> {
        self.faults.range("slow_ms", converse.slow_ms as usize, 300..=10_000);
        self.faults.range("answer_ms_max", converse.answer_ms_max as usize, 1_000..=30_000);
        self.faults.range("turns_max", converse.turns_max as usize, 1..=200);
        self.faults.range("seconds_max", converse.seconds_max as usize, 10..=3_600);
        self.faults.range("tokens_max", converse.tokens_max as usize, 100..=1_000_000);
        self.faults.range("words_max", converse.words_max as usize, 5..=1_000);
        self.faults.count("fields", converse.fields.len(), 0..=20);
        self.faults.count("forbidden", converse.forbidden.len(), 0..=100);
        for name in [&converse.model, &converse.voice].into_iter().flatten() {
            self.faults.text("model and voice", name, 64);
        }
        for word in &converse.forbidden {
            self.faults.text("forbidden", word, 200);
        }
        if let Some(line) = &converse.slow_line {
            self.faults.text("slow_line", line, SENTENCE_MAX);
        }
        let slow_line = |line: &String| Utterance::Sentence {
            text: Template::constant(line),
            voice: converse.voice.clone(),
            language: converse.language.as_deref().unwrap_or(self.language).to_owned(),
        };
        let slow = converse.slow_line.as_ref().map(|line| (converse.slow_ms, slow_line(line)));
        let over = self.target_or("over", converse.over.as_ref(), next);
        let failed = self.target_or("failed", converse.failed.as_ref(), over);
        let tools: Vec<_> = converse
            .tools
            .iter()
            .map(|(tool, to)| (*tool, self.target(&format!("tools.{}", tool.name()), to)))
            .collect();
        let fields: Option<Vec<_>> = converse
            .fields
            .iter()
            .map(|name| self.saved_in("fields", name).map(|slot| (name.clone(), slot)))
            .collect();
        let look_up = match &converse.look_up {
            None => None,
            Some(url) => Some(self.look_up(url)?),
        };
        let prompt = self.template("prompt", &converse.prompt, BODY_MAX);
        let listen = document::Listen {
            ask: converse.opening.clone(),
            barge_in: converse.barge_in,
            recogniser: converse.recogniser.clone(),
            language: converse.language.clone(),
            intents: BTreeMap::new(),
            keys: BTreeMap::new(),
            expect: None,
            understand: None,
            save: None,
            silence_ms_max: converse.silence_ms_max,
            speech_ms_max: SPEECH_MS_MAX,
            end_silence_ms: converse.end_silence_ms,
            hold_ms_max: document::hold_ms_max(),
            hold: None,
            no_input: converse.no_input.clone(),
            no_match: document::Ladder::default(),
            gone: None,
        };
        let listen = Listen { gone: failed, ..self.listen(&listen, next)? };
        Some(Converse {
            listen,
            model: converse.model.clone(),
            prompt: prompt?,
            tools: tools.into(),
            fields: fields?.into(),
            look_up,
            forbidden: converse.forbidden.iter().map(|word| word.to_lowercase()).collect(),
            slow,
            answer_ms_max: converse.answer_ms_max,
            turns_max: converse.turns_max,
            seconds_max: converse.seconds_max,
            tokens_max: converse.tokens_max,
            words_max: converse.words_max,
            voice: converse.voice.clone(),
            over,
        })
    }

    fn bot(&mut self, bot: &document::Bot, next: Target) -> Option<Bot> {
        self.faults.range("seconds_max", bot.seconds_max as usize, 1..=3_600);
        self.faults.count("parameters", bot.parameters.len(), 0..=20);
        if let Some(name) = &bot.bot {
            self.faults.text("bot", name, 64);
        }
        let over = self.target_or("over", bot.over.as_ref(), next);
        let failed = self.target_or("failed", bot.failed.as_ref(), over);
        let mut parameters = Vec::new();
        for (name, text) in &bot.parameters {
            self.faults.text("parameters", name, 64);
            parameters.push((name.clone(), self.template(&format!("parameters.{name}"), text, BODY_MAX)?));
        }
        let time_max = Duration::from_secs(bot.seconds_max.into());
        Some(Bot { bot: bot.bot.clone(), parameters: parameters.into(), time_max, over, failed })
    }

    /// The URL of a model's look-ups. What it looks for is put in by who asks, so its place is left as it is.
    fn look_up(&mut self, url: &str) -> Option<Template> {
        if !url.contains(QUERY) {
            self.faults.add("look_up", format!("must have {QUERY} where what is looked for belongs"));
            return None;
        }
        let before = url.split(QUERY).next().unwrap_or_default();
        if before.split_once("://").is_none_or(|(_, rest)| !rest.contains('/')) {
            self.faults.add(
                "look_up",
                format!("must name the host itself: {QUERY} belongs behind the first `/` after it"),
            );
            return None;
        }
        let template = self.template("look_up", &url.replace(QUERY, "{}"), URL_MAX)?;
        self.check_url("look_up", template.literal_start(), template.is_constant());
        Some(template)
    }

    /// What the answer to a question may be made of.
    fn vocabulary(&mut self, listen: &document::Listen, language: &str) -> Option<Arc<Vocabulary>> {
        for name in listen.intents.keys() {
            let is_known = understanding::Intent::built_in(name).is_some() || self.intents.contains_key(name);
            if !is_known && listen.understand.is_none() {
                let problem = format!(
                    "nobody knows what means `{name}`: give its phrases under the script's `intents`"
                );
                self.faults.add(format!("intents.{name}"), problem);
            }
        }
        let others = match listen.expect {
            None if listen.intents.is_empty() => Others::Anything,
            None => Others::Nothing,
            Some(Expect::Number | Expect::Digits) => Others::Numbers,
            Some(Expect::Date) => Others::Anything,
        };
        let wanted = Wanted {
            intents: listen.intents.keys().cloned().collect(),
            language: language.to_owned(),
            others,
        };
        let vocabulary = self.vocabularies.get(wanted);
        vocabulary
            .map_err(|wrong| wrong.into_iter().for_each(|(field, problem)| self.faults.add(field, problem)))
            .ok()
    }

    fn menu(&mut self, menu: &document::Menu, next: Target) -> Option<Menu> {
        self.faults.range("timeout_ms", menu.timeout_ms as usize, 100..=60_000);
        self.faults.count("keys", menu.keys.len(), 1..=16);
        let mut keys = Vec::new();
        for (key, to) in &menu.keys {
            let field = format!("keys.{key}");
            let target = self.target(&field, to);
            keys.extend(self.key(&field, *key).map(|digit| (digit, target)));
        }
        let ask = self.ask(menu.ask.as_ref())?;
        let no_input = self.ladder("no_input", &menu.no_input, next)?;
        let no_match = self.ladder("no_match", &menu.no_match, next)?;
        Some(Menu { ask, keys: keys.into(), timeout: ms(menu.timeout_ms), no_input, no_match })
    }

    fn collect(&mut self, collect: &document::Collect) -> Collect {
        self.faults.range("max_digits", collect.max_digits as usize, 1..=32);
        let first = collect.first_digit_timeout_ms as usize;
        self.faults.range("first_digit_timeout_ms", first, 100..=60_000);
        self.faults.range("next_digit_timeout_ms", collect.next_digit_timeout_ms as usize, 100..=60_000);
        Collect {
            max_digits: collect.max_digits as usize,
            first_digit_timeout: ms(collect.first_digit_timeout_ms),
            next_digit_timeout: ms(collect.next_digit_timeout_ms),
            terminator: collect.terminator.and_then(|key| self.key("terminator", key)),
            save: collect.save.as_ref().and_then(|name| self.saved_in("save", name)),
        }
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

    fn http(&mut self, http: &document::Http, next: Target) -> Option<Http> {
        self.faults.range("timeout_ms", http.timeout_ms as usize, 100..=30_000);
        self.faults.range("keep_s", http.keep_s as usize, 0..=86_400);
        self.faults.count("headers", http.headers.len(), 0..=20);
        self.faults.count("save", http.save.len(), 0..=20);
        if http.keep_s > 0 && http.method != document::Method::Get {
            self.faults.add("keep_s", "only answers to GET are kept");
        }
        let url = self.template("url", &http.url, URL_MAX)?;
        self.check_url("url", url.literal_start(), url.is_constant());
        let mut headers = Vec::new();
        for (name, value) in &http.headers {
            let field = format!("headers.{name}");
            self.header_name(field.clone(), name);
            headers.push((name.clone(), self.template(&field, value, URL_MAX)?));
        }
        let body = match &http.body {
            None => None,
            Some(body) => Some((self.template("body", body, BODY_MAX)?, body_escape(&http.headers))),
        };
        if let Some((template, None)) = &body
            && !template.is_constant()
        {
            self.faults.add(
                "body",
                "has variables, whose content cannot be escaped in this `content-type`: only JSON and \
                 `application/x-www-form-urlencoded` take variables",
            );
        }
        let body = body.map(|(template, escape)| (template, escape.unwrap_or(Escape::Nothing)));
        let mut save = Vec::new();
        for (name, pointer) in &http.save {
            let field = format!("save.{name}");
            if !pointer.is_empty() && !pointer.starts_with('/') {
                self.faults.add(field.clone(), "must be a JSON pointer (RFC 6901), such as `/customer/name`");
            }
            save.push((self.saved_in(&field, name)?, pointer.clone()));
        }
        Some(Http {
            url,
            method: http.method,
            headers: headers.into(),
            body,
            timeout: ms(http.timeout_ms),
            keep: Duration::from_secs(http.keep_s.into()),
            save: save.into(),
            failed: self.target_or("failed", http.failed.as_ref(), next),
        })
    }

    /// `start` is what of the URL is known before the call: scheme and host must be.
    fn check_url(&mut self, field: &str, start: &str, is_whole: bool) {
        let rest = start.strip_prefix("https://").or_else(|| start.strip_prefix("http://"));
        let Some(rest) = rest else {
            return self.faults.add(field, "must begin with `http://` or `https://`");
        };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.len() == rest.len() && !is_whole {
            self.faults.add(field, "must name the host itself: no variable before the first `/` after it");
        }
        if host.is_empty() || host.contains('@') || host.chars().any(|c| c.is_whitespace() || c.is_control())
        {
            self.faults
                .add(field, "must have a host, without user name and password (a header carries those)");
        }
    }

    fn webhook(&mut self, webhook: &document::Webhook) -> Webhook {
        self.faults.range("timeout_ms", webhook.timeout_ms as usize, 100..=10_000);
        self.faults.range("retries", webhook.retries as usize, 0..=3);
        self.faults.text("url", &webhook.url, URL_MAX);
        self.check_url("url", &webhook.url, true);
        Webhook {
            url: webhook.url.clone(),
            timeout: ms(webhook.timeout_ms),
            retries: webhook.retries,
            failed: self.target_or("failed", webhook.failed.as_ref(), None),
        }
    }

    fn transfer(&mut self, transfer: &document::Transfer, next: Target) -> Option<Transfer> {
        self.faults.range("timeout_ms", transfer.timeout_ms as usize, 1_000..=120_000);
        let to = self.template("to", &transfer.to, 200)?;
        let whom = Whom::new(to, |slot| self.variables[slot].starts_with(CONTACT));
        Some(Transfer {
            to: whom.map_err(|problem| self.faults.add("to", problem)).ok()?,
            mode: transfer.mode,
            timeout: ms(transfer.timeout_ms),
            failed: self.target_or("failed", transfer.failed.as_ref(), next),
        })
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

/// How a variable is escaped in the body of a request with these header fields; `None` if nobody knows.
fn body_escape(headers: &document::Headers) -> Option<Escape> {
    let content_type = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let Some((_, content_type)) = content_type else { return Some(Escape::Json) };
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "application/x-www-form-urlencoded" => Some(Escape::Url),
        "application/json" | "text/json" => Some(Escape::Json),
        // RFC 6839 section 3.1.
        other if other.ends_with("+json") && !other.contains('{') => Some(Escape::Json),
        _ => None,
    }
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
