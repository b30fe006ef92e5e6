//! The VQA v2 metric as published (`vqaEval.py`), gate included, beside the
//! variants others report. One guard beyond the script: an answer that
//! normalises to nothing is no answer.

use serde::{Deserialize, Serialize};

use super::{
    extract::extract_short_answer,
    normalize::{normalize, strip},
};

/// Other annotators who must agree for full credit.
const FULL_CREDIT: usize = 3;

/// The scores of one answer, each in `0..=1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VqaScores {
    /// [`vqa_official`] of the extracted answer: the headline.
    pub official: f64,
    /// [`vqa_normalised`]: always normalised, as `lmms-eval` and `VLMEvalKit` report it.
    pub normalised: f64,
    /// [`vqa_soft3`]: `min(k / 3, 1)`.
    pub soft3: f64,
    /// [`exact_match`]: 1 or 0.
    pub exact_match: f64,
    /// [`vqa_official`] of the raw text, nothing extracted: what a tool without
    /// extraction would report.
    pub official_unextracted: f64,
}

/// An answer at each stage, and its scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The short answer found in the raw text.
    pub extracted: String,
    /// The extracted answer, normalised; never empty.
    pub normalised: String,
    /// What it is worth.
    pub scores: VqaScores,
}

/// Scores `raw`, a model's text, against the human answers.
///
/// `None` when there is no answer (nothing extracted, or it normalises to
/// nothing) or nothing to judge by (`answers` is empty): such a question has no
/// score, not a score of 0.
///
/// ```
/// use vlm_test::scoring::score;
/// let mut answers = vec!["yes".to_owned(); 9];
/// answers.push("no".to_owned());
/// let scored = score("Assistant: Yes.", &answers).unwrap();
/// assert_eq!((scored.extracted.as_str(), scored.normalised.as_str()), ("Yes.", "yes"));
/// assert_eq!((scored.scores.official, scored.scores.official_unextracted), (1.0, 0.0));
/// assert!(score("", &answers).is_none());
/// ```
pub fn score(raw: &str, answers: &[String]) -> Option<Scored> {
    let extracted = extract_short_answer(raw);
    let scores = VqaScores {
        official: vqa_official(extracted, answers)?,
        normalised: vqa_normalised(extracted, answers)?,
        soft3: vqa_soft3(extracted, answers)?,
        exact_match: exact_match(extracted, answers)?,
        official_unextracted: vqa_official(raw, answers).unwrap_or(0.0),
    };
    Some(Scored { extracted: extracted.to_owned(), normalised: normalize(extracted), scores })
}

/// `vqa-official`: the published accuracy of one question.
///
/// Only if the human answers differ (after [`strip`]) are they and the
/// prediction normalised; unanimous answers are compared as they are, case and
/// punctuation included. Each annotator in turn is left out, by place, and the
/// prediction earns `min(1, others equal to it / 3)`; the accuracy is the mean.
/// For ten answers that is `min(1, 0.3·k)` with `k` humans equal to the
/// prediction; for `n`, `[k·min(1,(k−1)/3) + (n−k)·min(1,k/3)] / n`, so fewer
/// than four answers cannot give full credit.
///
/// `None` as for [`score`].
///
/// ```
/// use vlm_test::scoring::vqa_official;
/// let mut answers = ["no"; 10];
/// assert_eq!(vqa_official("No", &answers), Some(0.0)); // unanimous: case counts
/// answers[0] = "yes";
/// assert_eq!(vqa_official("No", &answers), Some(1.0));
/// assert_eq!(vqa_official("Yes.", &answers), Some(0.3));
/// ```
pub fn vqa_official(prediction: &str, answers: &[impl AsRef<str>]) -> Option<f64> {
    let (_, normalised_answers) = normalise_all(prediction, answers)?;
    let plain: Vec<String> = answers.iter().map(|answer| strip(answer.as_ref())).collect();
    if plain.iter().any(|answer| *answer != plain[0]) {
        return Some(leave_one_out(&normalize(prediction), &normalised_answers));
    }
    Some(leave_one_out(&strip(prediction), &plain))
}

/// `vqa-normalised`: the official accuracy without its gate, everything
/// normalised always. `None` as for [`score`].
///
/// ```
/// use vlm_test::scoring::vqa_normalised;
/// assert_eq!(vqa_normalised("No.", &["no"; 10]), Some(1.0));
/// ```
pub fn vqa_normalised(prediction: &str, answers: &[impl AsRef<str>]) -> Option<f64> {
    let (prediction, answers) = normalise_all(prediction, answers)?;
    Some(leave_one_out(&prediction, &answers))
}

/// `vqa-soft3`: `min(k / 3, 1)` with `k` normalised human answers equal to the
/// normalised prediction. `None` as for [`score`].
///
/// ```
/// use vlm_test::scoring::vqa_soft3;
/// let answers = ["red", "red", "blue", "green"];
/// assert_eq!(vqa_soft3("Red", &answers), Some(2.0 / 3.0));
/// ```
pub fn vqa_soft3(prediction: &str, answers: &[impl AsRef<str>]) -> Option<f64> {
    let (prediction, answers) = normalise_all(prediction, answers)?;
    let equal = count(&prediction, &answers).min(FULL_CREDIT);
    Some(equal as f64 / FULL_CREDIT as f64)
}

/// Exact match: 1 if the normalised prediction is the most common human answer,
/// counted after normalisation, else 0. Of answers equally common, each counts
/// as the most common. `None` as for [`score`].
///
/// ```
/// use vlm_test::scoring::exact_match;
/// assert_eq!(exact_match("Two", &["2", "2", "3"]), Some(1.0));
/// assert_eq!(exact_match("3", &["2", "2", "3"]), Some(0.0));
/// assert_eq!(exact_match("3", &["2", "3"]), Some(1.0)); // a tie
/// ```
pub fn exact_match(prediction: &str, answers: &[impl AsRef<str>]) -> Option<f64> {
    let (prediction, answers) = normalise_all(prediction, answers)?;
    let most = answers.iter().map(|answer| count(answer, &answers)).max()?;
    Some(if count(&prediction, &answers) == most { 1.0 } else { 0.0 })
}

/// Prediction and answers normalised; `None` without an answer or without
/// something to judge by.
fn normalise_all(prediction: &str, answers: &[impl AsRef<str>]) -> Option<(String, Vec<String>)> {
    let prediction = normalize(prediction);
    let answers: Vec<_> = answers.iter().map(|answer| normalize(answer.as_ref())).collect();
    (!prediction.is_empty() && !answers.is_empty()).then_some((prediction, answers))
}

fn count(wanted: &str, answers: &[String]) -> usize {
    answers.iter().filter(|answer| *answer == wanted).count()
}

/// Mean over the annotators of `min(1, others equal to the prediction / 3)`,
/// summed in whole thirds so that it is exact; `answers` is not empty.
fn leave_one_out(prediction: &str, answers: &[String]) -> f64 {
    let equal = count(prediction, answers);
    let thirds = |answer: &String| (equal - usize::from(answer == prediction)).min(FULL_CREDIT);
    let sum: usize = answers.iter().map(thirds).sum();
    sum as f64 / (FULL_CREDIT * answers.len()) as f64
}

#[cfg(test)]
mod tests;
