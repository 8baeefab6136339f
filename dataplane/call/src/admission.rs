//! Whether the shard may take another call: it refuses new ones before a call in progress is late.
//!
//! Two things are watched. The *share* of its core that the thread uses foretells trouble: what the calls that are now
//! being set up will use once they are answered is added to it, since a dialer rings more people than it talks to. The
//! *lateness* of ticks shows trouble that the share cannot know of: a core that something else uses too.

use std::time::Duration;

/// Share of the core, in use and promised, above which no call is taken. The rest is for bursts: a tick with twice the
/// usual work, a wave of answers.
const SHARE_MAX: f32 = 0.85;

/// Mean lateness of ticks above which no call is taken: half a packet time, which a jitter buffer still takes. Ticks are
/// late by less than 1 ms when all is well.
const LATE_MAX: Duration = Duration::from_millis(10);

/// What a talking call uses of a core, as long as too few are up to tell: a careful guess.
const COST_UNKNOWN: f32 = 300e-6;

/// So many calls must be up before their cost is taken from what the thread uses.
const CALLS_TO_TELL: u64 = 100;

/// Time that is caught up after a stop ([`crate::phases`]).
const CAUGHT_UP: Duration = Duration::from_millis(100);

/// Of the calls that ring, so many are taken to be answered at least: a carrier that refused everything for a second says
/// nothing about those who ring now.
const ANSWERED_MIN: f32 = 0.2;

/// Weights of the newest share, tick and end in their means: of about the last half second, second, and 64 calls.
const SHARE_WEIGHT: f32 = 0.2;
const LATE_WEIGHT: f32 = 1.0 / 256.0;
const ANSWER_WEIGHT: f32 = 1.0 / 64.0;

/// Why no call is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overload {
    /// The core is used up, or will be by the calls that are being set up.
    Busy,
    /// Calls in progress get their packets late.
    Late,
}

impl Overload {
    /// For the record.
    pub(crate) fn explain(self) -> &'static str {
        match self {
            Self::Busy => "the shard's core is used up; give the node more cores or this line fewer calls",
            Self::Late => "the shard's core is late with the calls it has; see what else runs on it",
        }
    }
}

/// The means that the decision rests on.
#[derive(Debug)]
pub(crate) struct Admission {
    share: f32,
    late_s: f32,
    /// Of the calls that were set up.
    answered: f32,
}

impl Admission {
    /// An idle shard, which takes every call to be answered until it knows better.
    pub(crate) fn new() -> Self {
        Self { share: 0.0, late_s: 0.0, answered: 1.0 }
    }

    /// The thread used this share of its core lately.
    pub(crate) fn on_share(&mut self, share: f32) {
        self.share += (share - self.share) * SHARE_WEIGHT;
    }

    /// A tick was served so late. One long stop counts as what is caught up after it, and not for its whole length.
    pub(crate) fn on_tick(&mut self, late: Duration) {
        let late = late.min(CAUGHT_UP);
        self.late_s += (late.as_secs_f32() - self.late_s) * LATE_WEIGHT;
    }

    /// Nobody has to be served in time.
    pub(crate) fn on_idle(&mut self) {
        self.late_s = 0.0;
    }

    /// A set-up has ended.
    pub(crate) fn on_set_up(&mut self, answered: bool) {
        self.answered += (f32::from(u8::from(answered)) - self.answered) * ANSWER_WEIGHT;
    }

    /// Why another call cannot be taken beside `talking` calls and `pending` ones that are being set up; `None` when it
    /// can.
    pub(crate) fn refusal(&self, talking: u64, pending: u64) -> Option<Overload> {
        if self.late_s > LATE_MAX.as_secs_f32() {
            return Some(Overload::Late);
        }
        let cost = if talking < CALLS_TO_TELL { COST_UNKNOWN } else { self.share / talking as f32 };
        let promised = pending as f32 * self.answered.max(ANSWERED_MIN) * cost;
        (self.share + promised > SHARE_MAX).then_some(Overload::Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(share: f32) -> Admission {
        let mut admission = Admission::new();
        (0..100).for_each(|_| admission.on_share(share));
        admission
    }

    #[test]
    fn an_idle_shard_takes_calls_and_a_used_up_one_does_not() {
        assert_eq!(Admission::new().refusal(0, 0), None);
        assert_eq!(shard(0.8).refusal(5_000, 0), None);
        assert_eq!(shard(0.9).refusal(5_000, 0), Some(Overload::Busy));
    }

    #[test]
    fn calls_that_ring_are_counted_by_what_they_will_cost() {
        // 4,000 calls use 0.6: 1,666 more fill the rest.
        let mut admission = shard(0.6);
        assert_eq!(admission.refusal(4_000, 1_600), None);
        assert_eq!(admission.refusal(4_000, 1_700), Some(Overload::Busy));
        // Of whom one in four answers, four times as many may ring.
        for call in 0..1_000 {
            admission.on_set_up(call % 4 == 0);
        }
        assert_eq!(admission.refusal(4_000, 6_000), None);
        assert_eq!(admission.refusal(4_000, 8_000), Some(Overload::Busy));
        // On a shard that has hardly any calls yet the cost is guessed.
        assert_eq!(Admission::new().refusal(0, 2_800), None);
        assert_eq!(Admission::new().refusal(0, 2_900), Some(Overload::Busy));
    }

    #[test]
    fn lateness_stops_new_calls_and_a_hiccup_does_not() {
        let mut admission = shard(0.1);
        (0..100).for_each(|_| admission.on_tick(Duration::from_micros(100)));
        admission.on_tick(Duration::from_secs(2));
        assert_eq!(admission.refusal(10, 0), None);
        (0..500).for_each(|_| admission.on_tick(Duration::from_millis(12)));
        assert_eq!(admission.refusal(10, 0), Some(Overload::Late));
        (0..500).for_each(|_| admission.on_tick(Duration::from_micros(100)));
        assert_eq!(admission.refusal(10, 0), None);
    }
}
