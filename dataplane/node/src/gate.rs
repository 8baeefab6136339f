//! A line's limits at the last step before the socket: calls at once, and new calls in any rolling second.
//!
//! # Why no rolling second is ever exceeded
//!
//! Each INVITE gets a *slot*: a shard sends it not before `send_at` and not after `send_by = send_at + G`, or hands the
//! order back. Slots of a line start at least `d = (1 s + 2·G) / N` apart. Of N + 1 INVITEs in a row, the last leaves at
//! least `N·d` after the first one's `send_at`, and the first left at most G after its own: so they are at least
//! `1 s + G` apart when they leave us, and still a full second apart at a carrier that sees one of them up to G later
//! than the other. The price is `2·G / (1 s + 2·G)`: with G = 20 ms a line reaches 96 % of its rate.
//!
//! No clock is shared and no lock taken: a slot is used by one shard or by none. Nothing is known about the calls of
//! a predecessor (the process before a restart, the node that had this share before), so a new gate, and one whose
//! rate is changed, gives its first slot after [`FRESH`].

use std::time::{Duration, Instant};

use common::CallsPerSecond;

/// How late after `send_at` an INVITE may leave (G). A shard wakes every 4 ms and its turn takes up to 5 ms; more would
/// cost rate, less would hand orders back under load.
pub const GRACE: Duration = Duration::from_millis(20);

/// The time that N slots take.
const ROUND: Duration = Duration::from_millis(1_040);

/// Pause before the first slot when the latest INVITEs on the line are unknown: [`ROUND`] and a little.
pub const FRESH: Duration = Duration::from_millis(1_050);

/// When one INVITE may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Not before.
    pub send_at: Instant,
    /// Not after.
    pub send_by: Instant,
}

/// The gate of one line.
#[derive(Debug)]
pub struct LineGate {
    max_calls: u32,
    rate: CallsPerSecond,
    next: Instant,
    holders: u32,
}

impl LineGate {
    /// A gate whose line may just have been used by somebody else.
    pub fn new(now: Instant, max_calls: u32, rate: CallsPerSecond) -> Self {
        Self { max_calls, rate, next: now + FRESH, holders: 0 }
    }

    /// Takes other limits. A changed rate means that others may have another share too: the line rests for [`FRESH`].
    pub fn set_limits(&mut self, now: Instant, max_calls: u32, rate: CallsPerSecond) {
        self.max_calls = max_calls;
        if self.rate != rate {
            self.rate = rate;
            self.rest(now);
        }
    }

    /// No slot before [`FRESH`] has passed: INVITEs may have left at times that nobody knows.
    pub fn rest(&mut self, now: Instant) {
        self.next = self.next.max(now + FRESH);
    }

    /// Takes a place among the calls at once, to be given back with [`leave`](Self::leave). False when there is none.
    pub fn enter(&mut self) -> bool {
        let room = self.has_room();
        self.holders += u32::from(room);
        room
    }

    /// Whether [`enter`](Self::enter) would succeed.
    pub fn has_room(&self) -> bool {
        self.holders < self.max_calls
    }

    /// Gives a place back.
    pub fn leave(&mut self) {
        debug_assert!(self.holders > 0, "every leave has its enter");
        self.holders = self.holders.saturating_sub(1);
    }

    /// Places taken.
    pub fn holders(&self) -> u32 {
        self.holders
    }

    /// When the slot after `ahead` others starts if they are reserved from `now` on.
    pub fn slot_at(&self, now: Instant, ahead: usize) -> Instant {
        self.next.max(now) + self.spacing() * u32::try_from(ahead).unwrap_or(u32::MAX)
    }

    /// Reserves the next slot. What was reserved and not used is lost, never passed on.
    pub fn reserve(&mut self, now: Instant) -> Slot {
        let send_at = self.next.max(now);
        self.next = send_at + self.spacing();
        Slot { send_at, send_by: send_at + GRACE }
    }

