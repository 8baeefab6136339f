//! Keys: menus, entries, and what is typed ahead.

use std::time::Instant;

use common::digits::Digit;

use super::{Action, Run, State};
use crate::program::{Collect, Menu, Op};

/// Keys pressed ahead of a step that wants them. More are forgotten: nobody types further ahead on purpose.
const TYPED_AHEAD_MAX: usize = 32;

impl Run {
    pub(super) fn begin_menu(&mut self, now: Instant, menu: &Menu) {
        match &menu.ask {
            Some(ask) if self.typed_ahead.is_empty() => self.say(ask),
            _ => self.state = State::MenuOpen { deadline: now + menu.timeout },
        }
        self.take_typed_ahead(now);
    }

    pub(super) fn begin_collect(&mut self, now: Instant, collect: &Collect) {
        self.state = State::Collecting { entry: String::new(), deadline: now + collect.first_digit_timeout };
        self.take_typed_ahead(now);
    }

    /// Gives the step that has begun what was typed before it; what it leaves is for the steps after it.
    pub(super) fn take_typed_ahead(&mut self, now: Instant) {
        while self.takes_keys() && !self.typed_ahead.is_empty() {
            let key = self.typed_ahead.remove(0);
            if let Some(digit) = Digit::from_char(key) {
                self.on_key(now, digit);
            }
        }
    }

    /// Whether a key would be an answer to the step.
    fn takes_keys(&self) -> bool {
        match (&self.node().op, &self.state) {
            (Op::Collect(_), State::Collecting { .. }) | (Op::Menu(_), State::MenuOpen { .. }) => true,
            (Op::Listen(listen), State::Listening { .. } | State::Holding { .. }) => !listen.keys.is_empty(),
            _ => false,
        }
    }

    pub(super) fn on_key(&mut self, now: Instant, digit: Digit) {
        if matches!(self.state, State::Over) {
            return;
        }
        let program = self.program.clone();
        let speaks = matches!(self.state, State::Speaking);
        match (&program.steps[usize::from(self.step.0)].op, &self.state) {
            (Op::Collect(collect), State::Collecting { .. }) => self.add_to_entry(now, collect, digit),
            (Op::Menu(menu), State::MenuOpen { .. } | State::Speaking) => {
                if speaks {
                    self.actions.push_back(Action::StopSpeaking);
                }
                self.take_keys(digit.to_string(), None);
                match menu.keys.iter().find(|(key, _)| *key == digit) {
                    Some((_, to)) => self.enter(now, *to),
                    None => self.on_miss(now),
                }
            }
            (Op::Listen(listen), State::Listening { .. } | State::Holding { .. } | State::Speaking)
                if !listen.keys.is_empty() =>
            {
                if speaks && !listen.barge_in.by_keys() {
                    return self.type_ahead(digit);
                }
                if speaks {
                    self.actions.push_back(Action::StopSpeaking);
                }
                let meant = listen.keys.iter().find(|(key, _)| *key == digit);
                let meant = meant.map(|(_, intent)| &listen.intents[*intent]);
                self.take_keys(digit.to_string(), meant.map(|(intent, _)| intent.clone()));
                match meant {
                    Some((intent, to)) => self.take_intent(now, intent, *to),
                    None => self.on_miss(now),
                }
            }
            (Op::Bot(_), State::Attended { .. }) => self.tell_bot(digit),
            (Op::Speak { barge_in, .. }, State::Speaking) if barge_in.by_keys() => {
                self.type_ahead(digit);
                self.actions.push_back(Action::StopSpeaking);
                self.enter_next(now);
            }
            _ => self.type_ahead(digit),
        }
    }

    fn add_to_entry(&mut self, now: Instant, collect: &Collect, digit: Digit) {
        let State::Collecting { entry, deadline } = &mut self.state else { return };
        let terminated = collect.terminator == Some(digit);
        if !terminated {
            entry.push(digit.as_char());
            *deadline = now + collect.next_digit_timeout;
        }
        if terminated || entry.len() >= collect.max_digits {
            let entry = std::mem::take(entry);
            self.complete_entry(now, entry);
        }
    }

    pub(super) fn complete_entry(&mut self, now: Instant, entry: String) {
        if let Op::Collect(collect) = &self.node().op
            && let Some(slot) = collect.save
        {
            self.values[slot].clone_from(&entry);
        }
        self.take_keys(entry.clone(), None);
        self.entries.push(entry);
        self.enter_next(now);
    }

    fn take_keys(&mut self, keys: String, intent: Option<String>) {
        self.answer = format!("pressed {keys}");
        if !keys.is_empty() {
            let step = self.step().to_owned();
            self.actions.push_back(Action::Pressed { step, keys: keys.clone(), intent });
        }
        self.set_built_in("digits", keys);
    }

    fn type_ahead(&mut self, digit: Digit) {
        if self.typed_ahead.len() < TYPED_AHEAD_MAX {
            self.typed_ahead.push(digit.as_char());
        }
    }
}
