//! Questions and answers by voice: barge-in, silence, what was heard.

use std::time::Instant;

use super::{ANSWER_GRACE, Action, Ask, Heard, Run, State};
use crate::program::{Listen, Op, Target};

/// The intent of callees who want no more calls, however it was known: by a phrase, a key, a server or a model.
pub const OPT_OUT: &str = "opt_out";

impl Run {
    pub(super) fn begin_listen(&mut self, now: Instant, listen: &Listen) {
        if listen.ask.is_none() || listen.barge_in.by_speech() {
            self.listen(listen);
        }
        let is_answered = !listen.keys.is_empty() && !self.typed_ahead.is_empty();
        match &listen.ask {
            Some(ask) if !is_answered => self.say(ask),
            _ => self.await_answer(now, listen),
        }
        self.take_typed_ahead(now);
    }

    fn await_answer(&mut self, now: Instant, listen: &Listen) {
        self.state = State::Listening { deadline: now + listen.silence_max };
        if self.on_hold {
            self.hold(now, listen);
        }
    }

    /// Music plays where an answer is waited for. It is none, however long.
    pub(super) fn on_music(&mut self, now: Instant) {
        self.on_hold = true;
        let program = self.program.clone();
        if let (Some(listen), State::Listening { .. }) = (program.question(self.step), &self.state) {
            self.hold(now, listen);
        }
    }

    fn hold(&mut self, now: Instant, listen: &Listen) {
        self.stop_listening();
        self.state = State::Holding { deadline: now + listen.hold_max };
    }

    /// Somebody may be there again, who has not heard the question.
    pub(super) fn on_music_over(&mut self, now: Instant) {
        self.on_hold = false;
        let program = self.program.clone();
        match (program.question(self.step), &self.state) {
            // The opening of a conversation is no question that could be asked again.
            (Some(listen), State::Holding { .. }) if self.conversed => {
                self.listen(listen);
                self.await_answer(now, listen);
            }
            (Some(listen), State::Holding { .. }) => self.begin_listen(now, listen),
            _ => {}
        }
    }

    /// Nobody has come back.
    pub(super) fn on_held_too_long(&mut self, now: Instant) {
        let program = self.program.clone();
        let Some(listen) = program.question(self.step) else { return };
        self.set_built_in("error", "hold");
        self.enter(now, listen.hold);
    }

    fn listen(&mut self, listen: &Listen) {
        if std::mem::replace(&mut self.listens, true) {
            return;
        }
        self.actions.push_back(Action::Listen(Ask {
            step: self.step,
            recogniser: listen.recogniser.clone(),
            language: listen.language.clone(),
            end_silence: listen.end_silence,
            speech_max: listen.speech_max,
            understanding_max: listen.understanding_max(),
        }));
    }

    pub(super) fn stop_listening(&mut self) {
        if std::mem::take(&mut self.listens) {
            self.actions.push_back(Action::StopListening);
        }
    }

    /// What was said came to its end by itself.
    pub(super) fn on_spoken(&mut self, now: Instant) {
        let program = self.program.clone();
        if self.lead_on(now) {
            return;
        }
        if let Some(listen) = program.question(self.step) {
            self.listen(listen);
            return self.await_answer(now, listen);
        }
        match &program.steps[usize::from(self.step.0)].op {
            Op::Menu(menu) => self.state = State::MenuOpen { deadline: now + menu.timeout },
            _ => self.enter_next(now),
        }
    }

    /// The callee began to speak: the question falls silent, and the patience is now for the end of the answer.
    pub(super) fn on_speech(&mut self, now: Instant) {
        let program = self.program.clone();
        let patience = |listen: &Listen| {
            let answer_max = ANSWER_GRACE + listen.understanding_max();
            State::Listening { deadline: now + listen.speech_max + answer_max }
        };
        match (program.question(self.step), &program.steps[usize::from(self.step.0)].op, &self.state) {
            // What the model has begun to do is done.
            (Some(_), _, State::Speaking) if self.leads_to.is_some() => {}
            (Some(listen), _, State::Speaking) if listen.barge_in.by_speech() => {
                self.actions.push_back(Action::StopSpeaking);
                self.listen(listen);
                self.state = patience(listen);
            }
            (Some(listen), _, State::Listening { .. }) => self.state = patience(listen),
            (None, Op::Speak { barge_in, .. }, State::Speaking) if barge_in.by_speech() => {
                self.actions.push_back(Action::StopSpeaking);
                self.enter_next(now);
            }
            _ => {}
        }
    }

