//! Whether the shard may take another call: it refuses new ones before a call in progress is late.
//!
//! Two things are watched. The *share* of its core that the thread uses foretells trouble: what the calls that are now
//! being set up will use once they are answered is added to it, since a dialer rings more people than it talks to; less
//! what those leave free that end in the same time. So a shard whose load is even may be used up to the limit, and one
//! whose load grows keeps room for what it has promised. The *lateness* of ticks shows trouble that the share cannot know
//! of: a core that something else uses too.

use std::time::Duration;

/// Share of the core, in use and promised, above which no call is taken. The rest is for bursts: a tick with twice the
/// usual work, a wave of answers.
pub const SHARE_MAX: f32 = 0.85;

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
pub const ANSWERED_MIN: f32 = 0.2;

/// Ends of calls that one set-up can stand for. On the mean it is less than one; of a trunk that fails, and takes all its
/// calls along, nobody should conclude that so many will go on leaving.
const ENDED_MAX: u8 = 3;

/// The means of set-ups are of about so many of the last.
pub const SET_UPS: u16 = 1_024;

/// So many calls that were answered the means of an idle shard are worth.
const SET_UPS_AT_START: u16 = 64;

/// Weights of the newest share and tick in their means: of about the last half second, and second.
const SHARE_WEIGHT: f32 = 0.2;
const LATE_WEIGHT: f32 = 1.0 / 256.0;

/// Why a shard takes no call for now. Another shard may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overload {
    /// It has [`CallsConfig::max_calls`](crate::CallsConfig::max_calls).
    Full,
    /// The core is used up, or will be by the calls that are being set up.
    Busy,
    /// Calls in progress get their packets late.
    Late,
}

impl Overload {
    /// For the record.
    pub fn explain(self) -> &'static str {
        match self {
            Self::Full => "the shard carries as many calls as it may",
            Self::Busy => "the shard's core is used up; give the node more cores or this line fewer calls",
            Self::Late => "the shard's core is late with the calls it has; see what else runs on it",
        }
    }
}

/// The means that the decision rests on.
#[derive(Clone, Debug)]
pub struct Admission {
    share: f32,
    late_s: f32,
    /// Of the calls that were set up.
    answered: f32,
    /// Answered calls that end while one call is set up and its set-up ends: as many as are answered, when all is even.
    ended: f32,
    /// Calls that were being set up when one set-up ended.
    pending: f32,
    /// Set-ups in these means, up to [`SET_UPS`].
    set_ups: u16,
    /// Answered calls that have ended since a set-up did.
    ended_since: u8,
}

impl Default for Admission {
    fn default() -> Self {
        Self::new()
    }
}

impl Admission {
    /// An idle shard, which takes every call to be answered until it knows better.
    pub fn new() -> Self {
        Self {
            share: 0.0,
            late_s: 0.0,
            answered: 1.0,
            ended: 0.0,
            pending: 0.0,
            set_ups: SET_UPS_AT_START,
            ended_since: 0,
        }
    }

    /// The thread used this share of its core lately, 0–1.
    pub fn on_share(&mut self, share: f32) {
        self.share += (share - self.share) * SHARE_WEIGHT;
    }

    /// A tick was served so late. One long stop counts as what is caught up after it, and not for its whole length.
    pub fn on_tick(&mut self, late: Duration) {
        let late = late.min(CAUGHT_UP);
        self.late_s += (late.as_secs_f32() - self.late_s) * LATE_WEIGHT;
    }

    /// Nobody has to be served in time.
    pub fn on_idle(&mut self) {
        self.late_s = 0.0;
    }

    /// A set-up has ended, beside `pending` others.
    pub fn on_set_up(&mut self, answered: bool, pending: u64) {
        let ended = std::mem::take(&mut self.ended_since);
        self.set_ups = (self.set_ups + 1).min(SET_UPS);
        let weight = 1.0 / f32::from(self.set_ups);
        for (mean, newest) in [
            (&mut self.answered, f32::from(u8::from(answered))),
            (&mut self.ended, f32::from(ended)),
            (&mut self.pending, pending as f32),
        ] {
            *mean += (newest - *mean) * weight;
        }
    }

    /// An answered call has ended.
    pub fn on_end(&mut self) {
        self.ended_since = (self.ended_since + 1).min(ENDED_MAX);
    }

    /// Why another call cannot be taken beside `talking` calls and `pending` ones that are being set up; `None` when it
    /// can.
    pub fn refusal(&self, talking: u64, pending: u64) -> Option<Overload> {
        if self.late_s > LATE_MAX.as_secs_f32() {
            return Some(Overload::Late);
        }
        let cost = if talking < CALLS_TO_TELL { COST_UNKNOWN } else { self.share / talking as f32 };
        (self.share + self.growth(pending as f32) * cost > SHARE_MAX).then_some(Overload::Busy)
    }

    /// How many more calls will talk when the pending ones have been set up, less those that end meanwhile. Of the latter
    /// as many are expected as while the usual number was set up, however many more ring now.
    fn growth(&self, pending: f32) -> f32 {
        let answered = pending * self.answered.max(ANSWERED_MIN);
        let ended = pending.min(self.pending) * self.ended.min(self.answered);
        (answered - ended).max(0.0)
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
        for call in 0..8_000 {
            admission.on_set_up(call % 4 == 0, 6_000);
        }
        assert_eq!(admission.refusal(4_000, 6_000), None);
        assert_eq!(admission.refusal(4_000, 8_000), Some(Overload::Busy));
        // On a shard that has hardly any calls yet the cost is guessed.
        assert_eq!(Admission::new().refusal(0, 2_800), None);
        assert_eq!(Admission::new().refusal(0, 2_900), Some(Overload::Busy));
    }

    #[test]
    fn calls_that_end_make_room_for_those_that_ring() {
        // One in four answers, and as many end.
        let mut admission = shard(0.8);
        for call in 0..8_000 {
            if call % 4 == 1 {
                admission.on_end();
            }
            admission.on_set_up(call % 4 == 0, 6_000);
        }
        assert_eq!(admission.refusal(4_000, 6_000), None);
        // A wave beyond the usual number has nobody who ends for it: 0.05 are 250 calls, of 1,000 that ring.
        assert_eq!(admission.refusal(4_000, 6_900), None);
        assert_eq!(admission.refusal(4_000, 7_200), Some(Overload::Busy));
        // When nobody answers any more, one in five of those who ring is expected to, and no more end than before.
        (0..8_000).for_each(|_| admission.on_set_up(false, 6_000));
        assert_eq!(admission.refusal(4_000, 6_000), Some(Overload::Busy));
    }

    #[test]
    fn calls_that_all_end_at_once_promise_nothing() {
        let mut admission = shard(0.6);
        (0..8_000).for_each(|call| admission.on_set_up(call % 2 == 0, 2_000));
        (0..4_000).for_each(|_| admission.on_end());
        (0..10).for_each(|call| admission.on_set_up(call % 2 == 0, 2_000));
        // 0.25 are 1,666 calls, of 3,333 that ring.
        assert_eq!(admission.refusal(4_000, 3_300), None);
        assert_eq!(admission.refusal(4_000, 3_500), Some(Overload::Busy));
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
