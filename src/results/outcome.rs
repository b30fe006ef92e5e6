//! How one question ended. A score can exist only beside an answer.

use serde::{Deserialize, Serialize};

use crate::{scoring::VqaScores, vlm::FinishReason};

/// How one question ended; `outcome` in JSON names the variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The model answered and the answer was judged.
    Answered {
        /// The text exactly as the model wrote it.
        raw: String,
        /// The short answer found in it.
        extracted: String,
        /// The extracted answer as it was compared.
        normalised: String,
        /// What each scorer gives it.
        scores: VqaScores,
        /// Why the model stopped.
        finish_reason: FinishReason,
    },
    /// There is no answer in the text: nothing, or nothing left after normalisation.
    Empty {
        /// The text exactly as the model wrote it.
        raw: String,
    },
    /// The image, the prompt or the computation failed.
    Error {
        /// What failed.
        message: String,
    },
    /// No answer within the limit; the worker was killed.
    TimedOut {
        /// The limit in milliseconds.
        limit_ms: u64,
    },
    /// The worker died over the question.
    Crashed {
        /// The signal that ended it, if one did.
        signal: Option<i32>,
        /// Its exit code, if it ended by itself.
        exit_code: Option<i32>,
        /// What else is known, e.g. the last line of its log.
        detail: String,
    },
    /// The question was never put to the model.
    Skipped {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// The scores, if there is an answer to have them.
    pub fn scores(&self) -> Option<&VqaScores> {
        match self {
            Self::Answered { scores, .. } => Some(scores),
            _ => None,
        }
    }
}