    fn spacing(&self) -> Duration {
        // Rounded up: a nanosecond too little, N times, would be a call too many.
        Duration::from_nanos(ROUND.as_nanos().div_ceil(u128::from(self.rate.get())) as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(n: u32) -> CallsPerSecond {
        CallsPerSecond::new(n).expect("1 to 10,000")
    }

    /// Most events in any rolling second `[t, t + 1 s)`.
    fn peak(mut times: Vec<Instant>) -> usize {
        times.sort();
        (0..times.len())
            .map(|first| {
                times[first..].iter().take_while(|t| **t < times[first] + Duration::from_secs(1)).count()
            })
            .max()
            .unwrap_or(0)
    }

    proptest! {
        /// Each order is asked for after `pause_us`, leaves `late_us` after its slot's start if that is within the
        /// slot, is handed back otherwise, and reaches the carrier up to G later.
        #[test]
        fn no_rolling_second_is_exceeded(
            n in 1u32..60,
            orders in prop::collection::vec((0u64..80_000, 0u64..40_000, 0u64..20_000), 1..400),
        ) {
            let start = Instant::now();
            let mut gate = LineGate::new(start, u32::MAX, rate(n));
            let (mut now, mut seen) = (start, Vec::new());
            for (pause_us, late_us, transit_us) in orders {
                now += Duration::from_micros(pause_us);
                let slot = gate.reserve(now);
                let emission = slot.send_at.max(now) + Duration::from_micros(late_us);
                if emission <= slot.send_by {
                    seen.push(emission + Duration::from_micros(transit_us));
                }
                prop_assert!(slot.send_at >= start + FRESH);
            }
            prop_assert!(peak(seen) <= n as usize);
        }

        /// Changes of the rate on the way: no second holds more than the highest rate that held within it.
        #[test]
        fn a_changed_rate_starts_afresh(
            rates in prop::collection::vec((1u32..40, 1usize..60, 0u64..2_000_000), 1..12),
        ) {
            let mut now = Instant::now();
            let mut gate = LineGate::new(now, u32::MAX, rate(rates[0].0));
            let mut spans: Vec<(u32, Vec<Instant>)> = Vec::new();
            for (n, orders, pause_us) in rates {
                gate.set_limits(now, u32::MAX, rate(n));
                let sent: Vec<_> = (0..orders).map(|_| gate.reserve(now).send_by).collect();
                now = *sent.last().expect("at least one") + Duration::from_micros(pause_us);
                spans.push((n, sent));
            }
            for pair in spans.windows(2) {
                let both: Vec<_> = pair.iter().flat_map(|(_, sent)| sent.iter().copied()).collect();
                prop_assert!(peak(both) <= pair[0].0.max(pair[1].0) as usize);
            }
        }
    }

    #[test]
    fn a_busy_line_reaches_most_of_its_rate() {
        for n in [1, 5, 20, 1_000, 10_000] {
            let start = Instant::now();
            let mut gate = LineGate::new(start, u32::MAX, rate(n));
            let end = start + FRESH + Duration::from_secs(100);
            let mut used = 0_u32;
            while gate.slot_at(start, 0) < end {
                gate.reserve(start);
                used += 1;
            }
            let ideal = f64::from(n) * 100.0;
            assert!(f64::from(used) >= 0.9 * ideal, "{used} of {ideal} at {n}/s");
            assert!(f64::from(used) <= ideal, "{used} of {ideal} at {n}/s");
        }
    }

    #[test]
    fn places_are_bounded_and_come_back() {
        let mut gate = LineGate::new(Instant::now(), 2, rate(1));
        assert!(gate.enter() && gate.enter() && !gate.enter());
        gate.leave();
        assert!(gate.enter());
        gate.set_limits(Instant::now(), 1, rate(1));
        gate.leave();
        assert!(!gate.has_room());
        assert_eq!(gate.holders(), 1);
    }
}
