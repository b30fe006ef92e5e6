//! What the replies to the facts of many scenarios amount to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Condition, Evidence, Invalid};
use crate::scoring::Interval;

/// The figures of one model in the context test.
///
/// Where `validity` names a reason, retention, decay, corrected accuracy, context use,
/// self-consistency and contradiction have counts but no value: a test that failed is no low
/// score. Accuracies, false memory and outcomes stay as evidence of what went wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContextFigures {
    /// Scenarios with an observation.
    pub scenarios: usize,
    /// Why the result is invalid; empty if it is valid.
    pub validity: Vec<Invalid>,
    /// What validity was judged by.
    pub evidence: Evidence,
    /// By what the model wrote, read strictly.
    pub strict: ScorerFigures,
    /// By which option it finds most probable, per token.
    pub weighed: ScorerFigures,
    /// What became of the replies, by condition, over all numbers of distractors.
    pub outcomes_by_condition: BTreeMap<Condition, ParseCounts>,
}

/// The figures by one way of telling which option a model means.
///
/// `A` without further words is `A` after the largest number of distractor turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScorerFigures {
    /// The headline: P(right under A | right under S).
    pub retention: Retention,
    /// Retention by distractor turns, ascending.
    pub decay: Vec<Decay>,
    /// Corrected accuracy under E: what the model makes of a true description.
    pub context_use: Corrected,
    /// Under A, of the facts that the model's description states and it gave an option for:
    /// those where the two agree.
    pub self_consistency: Proportion,
    /// Under A, of the absent things it gave an option for: those said to be there.
    pub false_memory: Proportion,
    /// Of the facts it gave an option for both after the fewest and after the most distractor
    /// turns under A: those where the two differ. Undefined with one number of turns.
    pub contradiction: Proportion,
    /// By condition, those that were asked.
    pub by_condition: BTreeMap<Condition, ConditionFigures>,
}

/// How well one condition did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConditionFigures {
    /// Right of replied (strict) or of weighed.
    pub accuracy: Proportion,
    /// The same beyond what guessing gives.
    pub chance_corrected: Corrected,
}

/// A share with its counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Proportion {
    /// `numerator / denominator`; `None` where that is undefined or withheld.
    pub value: Option<f64>,
    /// Cases that count.
    pub numerator: usize,
    /// Cases in all.
    pub denominator: usize,
    /// 95 % interval by bootstrap over scenarios; `None` below two scenarios.
    pub interval: Option<Interval>,
}

/// P(right under A | right under S) over facts that have both replies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Retention {
    /// `correct_in_both / correct_in_s`; `None` below ten facts right under S, or withheld.
    pub value: Option<f64>,
    /// Facts right under S and under A.
    pub correct_in_both: usize,
    /// Facts right under S.
    pub correct_in_s: usize,
    /// 95 % interval by bootstrap over scenarios.
    pub interval: Option<Interval>,
}

/// Retention after one number of distractor turns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Decay {
    /// Turns between the description and the probe.
    pub distractors: usize,
    /// What is left then.
    pub retention: Retention,
}

/// Accuracy beyond guessing, K = (A_c − A_N) / (1 − A_N), from the accuracies of the condition
/// and of N and their counts. At most 1; below 0 where guessing does better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Corrected {
    /// K; `None` without N, where N is always right, or withheld.
    pub value: Option<f64>,
    /// 95 % interval by bootstrap over scenarios.
    pub interval: Option<Interval>,
}

/// What became of the replies to one condition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParseCounts {
    /// Named exactly one option.
    pub chosen: usize,
    /// Had no words.
    pub empty: usize,
    /// Repeated the question.
    pub echo: usize,
    /// Declined, or denied that there is an image.
    pub refused: usize,
    /// Were cut off before they named an option.
    pub truncated: usize,
    /// Named several options.
    pub ambiguous: usize,
    /// Named none.
    pub unparsed: usize,
    /// Never came.
    pub no_reply: usize,
}
