//! What the questions of a VQA dataset give: accuracy, its interval, and by class.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AboutVqa, QuestionResult};
use crate::scoring::{Coverage, Interval, VqaScores, mean, wilson};

/// The figures of the questions of a VQA dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VqaFigures {
    /// Mean of each score over the answered questions.
    pub accuracy: Option<VqaScores>,
    /// 95 % Wilson interval of `accuracy.official`.
    pub interval: Option<Interval>,
    /// Whether official, normalised and soft3 lie further apart than one question counts.
    pub scorers_differ: bool,
    /// Answered of planned questions, with the bounds the others leave open.
    pub coverage: Option<Coverage>,
    /// By the dataset's class of the answer.
    pub by_answer_type: BTreeMap<String, Group>,
    /// By the dataset's class of the question.
    pub by_question_type: BTreeMap<String, Group>,
}

/// The questions of one class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Questions that have an outcome.
    pub questions: usize,
    /// Those with an answer.
    pub answered: usize,
    /// Mean official score over the answered.
    pub official: Option<f64>,
}

impl VqaFigures {
    /// The figures of `questions`; `not_asked` more were planned.
    pub fn of(questions: &[QuestionResult], not_asked: usize) -> Self {
        let accuracy = mean_scores(questions);
        let official = questions.iter().map(|q| q.outcome.scores().map(|scores| scores.official));
        let answered = official.clone().flatten().count();
        Self {
            accuracy,
            interval: accuracy.and_then(|mean| wilson(mean.official, answered)),
            scorers_differ: accuracy.is_some_and(|mean| differ(&mean, answered)),
            coverage: Coverage::of(official.chain(std::iter::repeat_n(None, not_asked))),
            by_answer_type: group_by(questions, |about| &about.answer_type),
            by_question_type: group_by(questions, |about| &about.question_type),
        }
    }
}

fn mean_scores(questions: &[QuestionResult]) -> Option<VqaScores> {
    let scores: Vec<_> = questions.iter().filter_map(|q| q.outcome.scores()).collect();
    let of = |pick: fn(&VqaScores) -> f64| mean(scores.iter().map(|scores| pick(scores)));
    Some(VqaScores {
        official: of(|s| s.official)?,
        normalised: of(|s| s.normalised)?,
        soft3: of(|s| s.soft3)?,
        exact_match: of(|s| s.exact_match)?,
        official_unextracted: of(|s| s.official_unextracted)?,
    })
}

/// Rounding of sums must not count as a difference.
fn differ(mean: &VqaScores, answered: usize) -> bool {
    let three = [mean.official, mean.normalised, mean.soft3];
    let low = three.into_iter().fold(f64::INFINITY, f64::min);
    let high = three.into_iter().fold(0.0, f64::max);
    (high - low) * answered as f64 > 1.0 + 1e-9
}

fn group_by(
    questions: &[QuestionResult],
    key: fn(&AboutVqa) -> &String,
) -> BTreeMap<String, Group> {
    let mut members = BTreeMap::<String, Vec<Option<f64>>>::new();
    for question in questions {
        let Some(about) = question.vqa() else { continue };
        let official = question.outcome.scores().map(|scores| scores.official);
        members.entry(key(about).clone()).or_default().push(official);
    }
    let group = |scores: &[Option<f64>]| Group {
        questions: scores.len(),
        answered: scores.iter().flatten().count(),
        official: mean(scores.iter().copied().flatten()),
    };
    members.into_iter().map(|(name, scores)| (name, group(&scores))).collect()
}
