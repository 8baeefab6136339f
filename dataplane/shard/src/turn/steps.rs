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
    /// Only what it took longer than planned.
    Sleep,
}

/// The clock of one turn.
pub(super) struct Steps {
    took: Duration,
    now: Instant,
    longest: (Step, Duration),
}

impl Steps {
    pub(super) fn start() -> Self {
        Self { took: Duration::ZERO, now: Instant::now(), longest: (Step::Drain, Duration::ZERO) }
    }

    /// The time at the end of the last step.
    pub(super) fn now(&self) -> Instant {
        self.now
    }

    pub(super) fn ended(&mut self, step: Step) {
        let now = Instant::now();
        self.count(step, now - self.now);
        self.now = now;
    }

    /// A sleep has ended that was to last until then at most; `None` if it might last for ever.
    pub(super) fn slept(&mut self, until: Option<Instant>) {
        self.slept_until(Instant::now(), until);
    }

    fn slept_until(&mut self, now: Instant, until: Option<Instant>) {
        let late = until.map_or(Duration::ZERO, |until| now.saturating_duration_since(until.max(self.now)));
        self.count(Step::Sleep, late);
        self.now = now;
    }

    fn count(&mut self, step: Step, took: Duration) {
        self.took += took;
        if took > self.longest.1 {
            self.longest = (step, took);
        }
    }

    /// Counts the turn if it took longer than `limit`, under the step that took most of it.
    pub(super) fn report(&self, limit: Duration, tally: &mut Tally) {
        tally.longest_turn_us = tally.longest_turn_us.max(self.took.as_micros() as u64);
        if self.took <= limit {
            return;
        }
        match self.longest.0 {
            Step::Drain => tally.long_turns_drain += 1,
            Step::Reap => tally.long_turns_reap += 1,
            Step::Mail => tally.long_turns_mail += 1,
            Step::Timers | Step::Tick => tally.long_turns_timers += 1,
            Step::Submit => tally.long_turns_submit += 1,
            Step::Sleep => tally.long_turns_sleep += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(5);

    fn slept(planned: Option<Duration>, took: Duration) -> Tally {
        let (mut steps, mut tally) = (Steps::start(), Tally::default());
        let began = steps.now();
        steps.slept_until(began + took, planned.map(|planned| began + planned));
        steps.report(LIMIT, &mut tally);
        tally
    }

    #[test]
    fn a_sleep_counts_by_what_it_took_too_long() {
        let ms = Duration::from_millis;
        assert_eq!(slept(None, ms(1_000)), Tally::default());
        assert_eq!(slept(Some(ms(100)), ms(60)), Tally::default());
        assert_eq!(slept(Some(ms(100)), ms(104)), Tally { longest_turn_us: 4_000, ..Tally::default() });
        let late = Tally { longest_turn_us: 20_000, long_turns_sleep: 1, ..Tally::default() };
        assert_eq!(slept(Some(ms(100)), ms(120)), late);
    }
}
