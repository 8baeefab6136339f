//! The stall detector: which step of a turn took how long.

use std::time::{Duration, Instant};

use crate::counters::Tally;

/// The steps that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Drain,
    Tick,
    Submit,
    Reap,
    Mail,
    Timers,
}

/// The clock of one turn.
pub(super) struct Steps {
    began: Instant,
    now: Instant,
    longest: (Step, Duration),
}

impl Steps {
    pub(super) fn start() -> Self {
        let now = Instant::now();
        Self { began: now, now, longest: (Step::Drain, Duration::ZERO) }
    }

    /// The time at the end of the last step.
    pub(super) fn now(&self) -> Instant {
        self.now
    }

    pub(super) fn ended(&mut self, step: Step) {
        let now = Instant::now();
        let took = now - self.now;
        if took > self.longest.1 {
            self.longest = (step, took);
        }
        self.now = now;
    }

    /// Counts the turn if it took longer than `limit`, under the step that took most of it.
    pub(super) fn report(&self, limit: Duration, tally: &mut Tally) {
        let took = self.now - self.began;
        tally.longest_turn_us = tally.longest_turn_us.max(took.as_micros() as u64);
        if took <= limit {
            return;
        }
        match self.longest.0 {
            Step::Drain => tally.long_turns_drain += 1,
            Step::Reap => tally.long_turns_reap += 1,
            Step::Mail => tally.long_turns_mail += 1,
            Step::Timers | Step::Tick => tally.long_turns_timers += 1,
            Step::Submit => tally.long_turns_submit += 1,
        }
    }
}
