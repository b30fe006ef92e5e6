//! What a suite measures, beside what every suite costs.

use serde::{Deserialize, Serialize};

use super::{
    DescribeFigures, QuestionResult, SoakFigures, VqaFigures, context, recall, summary::Course,
};
use crate::scoring::context::{ContextFigures, RecallFigures};

/// The name of the suite that has images described.
pub const DESCRIBE: &str = "describe";
/// The name of the suite that asks what is left of an image.
pub const CONTEXT: &str = "context";
/// The name of the suite that asks what is left of photos without a key.
pub const RECALL: &str = "recall";
/// The name of the suite that asks the same again and again.
pub const SOAK: &str = "soak";

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
    /// Of descriptions.
    Describe(DescribeFigures),
    /// Of the recall of photos.
    Recall {
        /// The figures.
        recalled: Box<RecallFigures>,
    },
    /// Of a soak test.
    Soak {
        /// The figures.
        soak: SoakFigures,
    },
}

impl Figures {
    /// The figures of `questions`, in dataset order. Where the record lost the name of the suite,
    /// the questions tell.
    pub fn of(questions: &[QuestionResult], course: Course<'_>) -> Self {
        let told = questions.first().map(|question| question.about.suite());
        let not_asked = course.planned.saturating_sub(questions.len());
        match course.suite.or(told) {
            Some(CONTEXT) => {
                Self::Context { context: Box::new(context::figures(questions, not_asked)) }
            }
            Some(RECALL) => {
                Self::Recall { recalled: Box::new(recall::figures(questions, not_asked)) }
            }
            Some(SOAK) => Self::Soak { soak: SoakFigures::of(questions) },
            Some(DESCRIBE) => Self::Describe(DescribeFigures::of(questions, course)),
            _ => Self::Vqa(VqaFigures::of(questions, not_asked)),
        }
    }

    /// Whether they mean anything, and no answer changed that must not.
    pub fn is_valid(&self) -> bool {
        match self {
            Self::Vqa(_) | Self::Describe(_) => true,
            Self::Context { context } => context.validity.is_empty(),
            Self::Recall { recalled } => recalled.validity.is_empty(),
            Self::Soak { soak } => soak.changed == 0,
        }
    }

    /// Those of a VQA dataset, if it is one.
    pub fn vqa(&self) -> Option<&VqaFigures> {
        match self {
            Self::Vqa(figures) => Some(figures),
            _ => None,
        }
    }

    /// Those of descriptions, if there are.
    pub fn describe(&self) -> Option<&DescribeFigures> {
        match self {
            Self::Describe(figures) => Some(figures),
            _ => None,
        }
    }

    /// Those of the recall of photos, if there are.
    pub fn recalled(&self) -> Option<&RecallFigures> {
        match self {
            Self::Recall { recalled } => Some(recalled),
            _ => None,
        }
    }
}
