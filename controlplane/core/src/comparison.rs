//! What a comparison of variants says, in a sentence.

use crate::variant::{Arm, Standing};

/// From this probability on a variant is called better.
const CERTAIN: f64 = 0.95;

/// Which variant is better, and how surely; the three lists belong together. Only variants that get calls are compared. `minimum` are the
/// tries that each of them should have before anything is said.
pub fn verdict(names: &[String], arms: &[Arm], standings: &[Standing], minimum: u64) -> String {
    let mut order: Vec<usize> = (0..standings.len()).filter(|&index| arms[index].weight > 0).collect();
    order.sort_by(|&a, &b| standings[b].is_best.total_cmp(&standings[a].is_best));
    let [first, second, ..] = order[..] else {
        return "There is nothing to compare: fewer than two variants get calls.".to_owned();
    };
    if let Some((name, arm)) = names.iter().zip(arms).find(|(_, arm)| arm.weight > 0 && arm.tries < minimum) {
        return format!(
            "Too early to say: each variant needs {minimum} answered calls, and '{name}' has {}.",
            arm.tries
        );
    }
    let told = |index: usize| {
        let standing = &standings[index];
        format!(
            "'{}' reaches the goal in {:.1} % of answered calls ({:.1} to {:.1})",
            names[index],
            standing.rate * 100.0,
            standing.low * 100.0,
            standing.high * 100.0
        )
    };
    // Never certain: what was not drawn in 20,000 draws is still possible.
    let sure = (standings[first].is_best * 100.0).min(99.9);
    if standings[first].is_best >= CERTAIN {
        format!(
            "'{}' is better with a certainty of {sure:.1} %: {}, {}.",
            names[first],
            told(first),
            told(second)
        )
    } else {
        format!(
            "No winner yet: '{}' is the best with a probability of {sure:.1} % only: {}, {}.",
            names[first],
            told(first),
            told(second)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variant::compare;

    fn said(results: [(u64, u64); 2]) -> String {
        let arms = results.map(|(tries, successes)| Arm { tries, successes, weight: 1 });
        verdict(&["a".into(), "b".into()], &arms, &compare(&arms), 100)
    }

    #[test]
    fn it_says_how_sure_it_is() {
        assert_eq!(
            said([(500, 50), (99, 30)]),
            "Too early to say: each variant needs 100 answered calls, and 'b' has 99."
        );
        let said_better = said([(1_000, 100), (1_000, 160)]);
        assert!(
            said_better.starts_with("'b' is better with a certainty of 99.9 %: 'b' reaches"),
            "{said_better}"
        );
        let unsure = said([(1_000, 100), (1_000, 108)]);
        assert!(unsure.starts_with("No winner yet: 'b' is the best with a probability of 7"), "{unsure}");
    }

    #[test]
    fn who_gets_no_calls_is_not_compared() {
        let arm = |successes, weight| Arm { tries: 1_000, successes, weight };
        let names = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let arms = [arm(100, 1), arm(900, 0), arm(99, 1)];
        let said = verdict(&names, &arms, &compare(&arms), 100);
        assert!(said.contains("'a' is the best") && said.contains("'c'") && !said.contains("'b'"), "{said}");
        let arms = [arm(100, 1), arm(900, 0), arm(99, 0)];
        let said = verdict(&names, &arms, &compare(&arms), 100);
        assert_eq!(said, "There is nothing to compare: fewer than two variants get calls.");
    }
}
