//! A line's limit divided over the nodes, so that the parts in force never add up to more than the whole.
//!
//! A part that shrinks takes a while to reach its node (or the node is out of reach and goes by what it was told last,
//! until its lease runs out), so the old part counts as in force for [`LINGER`]. A part grows only into what is in nobody
//! else's force.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use common::NodeId;

/// The lease of a node (5 s), the rolling second, and a little for the way.
pub(super) const LINGER: Duration = Duration::from_millis(6_500);

/// The parts of one limit.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares {
    limit: u32,
    parts: BTreeMap<NodeId, Part>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    current: u32,
    /// A larger value that may still be believed at the node.
    lingering: Option<(u32, Instant)>,
}

impl Part {
    fn in_force(&self, now: Instant) -> u32 {
        match self.lingering {
            Some((value, until)) if now < until => value.max(self.current),
            _ => self.current,
        }
    }
}

impl Shares {
    /// Divides `limit` evenly over `nodes`; what does not divide goes to the first by name. Call it when either has
    /// changed, and now and then, because parts may grow when time has passed. Whether any part changed.
    pub(super) fn divide(&mut self, now: Instant, limit: u32, nodes: &BTreeSet<NodeId>) -> bool {
        self.limit = limit;
        for node in nodes {
            self.parts.entry(node.clone()).or_default();
        }
        let mut changed = false;
        let count = u32::try_from(nodes.len()).unwrap_or(u32::MAX).max(1);
        let targets: BTreeMap<&NodeId, u32> = nodes
            .iter()
            .zip(0u32..)
            .map(|(node, index)| (node, limit / count + u32::from(index < limit % count)))
            .collect();
        let target_of = |node: &NodeId| targets.get(node).copied().unwrap_or(0);

        for (node, part) in &mut self.parts {
            let target = target_of(node);
            if target < part.current {
                part.lingering = Some((part.in_force(now), now + LINGER));
                part.current = target;
                changed = true;
            }
        }
        for (&node, &target) in &targets {
            let in_force: u32 = self.parts.values().map(|part| part.in_force(now)).sum();
            let part = self.parts.get_mut(node).expect("inserted above");
            let others = in_force - part.in_force(now);
            let possible = target.min(limit.saturating_sub(others));
            if possible > part.current {
                part.current = possible;
                changed = true;
            }
        }
        self.parts.retain(|node, part| nodes.contains(node) || part.in_force(now) > 0);
        changed
    }

    /// The part of a node; 0 when it has none.
    pub(super) fn of(&self, node: &NodeId) -> u32 {
        self.parts.get(node).map_or(0, |part| part.current)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nodes(names: &str) -> BTreeSet<NodeId> {
        names.chars().map(|name| NodeId(name.to_string())).collect()
    }

    fn parts(shares: &Shares, names: &str) -> Vec<u32> {
        names.chars().map(|name| shares.of(&NodeId(name.to_string()))).collect()
    }

    #[test]
    fn a_sole_node_has_all() {
        let mut shares = Shares::default();
        assert!(shares.divide(Instant::now(), 10, &nodes("a")));
        assert_eq!(parts(&shares, "a"), [10]);
    }

    #[test]
    fn a_second_node_waits_until_the_first_has_shrunk() {
        let now = Instant::now();
        let mut shares = Shares::default();
        shares.divide(now, 11, &nodes("a"));
        assert!(shares.divide(now, 11, &nodes("ab")));
        assert_eq!(parts(&shares, "ab"), [6, 0]);
        assert!(!shares.divide(now + LINGER / 2, 11, &nodes("ab")));
        assert!(shares.divide(now + LINGER, 11, &nodes("ab")));
        assert_eq!(parts(&shares, "ab"), [6, 5]);
    }

    #[test]
    fn a_node_that_comes_back_at_once_gets_its_part_back() {
        let now = Instant::now();
        let mut shares = Shares::default();
        shares.divide(now, 10, &nodes("a"));
        shares.divide(now, 10, &nodes(""));
        assert_eq!(parts(&shares, "a"), [0]);
        shares.divide(now, 10, &nodes("a"));
        assert_eq!(parts(&shares, "a"), [10]);
    }

    #[test]
    fn the_part_of_a_lost_node_passes_on_after_its_lease() {
        let now = Instant::now();
        let mut shares = Shares::default();
        shares.divide(now, 10, &nodes("ab"));
        shares.divide(now, 10, &nodes("b"));
        assert_eq!(parts(&shares, "ab"), [0, 5]);
        shares.divide(now + LINGER, 10, &nodes("b"));
        assert_eq!(parts(&shares, "ab"), [0, 10]);
    }

    proptest! {
        #[test]
        fn what_is_in_force_never_exceeds_the_limit(
            steps in prop::collection::vec((0u64..5_000, 0u8..16), 1..60),
            limit in 1u32..20,
        ) {
            let mut now = Instant::now();
            let mut shares = Shares::default();
            for (gap, mask) in steps {
                now += Duration::from_millis(gap);
                let nodes = (0..4u8)
                    .filter(|bit| mask & (1 << bit) != 0)
                    .map(|bit| NodeId(bit.to_string()))
                    .collect();
                shares.divide(now, limit, &nodes);
                let in_force: u32 = shares.parts.values().map(|part| part.in_force(now)).sum();
                prop_assert!(in_force <= limit);
            }
        }
    }
}
