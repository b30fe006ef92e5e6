//! What asking the same questions again and again shows.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::{About, Outcome, QuestionResult};

/// A question of a soak test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutSoak {
    /// The round, from 1.
    pub round: usize,
    /// The dataset's id of the question, the same in every round.
    pub repeats: u64,
    /// What was added to the question.
    pub prompt_suffix: String,
}

/// What a soak test shows beside its memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoakFigures {
    /// Rounds that were begun.
    pub rounds: usize,
    /// Different questions that have an outcome.
    pub different_questions: usize,
    /// Answers to a question that was answered before.
    pub compared: usize,
    /// Those with another text than the first answer to it.
    pub changed: usize,
    /// The dataset's ids of the questions with such answers, ascending.
    pub changed_questions: BTreeSet<u64>,
}

impl SoakFigures {
    /// The figures of `questions`, in the order of the rounds.
    pub fn of(questions: &[QuestionResult]) -> Self {
        let mut first: HashMap<u64, Option<&str>> = HashMap::new();
        let mut figures = Self::default();
        for question in questions {
            let About::Soak(about) = &question.about else { continue };
            figures.rounds = figures.rounds.max(about.round);
            let first = first.entry(about.repeats).or_default();
            let Some(text) = text(&question.outcome) else { continue };
            match *first {
                None => *first = Some(text),
                Some(known) => {
                    figures.compared += 1;
                    if known != text {
                        figures.changed += 1;
                        figures.changed_questions.insert(about.repeats);
                    }
                }
            }
        }
        figures.different_questions = first.len();
        figures
    }
}

/// What the model wrote, scored or not.
fn text(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Answered { raw, .. } | Outcome::Empty { raw } => Some(raw),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::example;

    fn asked(position: usize, repeats: u64, round: usize, text: Option<&str>) -> QuestionResult {
        let outcome = match text {
            Some(raw) => Outcome::Empty { raw: raw.to_owned() },
            None => Outcome::TimedOut { limit_ms: 1 },
        };
        let about = AboutSoak { round, repeats, prompt_suffix: String::new() };
        QuestionResult { about: About::Soak(about), ..example::question(position, outcome) }
    }

    #[test]
    fn answers_are_held_against_the_first_one_to_the_same_question() {
        let questions = [
            asked(1, 70, 1, Some("red")),
            asked(2, 71, 1, None),
            asked(3, 70, 2, Some("red")),
            asked(4, 71, 2, Some("2")),
            asked(5, 70, 3, Some("blue")),
            asked(6, 71, 3, Some("2")),
            asked(7, 70, 4, Some("green")),
        ];
        let expected = SoakFigures {
            rounds: 4,
            different_questions: 2,
            compared: 4,
            changed: 2,
            changed_questions: BTreeSet::from([70]),
        };
        assert_eq!(SoakFigures::of(&questions), expected);
    }
}
