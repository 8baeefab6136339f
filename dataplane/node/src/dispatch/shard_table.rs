//! Which shard gets the next order.

use std::time::{Duration, Instant};

/// For so long a shard that declined an order gets none that another can take. Its load has changed by then: it looks ten
/// times a second.
const PASSED_OVER: Duration = Duration::from_secs(1);

/// The shards that declined one order, of which each is asked at most once: a bit for each of the 64 that there may be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Declined(u64);

impl Declined {
    pub(super) fn add(&mut self, shard: u16) {
        self.0 |= 1 << shard;
    }

    fn has(self, shard: u16) -> bool {
        self.0 >> shard & 1 == 1
    }
}

/// The shards, by what they have.
#[derive(Debug)]
pub(super) struct ShardTable {
    shards: Vec<Shard>,
}

#[derive(Clone, Debug, Default)]
struct Shard {
    calls: u32,
    declined_at: Option<Instant>,
}

impl Shard {
    fn is_passed_over(&self, now: Instant) -> bool {
        self.declined_at.is_some_and(|at| now < at + PASSED_OVER)
    }
}

impl ShardTable {
    pub(super) fn new(shards: u16) -> Self {
        Self { shards: vec![Shard::default(); usize::from(shards)] }
    }

    /// The shard with the fewest calls of those that have declined nothing lately; of all, when every one has. One that has
    /// declined this very order is the last choice.
    pub(super) fn choose(&self, now: Instant, declined_by: Declined) -> u16 {
        let by_load = |(number, shard): &(usize, &Shard)| {
            (declined_by.has(*number as u16), shard.is_passed_over(now), shard.calls)
        };
        let (shard, _) =
            self.shards.iter().enumerate().min_by_key(by_load).expect("there is at least one shard");
        shard as u16
    }

    /// A shard declined an order, which `declined_by` knows. True when another one may take it.
    pub(super) fn on_declined(&mut self, now: Instant, shard: u16, declined_by: Declined) -> bool {
        self.shards[usize::from(shard)].declined_at = Some(now);
        let may_take =
            |(number, shard): (usize, &Shard)| !declined_by.has(number as u16) && !shard.is_passed_over(now);
        self.shards.iter().enumerate().any(may_take)
    }

    /// A shard gets a call.
    pub(super) fn enter(&mut self, shard: u16) {
        self.shards[usize::from(shard)].calls += 1;
    }

    /// A shard has a call no more.
    pub(super) fn leave(&mut self, shard: u16) {
        self.shards[usize::from(shard)].calls -= 1;
    }
}
