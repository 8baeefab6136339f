//! Which variant of a script an attempt gets, and which is the best so far.
//!
//! Thompson sampling (W. R. Thompson, 1933): what is known of a variant's rate of success is a Beta distribution; a rate is drawn from
//! each, and the variant with the highest gets the attempt. So the better one is called more often the surer it is, and none is given up
//! for a run of bad luck. Two guards hold it back: every variant is tried a number of times before any is preferred, and the control keeps
//! a fixed share for ever, so that a change of the world shows.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Beta, Distribution};

/// What is known of a variant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arm {
    /// Attempts that were answered and are over.
    pub tries: u64,
    /// Those of them that reached the goal; at most `tries`.
    pub successes: u64,
    /// Its weight where weights decide; one with 0 is only counted, and gets nothing, though it were the control.
    pub weight: u32,
}

/// How variants are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Policy {
    /// By their weights.
    Weights,
    /// By Thompson sampling.
    Best {
        /// Weights decide until each has been tried so often.
        tries_min: u64,
        /// The variant that keeps its share.
        control: usize,
        /// Share of attempts that the control gets whatever comes, 0 to 1. It may win the others too.
        control_share: f64,
    },
}

/// How a variant stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Successes a try; the mean of what is known, with neither success nor failure known at first.
    pub rate: f64,
    /// The rate lies between these two with a probability of 95 %.
    pub low: f64,
    /// The upper one.
    pub high: f64,
    /// The probability that it is the best of those that get calls; 0 for one that gets none.
    pub is_best: f64,
}

/// The variant that the attempt of this seed gets: always the same for the same knowledge. `None` when there is none to be had.
pub fn choose(arms: &[Arm], policy: Policy, seed: u64) -> Option<usize> {
    let mut random = SmallRng::seed_from_u64(seed);
    let Policy::Best { tries_min, control, control_share } = policy else {
        return by_weight(arms.iter().map(|arm| arm.weight), &mut random);
    };
    // First of all, so that it is the same share at all times and the control's calls can be compared with those of the same days.
    let is_controls = random.random::<f64>() < control_share;
    if is_controls && arms.get(control).is_some_and(|arm| arm.weight > 0) {
        return Some(control);
    }
    let used = || arms.iter().filter(|arm| arm.weight > 0);
    if used().any(|arm| arm.tries < tries_min) {
        return by_weight(arms.iter().map(|arm| arm.weight), &mut random);
    }
    let drawn = arms.iter().enumerate().filter(|(_, arm)| arm.weight > 0);
    let drawn = drawn.map(|(index, arm)| (index, belief(arm).sample(&mut random)));
    drawn.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(index, _)| index)
}

/// Draws for a comparison. The probabilities are then right to about half a percent.
const DRAWS: usize = 20_000;

/// How all of them stand, from what is known so far.
pub fn compare(arms: &[Arm]) -> Vec<Standing> {
    // Always the same draws: a report that is read twice says the same.
    let mut random = SmallRng::seed_from_u64(0x5EED);
    let beliefs: Vec<_> = arms.iter().map(belief).collect();
    let mut drawn = vec![Vec::with_capacity(DRAWS); arms.len()];
    let mut wins = vec![0u32; arms.len()];
    for _ in 0..DRAWS {
        let mut best: Option<(usize, f64)> = None;
        for (index, belief) in beliefs.iter().enumerate() {
            let rate = belief.sample(&mut random);
            drawn[index].push(rate);
            if arms[index].weight > 0 && best.is_none_or(|(_, highest)| rate > highest) {
                best = Some((index, rate));
            }
        }
        if let Some((index, _)) = best {
            wins[index] += 1;
        }
    }
    let standing = |(index, mut rates): (usize, Vec<f64>)| {
        rates.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| rates[((DRAWS - 1) as f64 * share) as usize];
        let arm = &arms[index];
        Standing {
            rate: (arm.successes.min(arm.tries) + 1) as f64 / (arm.tries + 2) as f64,
            low: at(0.025),
            high: at(0.975),
            is_best: f64::from(wins[index]) / DRAWS as f64,
        }
    };
    drawn.into_iter().enumerate().map(standing).collect()
}

/// What is known of its rate, after a uniform prior.
fn belief(arm: &Arm) -> Beta<f64> {
    let successes = arm.successes.min(arm.tries);
    Beta::new(successes as f64 + 1.0, (arm.tries - successes) as f64 + 1.0).expect("both are 1 or more")
}

