//! What a suite measures, beside what every suite costs.

use serde::{Deserialize, Serialize};

use super::{DescribeFigures, QuestionResult, VqaFigures, summary::Course};

/// The name of the suite that has images described.
pub const DESCRIBE: &str = "describe";

/// The figures of one suite. The fields of the variants tell them apart in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Figures {
    /// Of a VQA dataset.
    Vqa(VqaFigures),
    /// Of descriptions.
    Describe(DescribeFigures),
}

impl Figures {
    /// The figures of `questions`, in dataset order.
    pub fn of(questions: &[QuestionResult], course: Course<'_>) -> Self {
        // The journal's first line, which names the suite, may be lost.
        let describes = match questions.first() {
            Some(question) => question.description().is_some(),
            None => course.suite == Some(DESCRIBE),
        };
        if describes {
            Self::Describe(DescribeFigures::of(questions, course))
        } else {
            Self::Vqa(VqaFigures::of(questions, course.planned.saturating_sub(questions.len())))
        }
    }

    /// Those of a VQA dataset, if it is one.
    pub fn vqa(&self) -> Option<&VqaFigures> {
        match self {
            Self::Vqa(figures) => Some(figures),
            Self::Describe(_) => None,
        }
    }

    /// Those of descriptions, if there are.
    pub fn describe(&self) -> Option<&DescribeFigures> {
        match self {
            Self::Describe(figures) => Some(figures),
            Self::Vqa(_) => None,
        }
    }
}
