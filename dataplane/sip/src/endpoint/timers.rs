//! One queue for the timers of all transactions.
//!
//! A transaction stands in it once, at the earliest time that it wants. When it comes up and the wish has moved to a
//! later time, it is put back; when the transaction is gone, its generation says so. So setting a timer is O(log n),
//! stopping one costs nothing, and no entry outlives the interval it was set for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::transaction::{Alarm, Reason};
use common::slab::Key;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Client(Key),
    Server(Key),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    at: Instant,
    reason: Reason,
    target: Target,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
}

impl Timers {
    /// Sees to it that `target` comes up no later than its alarm. `scheduled` is where it stands now.
    pub fn arm(&mut self, target: Target, alarm: Option<Alarm>, scheduled: &mut Option<Instant>) {
        let Some(alarm) = alarm else { return };
        if scheduled.is_none_or(|at| alarm.at < at) {
            self.heap.push(Reverse(Entry { at: alarm.at, reason: alarm.reason, target }));
            *scheduled = Some(alarm.at);
        }
    }

    pub fn next(&self) -> Option<(Instant, Reason)> {
        self.heap.peek().map(|Reverse(entry)| (entry.at, entry.reason))
    }

    /// The next entry that is due, with the time it stood at.
    pub fn pop_due(&mut self, now: Instant) -> Option<(Target, Instant)> {
        if self.heap.peek()?.0.at > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.target, entry.at))
    }

    pub fn len(&self) -> usize {
        self.heap.len()
    }
}