fn by_weight(weights: impl Iterator<Item = u32> + Clone, random: &mut SmallRng) -> Option<usize> {
    let sum: u64 = weights.clone().map(u64::from).sum();
    if sum == 0 {
        return None;
    }
    let mut point = random.random_range(0..sum);
    for (index, weight) in weights.map(u64::from).enumerate() {
        match point.checked_sub(weight) {
            Some(rest) => point = rest,
            None => return Some(index),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(tries: u64, successes: u64, weight: u32) -> Arm {
        Arm { tries, successes, weight }
    }

    /// How many of 10,000 attempts each gets.
    fn shares(arms: &[Arm], policy: Policy) -> Vec<usize> {
        let mut counts = vec![0; arms.len()];
        (0..10_000).for_each(|seed| counts[choose(arms, policy, seed).expect("there are some")] += 1);
        counts
    }

    const BEST: Policy = Policy::Best { tries_min: 100, control: 0, control_share: 0.1 };

    #[test]
    fn weights_are_kept() {
        let counts = shares(&[arm(0, 0, 3), arm(0, 0, 1), arm(0, 0, 0)], Policy::Weights);
        assert!(counts[0].abs_diff(7_500) < 200 && counts[2] == 0, "{counts:?}");
        assert_eq!(choose(&[arm(0, 0, 0)], Policy::Weights, 1), None);
        assert_eq!(choose(&[], BEST, 1), None);
    }

    #[test]
    fn none_is_preferred_before_all_were_tried() {
        // Of what the control does not get for itself, each has its weight.
        let counts = shares(&[arm(500, 400, 1), arm(20, 0, 2), arm(99, 0, 1)], BEST);
        assert!(counts[0].abs_diff(1_000 + 2_250) < 300, "{counts:?}");
        assert!(counts[1].abs_diff(4_500) < 300 && counts[2].abs_diff(2_250) < 300, "{counts:?}");
    }

    #[test]
    fn one_without_weight_gets_nothing() {
        let counts = shares(&[arm(0, 0, 0), arm(1_000, 100, 1), arm(1_000, 100, 1)], BEST);
        assert_eq!(counts[0], 0, "not as the control, and nobody waits for its tries");
        assert!(counts[1].abs_diff(counts[2]) < 500, "{counts:?}");
        let counts = shares(&[arm(1_000, 100, 1), arm(1_000, 900, 0), arm(1_000, 100, 1)], BEST);
        assert_eq!(counts[1], 0, "nor as the best");
    }

    #[test]
    fn the_better_one_gets_nearly_all_but_the_controls_share() {
        let counts = shares(&[arm(1_000, 100, 1), arm(1_000, 200, 1)], BEST);
        assert!(counts[0].abs_diff(1_000) < 100, "{counts:?}");
        let counts = shares(&[arm(1_000, 150, 1), arm(1_000, 152, 1)], BEST);
        assert!(counts.iter().all(|count| *count > 3_000), "nobody knows yet: {counts:?}");
    }

    #[test]
    fn a_better_script_is_found() {
        // Rates of 10 % and 14 %; each attempt's result is known before the next.
        let mut arms = [arm(0, 0, 1), arm(0, 0, 1)];
        let mut random = SmallRng::seed_from_u64(7);
        for seed in 0..20_000 {
            let chosen = choose(&arms, BEST, seed).expect("there are two");
            arms[chosen].tries += 1;
            arms[chosen].successes += u64::from(random.random::<f64>() < [0.10, 0.14][chosen]);
        }
        assert!(arms[1].tries > 3 * arms[0].tries, "{arms:?}");
        assert!(arms[0].tries > 1_800, "the control keeps its share: {arms:?}");
        assert!(compare(&arms)[1].is_best > 0.95);
    }

    #[test]
    fn a_comparison_says_how_sure_it_is() {
        let standings = compare(&[arm(1_000, 100, 1), arm(1_000, 110, 1), arm(0, 0, 1)]);
        assert!((standings[0].rate - 0.1).abs() < 0.002);
        assert!(standings[0].low > 0.08 && standings[0].high < 0.121, "{standings:?}");
        assert!(standings[2].low < 0.05 && standings[2].high > 0.95, "nothing is known");
        let two = compare(&[arm(1_000, 100, 1), arm(1_000, 110, 1)]);
        assert!((0.70..0.82).contains(&two[1].is_best), "{two:?}");
        assert!((two[0].is_best + two[1].is_best - 1.0).abs() < 1e-9);
        assert_eq!(compare(&[arm(5, 5, 1)])[0].is_best, 1.0);
        assert_eq!(compare(&[]), []);
        let one_without = compare(&[arm(1_000, 100, 1), arm(1_000, 200, 1), arm(0, 0, 0)]);
        assert!(one_without[1].is_best > 0.99 && one_without[2].is_best == 0.0, "{one_without:?}");
    }
}
