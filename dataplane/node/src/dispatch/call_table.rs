//! The route tries that are not over, by where they stand.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use common::{AttemptId, LineId, UnixMicros};
use jiff::tz::TimeZone;

use super::shard_table::Declined;
use crate::seen::TryKey;

/// Where a route try stands.
#[derive(Debug)]
pub(super) enum Stage {
    /// Waits for its script or its line's address.
    Parked(Box<proto::v1::Order>),
    /// Waits for its turn on the line. Holds nothing.
    Waiting(Box<call::Order>),
    /// Holds a place on the line; `Begun` is on its way to the disk under this number.
    Journalling(Box<call::Order>, u64),
    /// `Begun` is on disk; waits for a slot.
    Ready(Box<call::Order>),
    /// A shard has it.
    Mailed {
        /// Which.
        shard: u16,
        /// A hang-up followed it.
        hung_up: bool,
    },
    /// Its end was told; the last messages are under way.
    Over {
        /// Which shard has it.
        shard: u16,
    },
}

/// One route try.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) line: LineId,
    pub(super) stage: Stage,
    /// By then the INVITE has left or the order is refused.
    pub(super) expires: Instant,
    /// The shards that would not have it.
    pub(super) declined_by: Declined,
    /// File name stem of its recording.
    pub(super) recording: Box<str>,
    /// Where the callee is.
    pub(super) zone: TimeZone,
    /// The number of its newest `Begun`.
    pub(super) begun: Option<u64>,
    /// Wall clock when it began.
    pub(super) begun_at: UnixMicros,
}

impl Call {
    /// Whether it holds a place on its line.
    pub(super) fn has_entered(&self) -> bool {
        !matches!(self.stage, Stage::Parked(_) | Stage::Waiting(_))
    }

    pub(super) fn is_journalling(&self) -> bool {
        matches!(self.stage, Stage::Journalling(..))
    }

    /// Whether it is certain that no shard has it.
    pub(super) fn is_unsent(&self) -> bool {
        !matches!(self.stage, Stage::Mailed { .. } | Stage::Over { .. })
    }
}

/// The table. Every change of a stage goes through it, so that its counts are right.
#[derive(Debug, Default)]
pub(super) struct CallTable {
    calls: BTreeMap<TryKey, Call>,
    /// Of the unsent ones.
    expiries: BTreeSet<(Instant, TryKey)>,
    /// Newest `Begun` of each that is not released, and of those of a predecessor.
    begun: BTreeMap<u64, TryKey>,
    begun_by_predecessor: HashMap<TryKey, u64>,
    entered: usize,
}

impl CallTable {
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Calls that hold a place on a line.
    pub(super) fn entered(&self) -> usize {
        self.entered
    }

    /// Route tries that no shard has.
    pub(super) fn unsent(&self) -> usize {
        self.expiries.len()
    }

    pub(super) fn find(&self, key: &TryKey) -> Option<&Call> {
        self.calls.get(key)
    }

    pub(super) fn insert(&mut self, key: TryKey, call: Call) {
        debug_assert!(call.is_unsent() && !call.has_entered() && call.begun.is_none());
        self.expiries.insert((call.expires, key));
        self.calls.insert(key, call);
    }

    /// Moves a call to the stage that `next` makes of its present one.
    pub(super) fn change(&mut self, key: &TryKey, next: impl FnOnce(Stage) -> Stage) {
        let Some(call) = self.calls.get_mut(key) else { return };
        let (had_entered, was_unsent) = (call.has_entered(), call.is_unsent());
        // Any stage will do in between; this one holds nothing.
        let stage = std::mem::replace(&mut call.stage, Stage::Over { shard: 0 });
        call.stage = next(stage);
        self.entered = self.entered - usize::from(had_entered) + usize::from(call.has_entered());
        match (was_unsent, call.is_unsent()) {
            (true, false) => drop(self.expiries.remove(&(call.expires, *key))),
            (false, true) => drop(self.expiries.insert((call.expires, *key))),
            (true, true) | (false, false) => {}
        }
    }

    /// A shard would not have the call; all that would not.
    pub(super) fn add_declined(&mut self, key: &TryKey, shard: u16) -> Declined {
        let Some(call) = self.calls.get_mut(key) else { return Declined::default() };
        call.declined_by.add(shard);
        call.declined_by
    }

    pub(super) fn remove(&mut self, key: &TryKey) -> Option<Call> {
        let call = self.calls.remove(key)?;
        self.entered -= usize::from(call.has_entered());
        self.expiries.remove(&(call.expires, *key));
        if let Some(seq) = call.begun {
            self.begun.remove(&seq);
        }
        Some(call)
    }

    /// `Begun` of this route try has this number now.
    pub(super) fn set_begun(&mut self, key: &TryKey, seq: u64, at: UnixMicros) {
        if let Some(call) = self.calls.get_mut(key) {
            call.begun_at = at;
        }
        self.remind_begun(key, seq);
    }

    /// `Begun` of this route try was written again under this number.
    pub(super) fn remind_begun(&mut self, key: &TryKey, seq: u64) {
        let Some(call) = self.calls.get_mut(key) else { return };
        if let Some(old) = call.begun.replace(seq) {
            self.begun.remove(&old);
        }
        self.begun.insert(seq, *key);
    }

    /// A route try of a predecessor has ended, began under this number, and is not released.
    pub(super) fn insert_of_predecessor(&mut self, key: TryKey, seq: u64) {
        self.begun.insert(seq, key);
        self.begun_by_predecessor.insert(key, seq);
    }

    pub(super) fn on_released_of_predecessor(&mut self, key: &TryKey) {
        if let Some(seq) = self.begun_by_predecessor.remove(key) {
            self.begun.remove(&seq);
        }
    }

    /// The least number of a `Begun` that the journal must keep.
    pub(super) fn first_begun(&self) -> Option<u64> {
        self.begun.first_key_value().map(|(seq, _)| *seq)
    }

    /// The call of this process whose `Begun` lies furthest back.
    pub(super) fn begun_longest_ago(&self) -> Option<(u64, TryKey)> {
        let (seq, key) = self.begun.first_key_value()?;
        self.calls.contains_key(key).then_some((*seq, *key))
    }

    pub(super) fn expires_first(&self) -> Option<Instant> {
        self.expiries.first().map(|(at, _)| *at)
    }

    pub(super) fn expired(&self, now: Instant) -> Vec<TryKey> {
        self.expiries.iter().take_while(|(at, _)| *at <= now).map(|(_, key)| *key).collect()
    }

    pub(super) fn unsent_keys(&self) -> Vec<TryKey> {
        self.expiries.iter().map(|(_, key)| *key).collect()
    }

    pub(super) fn unsent_on(&self, line: LineId) -> Vec<TryKey> {
        let on_line = |key: &TryKey| self.calls.get(key).is_some_and(|call| call.line == line);
        self.expiries.iter().map(|(_, key)| *key).filter(on_line).collect()
    }

    pub(super) fn parked_keys(&self) -> Vec<TryKey> {
        let parked =
            |key: &TryKey| self.calls.get(key).is_some_and(|call| matches!(call.stage, Stage::Parked(_)));
        self.expiries.iter().map(|(_, key)| *key).filter(parked).collect()
    }

    /// All route tries of an attempt that are not over.
    pub(super) fn tries_of(&self, attempt: AttemptId) -> Vec<TryKey> {
        self.calls.range((attempt, 0)..=(attempt, u32::MAX)).map(|(key, _)| *key).collect()
    }
}
