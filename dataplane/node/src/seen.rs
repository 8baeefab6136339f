//! The route tries that this node has been told of, so that none is ever taken twice (promise P1).
//!
//! Bounded: [`GENERATIONS`] generations of at most [`GENERATION`] entries. When the youngest is full, the eldest is
//! forgotten once there are so many, and from then on every attempt that is not younger than the youngest forgotten one
//! is *too old to judge*: an [`AttemptId`] carries the millisecond of its making. The same holds for attempts made before
//! this process began, unless the journal tells of them: a forgotten attempt is refused, never taken again.

use std::collections::{HashSet, VecDeque};

use common::{AttemptId, UnixMicros};

/// One route try of an attempt.
pub type TryKey = (AttemptId, u32);

/// Entries of one generation, for which it takes 0.7 MB at its beginning: as many as a hash table of 2¹⁵ places holds.
pub const GENERATION: usize = (1 << 15) / 8 * 7;

/// Generations at most, 7 MB in all. When the eldest has just gone, 258,000 entries are left: at 1,000 calls a second the last
/// four minutes are known for certain, and an order is valid for seconds.
pub const GENERATIONS: usize = 10;

/// What is known of a route try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Never told of it.
    New,
    /// Told of it.
    Seen,
    /// Made so long ago that it may have been here and been forgotten.
    TooOld,
}

/// The set.
#[derive(Debug)]
pub struct SeenTries {
    generation: usize,
    /// The youngest is the last; there is always one.
    generations: VecDeque<HashSet<TryKey>>,
    /// Attempts of this millisecond since 1970 and earlier are too old to judge.
    horizon_ms: u64,
    started_ms: u64,
}

impl SeenTries {
    /// An empty set of a process that began at `started`.
    pub fn new(started: UnixMicros) -> Self {
        Self::with_generation(started, GENERATION)
    }

    fn with_generation(started: UnixMicros, generation: usize) -> Self {
        let started_ms = u64::try_from(started.as_millis()).unwrap_or(0);
        let generations = VecDeque::from([HashSet::with_capacity(generation)]);
        Self { generation, generations, horizon_ms: started_ms, started_ms }
    }

    /// What is known of `key`.
    pub fn look(&self, key: &TryKey) -> Sight {
        if self.generations.iter().any(|tries| tries.contains(key)) {
            Sight::Seen
        } else if made_ms(&key.0) <= self.horizon_ms {
            Sight::TooOld
        } else {
            Sight::New
        }
    }

    /// Whether an attempt was made before this process began.
    pub fn is_before_start(&self, attempt: &AttemptId) -> bool {
        made_ms(attempt) <= self.started_ms
    }

    /// Remembers `key`.
    pub fn insert(&mut self, key: TryKey) {
        if self.youngest().len() >= self.generation {
            self.begin_generation();
        }
        self.youngest().insert(key);
    }

    fn youngest(&mut self) -> &mut HashSet<TryKey> {
        self.generations.back_mut().expect("there is always a generation")
    }

    fn begin_generation(&mut self) {
        let eldest = if self.generations.len() < GENERATIONS { None } else { self.generations.pop_front() };
        let Some(mut eldest) = eldest else {
            self.generations.push_back(HashSet::with_capacity(self.generation));
            return;
        };
        let last_made = eldest.iter().map(|(attempt, _)| made_ms(attempt)).max();
        self.horizon_ms = self.horizon_ms.max(last_made.unwrap_or(0));
        eldest.clear();
        self.generations.push_back(eldest);
    }
}

/// The first 48 bits of a UUIDv7 are milliseconds since 1970 (RFC 9562 section 5.7).
fn made_ms(attempt: &AttemptId) -> u64 {
    attempt.as_bytes()[..6].iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(ms: u64, n: u8) -> AttemptId {
        AttemptId::new(ms, &[n; 10])
    }

    #[test]
    fn a_try_is_new_once() {
        let mut seen = SeenTries::new(UnixMicros(5_000_000));
        let id = attempt(6_000, 1);
        assert_eq!(seen.look(&(id, 1)), Sight::New);
        seen.insert((id, 1));
        assert_eq!(seen.look(&(id, 1)), Sight::Seen);
        assert_eq!(seen.look(&(id, 2)), Sight::New, "another route try is another key");
    }

    #[test]
    fn what_was_made_before_the_start_is_too_old_unless_the_journal_knows_it() {
        let mut seen = SeenTries::new(UnixMicros(5_000_000));
        assert_eq!(seen.look(&(attempt(5_000, 1), 1)), Sight::TooOld);
        seen.insert((attempt(4_000, 2), 1));
        assert_eq!(seen.look(&(attempt(4_000, 2), 1)), Sight::Seen);
    }

    #[test]
    fn what_is_forgotten_is_never_new_again() {
        let mut seen = SeenTries::with_generation(UnixMicros(0), 10);
        // The eleventh and the twelfth generation push out the first two.
        let all: Vec<_> = (1..=115).map(|n| (attempt(1_000 + u64::from(n), n), 1)).collect();
        for key in &all {
            assert_eq!(seen.look(key), Sight::New);
            seen.insert(*key);
        }
        for key in &all {
            assert_ne!(seen.look(key), Sight::New);
        }
        let kept = seen.generations.iter().map(HashSet::len).sum::<usize>();
        assert_eq!(kept, 95, "the eldest are forgotten, and no other");
        assert_eq!(seen.look(&all[19]), Sight::TooOld);
        assert!(all[20..].iter().all(|key| seen.look(key) == Sight::Seen));
    }

    #[test]
    fn a_generation_takes_its_memory_at_its_beginning() {
        let mut seen = SeenTries::new(UnixMicros(0));
        let places = seen.youngest().capacity();
        assert_eq!(places, GENERATION, "a table that is full to the last place");
        for n in 0..GENERATION as u64 {
            seen.insert((attempt(1_000 + n, 1), 1));
        }
        assert_eq!((seen.generations.len(), seen.youngest().capacity()), (1, places));
        seen.insert((attempt(1, 2), 1));
        assert_eq!(seen.generations.len(), 2);
    }
}
