//! What becomes of a contact after an attempt.

use std::{collections::BTreeMap, time::Duration};

use common::{Outcome, UnixMicros, outcome::Retry};
use serde::{Deserialize, Serialize};

use crate::model::RetryPolicy;

/// How long a contact waits when nothing left the machine for it: long enough that a node or line that refuses does
/// not get the same contact many times a second, short enough that nobody notices.
const UNSENT_DELAY: Duration = Duration::from_secs(2);

/// Attempts that count, for one contact within one campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Attempts for which an INVITE may have left.
    pub attempts: u32,
    /// The same by outcome.
    pub by_outcome: BTreeMap<Outcome, u32>,
}

/// Where an attempt leaves its contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// To be called again, not before `at`.
    RetryDue {
        /// Wall clock.
        at: UnixMicros,
    },
    /// Somebody answered; nothing more to do.
    Reached,
    /// Given up.
    Exhausted,
}

impl Tally {
    /// Counts an attempt that ended with `outcome` at `ended_at` and says what becomes of the contact.
    ///
    /// An attempt for which certainly nothing left the machine is not counted and costs the contact nothing: it comes
    /// back after two seconds. An outcome that nobody may redial settles the contact whatever the policy says.
    pub fn settle(&mut self, policy: &RetryPolicy, outcome: Outcome, ended_at: UnixMicros) -> Settlement {
        if !outcome.may_have_dialled() {
            return Settlement::RetryDue { at: ended_at.saturating_add(UNSENT_DELAY) };
        }
        self.attempts = self.attempts.saturating_add(1);
        let same = self.by_outcome.entry(outcome).or_default();
        *same = same.saturating_add(1);

        if outcome == Outcome::Answered {
            return Settlement::Reached;
        }
        match policy.rules.get(&outcome) {
            // `same` includes the first attempt, which is no retry.
            Some(rule)
                if outcome.retry() != Retry::Never
                    && self.attempts < policy.max_attempts
                    && *same <= rule.max =>
            {
                Settlement::RetryDue { at: ended_at.saturating_add(Duration::from_secs(rule.delay_s.into())) }
            }
            _ => Settlement::Exhausted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RetryRule;

    const NOW: UnixMicros = UnixMicros(1_000_000);

    fn policy(max_attempts: u32, rules: &[(Outcome, u32, u32)]) -> RetryPolicy {
        let rules =
            rules.iter().map(|&(outcome, delay_s, max)| (outcome, RetryRule { delay_s, max })).collect();
        RetryPolicy { max_attempts, rules }
    }

    #[test]
    fn without_a_rule_one_attempt_is_all() {
        let mut tally = Tally::default();
        assert_eq!(tally.settle(&RetryPolicy::default(), Outcome::Busy, NOW), Settlement::Exhausted);
        assert_eq!(tally.attempts, 1);
    }

    #[test]
    fn a_rule_gives_its_delay_and_its_number_of_retries() {
        let policy = policy(10, &[(Outcome::Busy, 60, 2)]);
        let mut tally = Tally::default();
        let due = Settlement::RetryDue { at: UnixMicros(61_000_000) };
        assert_eq!(tally.settle(&policy, Outcome::Busy, NOW), due);
        assert_eq!(tally.settle(&policy, Outcome::Busy, NOW), due);
        assert_eq!(tally.settle(&policy, Outcome::Busy, NOW), Settlement::Exhausted);
    }

    #[test]
    fn attempts_of_all_outcomes_count_together() {
        let policy = policy(2, &[(Outcome::Busy, 60, 9), (Outcome::NoAnswer, 60, 9)]);
        let mut tally = Tally::default();
        assert!(matches!(tally.settle(&policy, Outcome::Busy, NOW), Settlement::RetryDue { .. }));
        assert_eq!(tally.settle(&policy, Outcome::NoAnswer, NOW), Settlement::Exhausted);
    }

    #[test]
    fn an_answer_reaches_and_a_final_no_exhausts_under_any_policy() {
        for outcome in Outcome::ALL {
            let policy = policy(20, &[(outcome, 1, 20)]);
            let settled = Tally::default().settle(&policy, outcome, NOW);
            match outcome.retry() {
                _ if outcome == Outcome::Answered => assert_eq!(settled, Settlement::Reached),
                Retry::Never => assert_eq!(settled, Settlement::Exhausted, "{outcome}"),
                _ => assert!(matches!(settled, Settlement::RetryDue { .. }), "{outcome}"),
            }
        }
    }

    #[test]
    fn what_never_left_costs_no_attempt() {
        for outcome in Outcome::ALL.into_iter().filter(|o| !o.may_have_dialled()) {
            let mut tally = Tally::default();
            let settled = tally.settle(&RetryPolicy::default(), outcome, NOW);
            assert_eq!(settled, Settlement::RetryDue { at: UnixMicros(3_000_000) }, "{outcome}");
            assert_eq!(tally, Tally::default());
        }
    }
}
