//! What a call does after the answer: a list of steps, and the run of one call through it.
//!
//! The run is a machine of its own: inputs are the start, a prompt's end, a digit and the time; effects leave through
//! [`Run::poll_action`].

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::digits::Digit;
use media::Prompt;

/// A script with its prompts at hand, shared by all calls that run it.
#[derive(Debug)]
pub struct Script {
    /// Done in order; the call ends after the last.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug)]
pub enum Step {
    /// Play a prompt to its end.
    Play {
        /// What.
        prompt: Arc<Prompt>,
        /// A digit stops it, and counts for the next [`Step::Collect`].
        barge_in: bool,
    },
    /// Collect digits.
    Collect {
        /// Complete with so many.
        max_digits: usize,
        /// Give up when no digit came for so long.
        first_digit_timeout: Duration,
        /// Complete when no further digit came for so long.
        next_digit_timeout: Duration,
        /// Completes it, and is not part of it.
        terminator: Option<Digit>,
    },
    /// Say nothing for a while.
    Wait(Duration),
    /// End the call.
    HangUp,
}

/// What the call shall do.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Play(Arc<Prompt>),
    StopPlaying,
    HangUp,
}

/// Digits pressed ahead of a `collect` step. More are forgotten: nobody types further ahead on purpose.
const TYPED_AHEAD_MAX: usize = 32;

#[derive(Debug)]
enum State {
    NotStarted,
    Playing { barge_in: bool },
    Collecting { entry: String, deadline: Instant },
    Waiting { until: Instant },
    Done,
}

/// One call's way through a script.
#[derive(Debug)]
pub(crate) struct Run {
    script: Arc<Script>,
    /// The step that `state` belongs to.
    step: usize,
    state: State,
    typed_ahead: String,
    action: Option<Action>,
    entries: Vec<String>,
}

impl Run {
    pub(crate) fn new(script: Arc<Script>) -> Self {
        Self {
            script,
            step: 0,
            state: State::NotStarted,
            typed_ahead: String::new(),
            action: None,
            entries: Vec::new(),
        }
    }

    /// The call was answered.
    pub(crate) fn start(&mut self, now: Instant) {
        if matches!(self.state, State::NotStarted) {
            self.enter_step(now, 0);
        }
    }

    pub(crate) fn on_prompt_ended(&mut self, now: Instant) {
        if matches!(self.state, State::Playing { .. }) {
            self.enter_step(now, self.step + 1);
        }
    }

    pub(crate) fn on_digit(&mut self, now: Instant, digit: Digit) {
        match &self.state {
            State::Collecting { .. } => self.collect(now, digit),
            State::Playing { barge_in: true } => {
                self.type_ahead(digit);
                // Unless a prompt follows, which replaces it.
                self.action = Some(Action::StopPlaying);
                self.enter_step(now, self.step + 1);
            }
            State::NotStarted | State::Playing { barge_in: false } | State::Waiting { .. } => {
                self.type_ahead(digit)
            }
            State::Done => {}
        }
    }

