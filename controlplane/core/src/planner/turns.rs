//! Whose turn it is: smooth weighted round robin.
//!
//! At each turn every candidate gains its weight, and the one with most credit is taken and pays the weights of all. Over
//! any run of turns with the same candidates each is taken in proportion to its weight, spread evenly; who is no
//! candidate neither gains nor pays, so nobody saves up turns while there is nothing for it to do. A candidate of weight
//! w among W in all waits at most about 2·W/w turns.

use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub(super) struct Turns<K> {
    credit: BTreeMap<K, i64>,
}

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self { credit: BTreeMap::new() }
    }
}

impl<K: Copy + Ord> Turns<K> {
    /// Takes one of the candidates (key and weight); `None` when there are none. Equal credit goes to the lower key.
    pub(super) fn take(&mut self, candidates: impl Iterator<Item = (K, u32)>) -> Option<K> {
        let mut total = 0;
        let mut best: Option<(i64, K)> = None;
        for (key, weight) in candidates {
            total += i64::from(weight);
            let credit = self.credit.entry(key).or_insert(0);
            *credit += i64::from(weight);
            if best.is_none_or(|(most, first)| *credit > most || *credit == most && key < first) {
                best = Some((*credit, key));
            }
        }
        let (_, key) = best?;
        *self.credit.get_mut(&key).expect("credited above") -= total;
        Some(key)
    }

    /// Forgets one that is gone for good.
    pub(super) fn remove(&mut self, key: &K) {
        self.credit.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn turns_are_spread_by_weight() {
        let mut turns = Turns::default();
        let taken: String =
            (0..8).filter_map(|_| turns.take([('a', 5), ('b', 1), ('c', 2)].into_iter())).collect();
        assert_eq!(taken, "acaabaca");
    }

    #[test]
    fn who_was_away_saves_nothing() {
        let mut turns = Turns::default();
        for _ in 0..1_000 {
            turns.take([('a', 1)].into_iter());
        }
        let taken: String = (0..6).filter_map(|_| turns.take([('a', 1), ('b', 1)].into_iter())).collect();
        assert_eq!(taken, "ababab");
    }

    proptest! {
        #[test]
        fn nobody_waits_longer_than_the_bound(weights in prop::collection::vec(1u32..1_000, 1..8)) {
            let total: u32 = weights.iter().sum();
            let mut turns = Turns::default();
            let mut waited = vec![0u32; weights.len()];
            for _ in 0..5_000 {
                let taken = turns.take(weights.iter().copied().enumerate()).expect("there are candidates");
                for (key, waited) in waited.iter_mut().enumerate() {
                    *waited = if key == taken { 0 } else { *waited + 1 };
                    prop_assert!(*waited <= 2 * total.div_ceil(weights[key]));
                }
            }
        }
    }
}
