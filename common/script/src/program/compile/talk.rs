//! Steps in which a language model or a bot talks.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{BODY_MAX, Compiler, SENTENCE_MAX, URL_MAX};
use crate::document;
use crate::program::{Bot, Converse, Listen, Target, Utterance};
use crate::template::Template;

/// How long callees may speak to a model at a time.
const SPEECH_MS_MAX: u32 = 60_000;
/// Stands in the URL of a model's look-ups for what it looks for.
const QUERY: &str = "{{query}}";

impl Compiler<'_> {
    pub(super) fn converse(&mut self, converse: &document::Converse, next: Target) -> Option<Converse> {
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

    /// The URL of a model's look-ups. What it looks for is put in by who asks, so its place is left as it is.
    pub(super) fn look_up(&mut self, url: &str) -> Option<Template> {
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

    pub(super) fn bot(&mut self, bot: &document::Bot, next: Target) -> Option<Bot> {
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
}
