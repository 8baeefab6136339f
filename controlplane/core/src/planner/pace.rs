//! How many calls may start now, so that no rolling second sees more than the rate.

use std::{collections::VecDeque, time::Duration, time::Instant};

use common::CallsPerSecond;

/// The rolling window: 50 ms more than the second of the promise. A node keeps its sending windows 1,040 ms apart by the
/// rate; were orders planned any faster than they leave, they would pile up there until they expire.
pub(super) const WINDOW: Duration = Duration::from_millis(1_050);

/// How far the even pace may be run ahead of: two planner ticks, so that one late tick costs no call. A node spaces
/// what comes in one go.
const TOLERANCE: Duration = Duration::from_millis(100);

/// Starts of calls at a rate: the hard limit is the rolling window, the even pace (one in each `WINDOW / rate`) keeps
/// from spending it all at its beginning.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    rate: u32,
    /// Starts within the last window, oldest first.
    starts: VecDeque<Instant>,
    /// When the next start is due by the even pace.
    due: Option<Instant>,
}

impl Pace {
    /// `rate` 0 admits nothing.
    pub(super) fn new(rate: u32) -> Self {
        Self { rate: rate.min(CallsPerSecond::MAX), starts: VecDeque::new(), due: None }
    }

    /// From now on another rate; what has started still counts.
    pub(super) fn set_rate(&mut self, rate: u32) {
        self.rate = rate.min(CallsPerSecond::MAX);
    }

    /// How many may start at `now`; half the pace when `slowed`.
    pub(super) fn budget(&self, now: Instant, slowed: bool) -> u32 {
        if self.rate == 0 {
            return 0;
        }
        let old = self.starts.partition_point(|&start| now.saturating_duration_since(start) >= WINDOW);
        let recent = u32::try_from(self.starts.len() - old).unwrap_or(u32::MAX);
        let limit = if slowed { self.rate.div_ceil(2) } else { self.rate };
        let room = limit.saturating_sub(recent);

        let ahead = self.due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now));
        if ahead > TOLERANCE {
            return 0;
        }
        let even = (TOLERANCE - ahead).as_micros() / self.interval(slowed).as_micros() + 1;
        room.min(u32::try_from(even).unwrap_or(u32::MAX))
    }

    /// Something started at `now`.
    pub(super) fn start(&mut self, now: Instant, slowed: bool) {
        while self.starts.front().is_some_and(|&start| now.saturating_duration_since(start) >= WINDOW) {
            self.starts.pop_front();
        }
        self.starts.push_back(now);
        self.due = Some(self.due.map_or(now, |due| due.max(now)) + self.interval(slowed));
    }

    fn interval(&self, slowed: bool) -> Duration {
        WINDOW / self.rate.max(1) * if slowed { 2 } else { 1 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Starts all that is admitted at each of the moments (ms) and gives the moments of the starts.
    fn starts(rate: u32, moments: impl IntoIterator<Item = u64>, slowed: bool) -> Vec<u64> {
        let zero = Instant::now();
        let mut pace = Pace::new(rate);
        let mut starts = Vec::new();
        for ms in moments {
            let now = zero + Duration::from_millis(ms);
            for _ in 0..pace.budget(now, slowed) {
                pace.start(now, slowed);
                starts.push(ms);
            }
        }
        starts
    }

    fn most_in_a_window(starts: &[u64]) -> usize {
        let window = WINDOW.as_millis() as u64;
        (0..starts.len())
            .map(|first| starts[first..].iter().take_while(|&&ms| ms - starts[first] < window).count())
            .max()
            .unwrap_or(0)
    }

    proptest! {
        #[test]
        fn no_window_sees_more_than_the_rate(
            rate in 1u32..50,
            gaps in prop::collection::vec(0u64..400, 1..300),
        ) {
            let moments = gaps.iter().scan(0, |now, gap| { *now += gap; Some(*now) });
            prop_assert!(most_in_a_window(&starts(rate, moments, false)) <= rate as usize);
        }
    }

    #[test]
    fn a_tick_of_50_ms_wastes_no_more_than_itself() {
        for rate in [1, 5, 20, 60, 1_000] {
            let in_a_minute = starts(rate, (0..60_000).step_by(50), false).len();
            // A start waits for the window and then for the next tick: 1,100 ms at the worst.
            let least = rate as usize * 60_000 / 1_100;
            assert!(in_a_minute >= least, "{in_a_minute} of {least} at {rate}/s");
        }
    }

    #[test]
    fn after_a_pause_there_is_no_burst() {
        let starts = starts(20, [0, 60_000], false);
        assert_eq!(starts.iter().filter(|&&ms| ms == 60_000).count(), 2, "two ticks' worth at 20/s");
    }

    #[test]
    fn slowed_is_half() {
        for rate in [1, 10, 100] {
            let full = starts(rate, (0..60_000).step_by(50), false).len();
            let half = starts(rate, (0..60_000).step_by(50), true).len();
            assert!((half * 2).abs_diff(full) <= 4, "{half} of {full} at {rate}/s");
        }
    }

    #[test]
    fn rate_zero_admits_nothing() {
        assert_eq!(starts(0, [0, 5_000], false), Vec::<u64>::new());
    }
}