    pub(super) fn on_heard(&mut self, now: Instant, heard: Heard) {
        if !std::mem::take(&mut self.listens) {
            return;
        }
        let program = self.program.clone();
        let Some(listen) = program.question(self.step) else { return };
        match (heard.text.trim().is_empty(), &self.state) {
            // A cough during the question.
            (true, State::Speaking) => return self.listen(listen),
            (true, _) => return self.on_silence(now),
            (false, _) => {}
        }
        if matches!(self.state, State::Speaking) {
            self.actions.push_back(Action::StopSpeaking);
        }
        self.answer.clone_from(&heard.text);
        if let Op::Converse(converse) = &program.steps[usize::from(self.step.0)].op {
            // The next silence is the first again: a conversation has many turns.
            self.silences = 0;
            return self.say_to_model(converse, heard.text);
        }
        let meant = heard.intent.and_then(|meant| listen.intents.iter().find(|(intent, _)| *intent == meant));
        let is_answer = heard.value.is_some() || listen.intents.is_empty() && listen.expect.is_none();
        if let Some(slot) = listen.save
            && (meant.is_some() || is_answer)
        {
            self.values[slot].clone_from(heard.value.as_ref().unwrap_or(&heard.text));
        }
        self.set_built_in("said", heard.text);
        match meant {
            Some((intent, to)) => self.take_intent(now, intent, *to),
            None if is_answer => self.enter_next(now),
            None => self.on_miss(now),
        }
    }

    pub(super) fn take_intent(&mut self, now: Instant, intent: &str, to: Target) {
        if intent == OPT_OUT {
            self.opt_out();
        }
        self.set_built_in("intent", intent);
        self.stop_listening();
        self.enter(now, to);
    }

    pub(super) fn on_recogniser_gone(&mut self, now: Instant) {
        if !std::mem::take(&mut self.listens) {
            return;
        }
        let program = self.program.clone();
        let Some(listen) = program.question(self.step) else { return };
        if matches!(self.state, State::Speaking) {
            self.actions.push_back(Action::StopSpeaking);
        }
        self.set_built_in("error", "recogniser");
        self.enter(now, listen.gone);
    }

    /// Nothing came in time.
    pub(super) fn on_silence(&mut self, now: Instant) {
        self.stop_listening();
        let program = self.program.clone();
        let ladder = match &program.steps[usize::from(self.step.0)].op {
            Op::Listen(listen) => &listen.no_input,
            Op::Converse(converse) => &converse.listen.no_input,
            Op::Menu(menu) => &menu.no_input,
            _ => return,
        };
        self.silences += 1;
        self.tally.no_inputs += 1;
        match ladder.again.get(self.silences - 1) {
            Some(again) => self.ask_again(again),
            None => self.enter(now, ladder.to),
        }
    }

    /// What came is none of what was asked for.
    pub(super) fn on_miss(&mut self, now: Instant) {
        self.stop_listening();
        let program = self.program.clone();
        let ladder = match &program.steps[usize::from(self.step.0)].op {
            Op::Listen(listen) => &listen.no_match,
            Op::Menu(menu) => &menu.no_match,
            _ => return,
        };
        self.misses += 1;
        self.tally.no_matches += 1;
        match ladder.again.get(self.misses - 1) {
            Some(again) => self.ask_again(again),
            None => self.enter(now, ladder.to),
        }
    }

    /// The tone has come, or was waited for long enough.
    pub(super) fn leave_message(&mut self) {
        let program = self.program.clone();
        if let Op::LeaveMessage { message, .. } = &program.steps[usize::from(self.step.0)].op {
            self.say(message);
        }
    }

    fn ask_again(&mut self, again: &crate::Utterance) {
        let program = self.program.clone();
        if let Some(listen) = program.question(self.step)
            && listen.barge_in.by_speech()
        {
            self.listen(listen);
        }
        self.say(again);
    }
}
