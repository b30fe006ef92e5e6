//! Two models, or two builds of one, on the same scenarios.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Condition, Observation};
use crate::scoring::{mean, paired_permutation};

/// Two models compared by their strict accuracy under one condition, scenario by scenario.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Under what.
    pub condition: Condition,
    /// Scenarios that have replies of both.
    pub scenarios: usize,
    /// Mean over these of the first one's accuracy less the second one's, in −1 to 1.
    pub difference: f64,
    /// Two-sided p-value of the paired permutation test over scenarios.
    pub p: f64,
}

/// Compares two models that were asked the same facts; `None` without a scenario that both
/// replied to. Under A all numbers of distractor turns count alike. `seed` is that of the
/// [`paired_permutation`] test.
pub fn compare(
    a: &[Observation],
    b: &[Observation],
    condition: Condition,
    seed: u64,
) -> Option<Comparison> {
    let (a, b) = (accuracies(a, condition), accuracies(b, condition));
    let both = a.iter().filter_map(|(scenario, a)| Some((*a, *b.get(scenario)?)));
    let (a, b): (Vec<_>, Vec<_>) = both.unzip();
    Some(Comparison {
        condition,
        scenarios: a.len(),
        difference: mean(a.iter().zip(&b).map(|(a, b)| a - b))?,
        p: paired_permutation(&a, &b, seed)?,
    })
}

/// Accuracy by scenario, of the replies.
fn accuracies(observations: &[Observation], condition: Condition) -> BTreeMap<u64, f64> {
    let mut counts = BTreeMap::<u64, (usize, usize)>::new();
    let asked = observations.iter().filter(|o| o.condition == condition);
    for (observation, parse) in asked.filter_map(|o| Some((o, o.parse?))) {
        let (right, replies) = counts.entry(observation.scenario).or_default();
        *right += usize::from(parse.option() == Some(observation.expected));
        *replies += 1;
    }
    let share = |(right, replies)| right as f64 / replies as f64;
    counts.into_iter().map(|(scenario, counts)| (scenario, share(counts))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::context::Parse;

    /// One fact a scenario, under A; `None` where the reply is missing.
    fn replies(right: &[Option<bool>]) -> Vec<Observation> {
        let observe = |(scenario, right): (usize, &Option<bool>)| Observation {
            scenario: scenario as u64,
            fact: 0,
            condition: Condition::A,
            distractors: 2,
            absent: None,
            expected: 1,
            parse: right.map(|right| Parse::Chosen { option: usize::from(right) }),
            weighed: None,
            claimed: None,
        };
        right.iter().enumerate().map(observe).collect()
    }

    #[test]
    fn a_clear_difference_has_a_small_p_and_its_sign() {
        let (good, bad) = (replies(&[Some(true); 8]), replies(&[Some(false); 8]));
        let found = compare(&bad, &good, Condition::A, 1).unwrap();
        assert_eq!((found.scenarios, found.difference, found.p), (8, -1.0, 2.0 / 256.0));
    }

    #[test]
    fn only_scenarios_with_replies_of_both_count() {
        let a = replies(&[Some(true), None, Some(true)]);
        let b = replies(&[Some(false), Some(true), None]);
        let found = compare(&a, &b, Condition::A, 1).unwrap();
        assert_eq!((found.scenarios, found.difference, found.p), (1, 1.0, 1.0));
        assert_eq!(compare(&a, &b, Condition::S, 1), None);
    }
}
