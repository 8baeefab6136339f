//! Names that strangers cannot guess, from a seed.

use std::hash::{DefaultHasher, Hash, Hasher};

/// A keyed stream of 64-bit numbers. Each is a SipHash of a counter behind a secret, so that those which were seen on
/// the wire do not tell the next.
#[derive(Debug)]
pub struct Entropy {
    seed: u64,
    drawn: u64,
}

impl Entropy {
    /// From a seed that strangers cannot guess, and the number of the shard that draws.
    pub fn new(seed: u64, shard: u16) -> Self {
        let mut entropy = Entropy { seed, drawn: 0 };
        entropy.seed = entropy.hash(&("shard", shard));
        entropy
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.hash(&("draw", self.drawn))
    }

    /// A hash that peers cannot aim at: for table keys, and for tags that must come out the same twice.
    pub fn hash(&self, value: &impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.seed);
        value.hash(&mut hasher);
        hasher.finish()
    }
}
