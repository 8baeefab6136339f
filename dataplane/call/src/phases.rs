//! The 20 ms tick, spread over a few phases, so that packets leave evenly and the shard wakes seldom.
//!
//! A call joins the emptiest phase when it is answered and stays there. Time is counted in ticks of [`TICK`] since the
//! start; tick `t` serves phase `t % COUNT`. What is due is handed out one call at a time, so that the owner may write
//! one packet for each and stop at any point. Everything else that the shard wakes for is moved onto the same grid
//! ([`Phases::on_grid`]), so that it wakes once a tick, however many timers and orders there are.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use common::slab::Key;

/// Phases of one packet time. More of them cost wake-ups, fewer make longer bursts (docs/decisions/0006).
pub(crate) const COUNT: usize = 5;

/// From one phase to the next.
pub(crate) const TICK: Duration = Duration::from_millis(20 / COUNT as u64);

/// How late a tick may be and still be served: five packets a call. A shard that was stopped for longer skips the
/// time instead of sending a burst that no jitter buffer would take.
const CATCH_UP_TICKS: u64 = 5 * COUNT as u64;

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    phase: usize,
    index: usize,
}

#[derive(Debug)]
pub(crate) struct Phases {
    start: Instant,
    members: [Vec<Key>; COUNT],
    count: usize,
    /// The first tick that is not finished, and how many members of its phase were served.
    next_tick: u64,
    served: usize,
    /// Ticks below this are due.
    due_below: u64,
    /// Ticks that were skipped because the shard came too late.
    skipped: u64,
}

