//! How one question ended. A score can exist only beside an answer.

use serde::{Deserialize, Serialize};

use super::{ContextJudgement, Described, RecallJudgement};
use crate::{
    scoring::{Scored, VqaScores},
    vlm::FinishReason,
    worker::Death,
};

/// How one question ended; `outcome` in JSON names the variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The model answered and the answer was judged.
    Answered {
        /// The text exactly as the model wrote it.
        raw: String,
        /// Why the model stopped.
        finish_reason: FinishReason,
        /// What the suite makes of it.
        #[serde(flatten)]
        judgement: Judgement,
    },
    /// There is no answer in the text: nothing, or nothing left after normalisation.
    Empty {
        /// The text exactly as the model wrote it.
        raw: String,
    },
    /// The image, the prompt or the computation failed.
    Error {
        /// What failed, in words.
        message: String,
        /// What failed.
        cause: Cause,
    },
    /// No answer within the limit; the worker was killed.
    TimedOut {
        /// The limit in milliseconds.
        limit_ms: u64,
    },
    /// The worker died over the question.
    Crashed(Box<Death>),
    /// The question was never put to the model.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// What an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The dataset lacks what is needed to judge an answer.
    Dataset,
    /// An image cannot be read or processed.
    Image,
    /// The chat does not fit the model's template.
    Prompt,
    /// The prompt is longer than the model's context window.
    ContextLength,
    /// It does not fit into the memory that is left, or memory ran short over it.
    Memory,
    /// The computation failed.
    Compute,
    /// The model panicked.
    Panic,
}

/// What a suite makes of an answer. The fields of the variants tell them apart in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Judgement {
    /// The short answer in it and its scores by the human answers.
    Vqa(Scored),
    /// What a step of a context test shows.
    Context(ContextJudgement),
    /// What a description shows without a judge.
    Description(Described),
    /// What a step of the recall of photos shows.
    Recall(RecallJudgement),
}

impl Outcome {
    /// What the suite made of the answer, if there is one.
    pub fn judgement(&self) -> Option<&Judgement> {
        match self {
            Self::Answered { judgement, .. } => Some(judgement),
            _ => None,
        }
    }

    /// What the model wrote, if it wrote something that was judged.
    pub fn raw(&self) -> Option<&str> {
        match self {
            Self::Answered { raw, .. } => Some(raw),
            _ => None,
        }
    }

    /// The scores by human answers, if there are any.
    pub fn scores(&self) -> Option<&VqaScores> {
        match self.judgement()? {
            Judgement::Vqa(scored) => Some(&scored.scores),
            Judgement::Context(_) | Judgement::Description(_) | Judgement::Recall(_) => None,
        }
    }

    /// What an error is about.
    pub fn cause(&self) -> Option<Cause> {
        match self {
            Self::Error { cause, .. } => Some(*cause),
            _ => None,
        }
    }
}

impl Judgement {
    /// What the answer is worth, in `0..=1`, where the suite says so answer by answer.
    pub fn score(&self) -> Option<f64> {
        match self {
            Self::Vqa(scored) => Some(scored.scores.official),
            Self::Context(_) | Self::Description(_) | Self::Recall(_) => None,
        }
    }

    /// What it says of a description, if it is about one.
    pub fn described(&self) -> Option<&Described> {
        match self {
            Self::Description(described) => Some(described),
            Self::Vqa(_) | Self::Context(_) | Self::Recall(_) => None,
        }
    }
}
