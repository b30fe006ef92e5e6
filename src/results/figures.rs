//! What a suite measures, beside what every suite costs.

use serde::{Deserialize, Serialize};

use super::{QuestionResult, VqaFigures};

/// The figures of one suite. The fields of the variants tell them apart in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Figures {
    /// Of a VQA dataset.
    Vqa(VqaFigures),
}

impl Figures {
    /// The figures of `questions`, in dataset order; `not_asked` more were planned.
    pub fn of(questions: &[QuestionResult], not_asked: usize) -> Self {
        Self::Vqa(VqaFigures::of(questions, not_asked))
    }

    /// Those of a VQA dataset, if it is one.
    pub fn vqa(&self) -> Option<&VqaFigures> {
        match self {
            Self::Vqa(figures) => Some(figures),
        }
    }
}