    /// Must be called once [`Run::deadline`] has come.
    pub(crate) fn on_time(&mut self, now: Instant) {
        match &mut self.state {
            State::Collecting { entry, deadline } if *deadline <= now => {
                self.entries.push(std::mem::take(entry));
                self.enter_step(now, self.step + 1);
            }
            State::Waiting { until } if *until <= now => self.enter_step(now, self.step + 1),
            _ => {}
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Collecting { deadline, .. } => Some(deadline),
            State::Waiting { until } => Some(until),
            State::NotStarted | State::Playing { .. } | State::Done => None,
        }
    }

    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.action.take()
    }

    /// What was collected, an entry for each completed `collect` step.
    pub(crate) fn entries(&self) -> String {
        self.entries.join(",")
    }

    fn enter_step(&mut self, now: Instant, mut step: usize) {
        loop {
            self.step = step;
            match self.script.steps.get(step) {
                Some(Step::Play { prompt, barge_in }) => {
                    if *barge_in && !self.typed_ahead.is_empty() {
                        step += 1;
                        continue;
                    }
                    self.action = Some(Action::Play(prompt.clone()));
                    self.state = State::Playing { barge_in: *barge_in };
                }
                Some(Step::Collect { first_digit_timeout, .. }) => {
                    self.state =
                        State::Collecting { entry: String::new(), deadline: now + *first_digit_timeout };
                    let typed_ahead = std::mem::take(&mut self.typed_ahead);
                    for (index, sign) in typed_ahead.char_indices() {
                        let Some(digit) = Digit::from_char(sign) else { continue };
                        if !matches!(self.state, State::Collecting { .. }) || self.step != step {
                            // The rest is for a later step, which has begun already.
                            return self.on_typed(now, &typed_ahead[index..]);
                        }
                        self.collect(now, digit);
                    }
                }
                Some(Step::Wait(pause)) => self.state = State::Waiting { until: now + *pause },
                Some(Step::HangUp) | None => {
                    self.action = Some(Action::HangUp);
                    self.state = State::Done;
                }
            }
            return;
        }
    }

    fn on_typed(&mut self, now: Instant, digits: &str) {
        for digit in digits.chars().filter_map(Digit::from_char) {
            self.on_digit(now, digit);
        }
    }

    fn collect(&mut self, now: Instant, digit: Digit) {
        let Some(Step::Collect { max_digits, next_digit_timeout, terminator, .. }) =
            self.script.steps.get(self.step)
        else {
            return;
        };
        let State::Collecting { entry, deadline } = &mut self.state else { return };
        let terminated = *terminator == Some(digit);
        if !terminated {
            entry.push(digit.as_char());
            *deadline = now + *next_digit_timeout;
        }
        if terminated || entry.len() >= *max_digits {
            self.entries.push(std::mem::take(entry));
            self.enter_step(now, self.step + 1);
        }
    }

    fn type_ahead(&mut self, digit: Digit) {
        if self.typed_ahead.len() < TYPED_AHEAD_MAX {
            self.typed_ahead.push(digit.as_char());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt() -> Arc<Prompt> {
        Prompt::from_pcm(&[0; 800], 8_000).expect("100 ms of silence")
    }

    fn collect(max_digits: usize) -> Step {
        Step::Collect {
            max_digits,
            first_digit_timeout: Duration::from_secs(5),
            next_digit_timeout: Duration::from_secs(2),
            terminator: Digit::from_char('#'),
        }
    }

    fn run(steps: Vec<Step>) -> (Run, Instant) {
        let now = Instant::now();
        let mut run = Run::new(Arc::new(Script { steps }));
        run.start(now);
        (run, now)
    }

    fn press(run: &mut Run, now: Instant, digits: &str) {
        run.on_typed(now, digits);
    }

    #[test]
    fn plays_collects_and_hangs_up() {
        let (mut run, now) = run(vec![Step::Play { prompt: prompt(), barge_in: false }, collect(1)]);
        assert!(matches!(run.poll_action(), Some(Action::Play(_))));
        run.on_prompt_ended(now);
        assert_eq!(run.deadline(), Some(now + Duration::from_secs(5)));
        press(&mut run, now, "7");
        assert!(matches!(run.poll_action(), Some(Action::HangUp)));
        assert_eq!(run.entries(), "7");
    }

    #[test]
    fn nobody_presses_anything() {
        let (mut run, now) = run(vec![collect(4)]);
        run.on_time(now + Duration::from_millis(4_999));
        assert!(run.poll_action().is_none());
        run.on_time(now + Duration::from_secs(5));
        assert!(matches!(run.poll_action(), Some(Action::HangUp)));
        assert_eq!(run.entries(), "");
    }

    #[test]
    fn a_pause_or_the_terminator_completes_an_entry() {
        let (mut run, now) = run(vec![collect(4), collect(4)]);
        press(&mut run, now, "12");
        run.on_time(now + Duration::from_secs(2));
        press(&mut run, now, "3#");
        assert!(matches!(run.poll_action(), Some(Action::HangUp)));
        assert_eq!(run.entries(), "12,3");
    }

    #[test]
    fn a_digit_stops_a_prompt_that_allows_it_and_counts() {
        let (mut run, now) = run(vec![Step::Play { prompt: prompt(), barge_in: true }, collect(2)]);
        run.poll_action();
        press(&mut run, now, "1");
        assert!(matches!(run.poll_action(), Some(Action::StopPlaying)));
        press(&mut run, now, "2");
        assert!(matches!(run.poll_action(), Some(Action::HangUp)));
        assert_eq!(run.entries(), "12");
    }

    #[test]
    fn a_second_digit_in_the_same_breath_stops_the_prompt_that_has_not_begun() {
        let play = Step::Play { prompt: prompt(), barge_in: true };
        let (mut run, now) = run(vec![play.clone(), collect(1), play, collect(2)]);
        run.poll_action();
        press(&mut run, now, "12");
        assert!(matches!(run.poll_action(), Some(Action::StopPlaying)));
        press(&mut run, now, "3");
        assert_eq!(run.entries(), "1,23");
    }

    #[test]
    fn digits_typed_ahead_serve_every_step_that_waits_for_them() {
        let steps = vec![
            Step::Play { prompt: prompt(), barge_in: false },
            collect(1),
            Step::Play { prompt: prompt(), barge_in: true },
            collect(2),
        ];
        let (mut run, now) = run(steps);
        run.poll_action();
        press(&mut run, now, "123");
        assert!(run.poll_action().is_none(), "this prompt is played to its end");
        run.on_prompt_ended(now);
        assert_eq!(run.entries(), "1,23");
        assert!(matches!(run.poll_action(), Some(Action::HangUp)));
    }

    #[test]
    fn waits() {
        let (mut run, now) = run(vec![Step::Wait(Duration::from_secs(1)), Step::HangUp]);
        assert_eq!(run.deadline(), Some(now + Duration::from_secs(1)));
        run.on_time(now + Duration::from_secs(1));
        assert!(matches!(run.poll_action(), Some(Action::HangUp)));
    }
}
