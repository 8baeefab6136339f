//! Steps that wait for the callee.

use std::sync::Arc;

use common::digits::Digit;

use super::{Compiler, URL_MAX, ms};
use crate::document::{self, Expect};
use crate::program::vocabulary::{Others, Vocabulary, Wanted, said_for};
use crate::program::{Collect, Listen, Menu, Oracle, Target, Understand};

/// Phrases of an intent that a model is told as examples.
const EXAMPLES_MAX: usize = 8;

impl Compiler<'_> {
    pub(super) fn listen(&mut self, listen: &document::Listen, next: Target) -> Option<Listen> {
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
    pub(super) fn understand(
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
            let phrases = own.into_iter().flat_map(said_for).take(EXAMPLES_MAX).cloned();
            descriptions.push((own.and_then(|own| own.description.clone()), phrases.collect()));
        }
        Some(Understand {
            oracle,
            timeout: ms(understand.timeout_ms),
            always: understand.always,
            descriptions: descriptions.into(),
        })
    }

    /// What the answer to a question may be made of.
    pub(super) fn vocabulary(
        &mut self,
        listen: &document::Listen,
        language: &str,
    ) -> Option<Arc<Vocabulary>> {
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

    pub(super) fn menu(&mut self, menu: &document::Menu, next: Target) -> Option<Menu> {
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

    pub(super) fn collect(&mut self, collect: &document::Collect) -> Collect {
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

    pub(super) fn key(&mut self, field: &str, key: char) -> Option<Digit> {
        let digit = Digit::from_char(key);
        if digit.is_none() {
            self.faults.add(field, format!("`{key}` is no key: 0-9, *, # and A-D are"));
        }
        digit
    }
}