impl Phases {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            members: std::array::from_fn(|_| Vec::new()),
            count: 0,
            next_tick: 0,
            served: 0,
            due_below: 0,
            skipped: 0,
        }
    }

    /// Puts a call into the emptiest phase, the soonest of these. The caller keeps the place up to date as
    /// [`Phases::leave`] says.
    pub(crate) fn join(&mut self, now: Instant, call: Key) -> Place {
        if self.count == 0 {
            self.next_tick = self.tick_at(now);
            self.due_below = self.next_tick;
            self.served = 0;
        }
        let first = self.next_tick as usize + 1;
        let phase = (first..first + COUNT)
            .map(|tick| tick % COUNT)
            .min_by_key(|&phase| self.members[phase].len())
            .expect("there are phases");
        self.members[phase].push(call);
        self.count += 1;
        Place { phase, index: self.members[phase].len() - 1 }
    }

    /// Takes a call out. `moved` is told every call that changed its place thereby, with the new place.
    pub(crate) fn leave(&mut self, place: Place, mut moved: impl FnMut(Key, Place)) {
        let Place { phase, mut index } = place;
        let members = &mut self.members[phase];
        let in_service = self.next_tick as usize % COUNT == phase;
        if in_service && index < self.served {
            // The gap must end up behind those served in this tick, or the call that fills it would be passed over.
            self.served -= 1;
            members[index] = members[self.served];
            if index != self.served {
                moved(members[index], place);
            }
            index = self.served;
        }
        members.swap_remove(index);
        if let Some(&call) = members.get(index) {
            moved(call, Place { phase, index });
        }
        self.count -= 1;
    }

    /// Time has come to `now`. Returns how late the first call that is due is served; `None` when none is due.
    pub(crate) fn advance(&mut self, now: Instant) -> Option<Duration> {
        let due_below = self.tick_at(now) + 1;
        let late = self
            .first_in(self.next_tick..due_below.min(self.next_tick + COUNT as u64))
            .map(|tick| now.saturating_duration_since(self.at(tick)));
        if self.count == 0 {
            self.next_tick = due_below;
            self.served = 0;
        } else if due_below.saturating_sub(self.next_tick) > CATCH_UP_TICKS {
            self.skipped += due_below - self.next_tick - COUNT as u64;
            self.next_tick = due_below - COUNT as u64;
            self.served = 0;
        }
        self.due_below = self.due_below.max(due_below);
        late
    }

    /// The next call whose packet is due.
    pub(crate) fn next_due(&mut self) -> Option<Key> {
        while self.next_tick < self.due_below {
            if let Some(&call) = self.members[self.next_tick as usize % COUNT].get(self.served) {
                self.served += 1;
                return Some(call);
            }
            self.next_tick += 1;
            self.served = 0;
        }
        None
    }

    /// Whether nobody sends.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The call whose packet is due so many calls after that of the last [`Phases::next_due`], if it is of the same phase.
    pub(crate) fn due_later(&self, calls: usize) -> Option<Key> {
        self.members[self.next_tick as usize % COUNT].get(self.served + calls - 1).copied()
    }

    /// When the next phase with somebody in it is due.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.first_in(self.next_tick..self.next_tick + COUNT as u64).map(|tick| self.at(tick))
    }

    /// The first tick of these whose phase has somebody in it.
    fn first_in(&self, mut ticks: Range<u64>) -> Option<u64> {
        ticks.find(|&tick| self.count > 0 && !self.members[tick as usize % COUNT].is_empty())
    }

    /// The first tick at or after `at`: when something that may wait for [`TICK`] is done.
    pub(crate) fn on_grid(&self, at: Instant) -> Instant {
        let ticks = at.saturating_duration_since(self.start).as_nanos().div_ceil(TICK.as_nanos());
        self.at(ticks as u64)
    }

    /// Milliseconds of sending that were left out because the shard came too late.
    pub(crate) fn skipped_ms(&self) -> u64 {
        self.skipped * TICK.as_millis() as u64
    }

    fn tick_at(&self, now: Instant) -> u64 {
        (now.saturating_duration_since(self.start).as_nanos() / TICK.as_nanos()) as u64
    }

    /// In nanoseconds, of which 64 bits hold five hundred years.
    fn at(&self, tick: u64) -> Instant {
        self.start + Duration::from_nanos(tick.saturating_mul(TICK.as_nanos() as u64))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn key(slot: u32) -> Key {
        Key { slot, generation: 0 }
    }

    fn served(phases: &mut Phases, now: Instant) -> Vec<u32> {
        phases.advance(now);
        std::iter::from_fn(|| phases.next_due()).map(|key| key.slot).collect()
    }

    #[test]
    fn every_call_is_served_once_in_twenty_milliseconds() {
        let start = Instant::now();
        let mut phases = Phases::new(start);
        for slot in 0..50 {
            phases.join(start, key(slot));
        }
        served(&mut phases, start);
        let mut count = HashMap::new();
        for tick in 1..=5 * COUNT as u32 {
            let calls = served(&mut phases, start + TICK * tick);
            assert_eq!(calls.len(), 50 / COUNT, "spread evenly");
            for slot in calls {
                *count.entry(slot).or_insert(0) += 1;
            }
        }
        assert!(count.len() == 50 && count.values().all(|&n| n == 5), "{count:?}");
    }

    #[test]
    fn leaving_in_the_middle_of_a_tick_passes_nobody_over() {
        for leaver in 0..4u32 {
            for after in 0..=4usize {
                let start = Instant::now();
                let mut phases = Phases::new(start);
                let mut places = HashMap::new();
                // Each phase gets four calls.
                let all = 4 * COUNT as u32;
                for slot in 0..all {
                    places.insert(slot, phases.join(start, key(slot)));
                }
                let mates: Vec<u32> =
                    (0..all).filter(|slot| places[slot].phase == places[&0].phase).collect();
                let leaver = mates[leaver as usize];
                // A whole round, then the tick of that phase.
                let mut now = start + TICK * COUNT as u32;
                served(&mut phases, now);
                now += TICK;
                phases.advance(now);
                let mut seen = Vec::new();
                for _ in 0..after {
                    seen.extend(phases.next_due().map(|key| key.slot));
                }
                phases.leave(places[&leaver], |moved, place| {
                    places.insert(moved.slot, place);
                });
                seen.extend(std::iter::from_fn(|| phases.next_due()).map(|key| key.slot));
                seen.retain(|slot| *slot != leaver);
                seen.sort_unstable();
                let others: Vec<u32> = mates.iter().copied().filter(|slot| *slot != leaver).collect();
                assert_eq!(seen, others, "leaver {leaver} after {after}");
                for (slot, place) in places.iter().filter(|(slot, _)| **slot != leaver) {
                    assert_eq!(phases.members[place.phase][place.index], key(*slot));
                }
            }
        }
    }

    #[test]
    fn a_long_stop_is_skipped_and_counted() {
        let start = Instant::now();
        let mut phases = Phases::new(start);
        phases.join(start, key(1));
        assert_eq!(
            served(&mut phases, start + Duration::from_millis(60)).len(),
            3,
            "a short one is caught up"
        );
        assert_eq!(served(&mut phases, start + Duration::from_millis(1_060)).len(), 1);
        assert!(phases.skipped_ms() > 900);
    }

    #[test]
    fn what_waits_for_a_tick_waits_for_the_next_one_for_years() {
        let start = Instant::now();
        let phases = Phases::new(start);
        let day = Duration::from_secs(24 * 3_600);
        for days in [0, 27, 50, 248, 4_000] {
            let tick = start + day * days;
            assert_eq!(phases.on_grid(tick), tick);
            assert_eq!(phases.on_grid(tick + Duration::from_nanos(1)), tick + TICK);
        }
    }

    #[test]
    fn lateness_is_that_of_the_first_call_that_is_due() {
        let start = Instant::now();
        let mut phases = Phases::new(start);
        assert_eq!(phases.advance(start + TICK * 7), None, "nobody is late for nobody");
        phases.join(start + TICK * 7, key(1));
        let due = phases.next_wake().expect("a member");
        assert_eq!(phases.advance(due - TICK), None);
        let late = Duration::from_micros(300);
        assert_eq!(phases.advance(due + late), Some(late));
        while phases.next_due().is_some() {}
        assert_eq!(phases.advance(due + Duration::from_millis(20) + late), Some(late));
        while phases.next_due().is_some() {}
        assert_eq!(phases.advance(due + Duration::from_millis(90)), Some(Duration::from_millis(50)));
    }

    #[test]
    fn an_empty_tick_wakes_nobody() {
        let start = Instant::now();
        let mut phases = Phases::new(start);
        assert_eq!(phases.next_wake(), None);
        let place = phases.join(start + Duration::from_secs(5), key(1));
        let wake = phases.next_wake().expect("a member");
        assert!(wake > start + Duration::from_secs(5) && wake <= start + Duration::from_millis(5_021));
        phases.leave(place, |_, _| {});
        assert_eq!(phases.next_wake(), None);
    }
}
