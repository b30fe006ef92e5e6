//! What a suite measures, beside what every suite costs.

use serde::{Deserialize, Serialize};

use super::{QuestionResult, VqaFigures, context};
use crate::scoring::context::ContextFigures;

/// The figures of one suite. The fields of the variants tell them apart in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Figures {
    /// Of a VQA dataset.
    Vqa(VqaFigures),
    /// Of a context test.
    Context {
        /// The figures.
        context: Box<ContextFigures>,
    },
}

impl Figures {
    /// The figures of `questions`, in dataset order; `not_asked` more were planned. Where the
    /// record lost the name of the suite, the questions tell.
    pub fn of(suite: Option<&str>, questions: &[QuestionResult], not_asked: usize) -> Self {
        match suite.or_else(|| Some(questions.first()?.about.suite())) {
            Some("context") => {
                Self::Context { context: Box::new(context::figures(questions, not_asked)) }
            }
            _ => Self::Vqa(VqaFigures::of(questions, not_asked)),
        }
    }

    /// Whether they mean anything.
    pub fn is_valid(&self) -> bool {
        match self {
            Self::Vqa(_) => true,
            Self::Context { context } => context.validity.is_empty(),
        }
    }

    /// Those of a VQA dataset, if it is one.
    pub fn vqa(&self) -> Option<&VqaFigures> {
        match self {
            Self::Vqa(figures) => Some(figures),
            Self::Context { .. } => None,
        }
    }
}
