//! Everything kept of one question put to one model.

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::{
    memory::QuestionMemory,
    vlm::{Timings, Usage},
};

/// One question put to one model, what came of it and what it cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuestionResult {
    /// Place among the run's questions, from 1, in dataset order.
    pub position: usize,
    /// The dataset's id of the question.
    pub question_id: u64,
    /// The dataset's id of the image.
    pub image_id: u64,
    /// The image file, as it was given to the model.
    pub image: String,
    /// SHA-256 of the image file in lower-case hex; `None` if it cannot be read.
    pub image_sha256: Option<String>,
    /// The question without suffix.
    pub question: String,
    /// What was added to it, e.g. a request for a short answer.
    pub prompt_suffix: String,
    /// The dataset's class of the question, e.g. `what color`.
    pub question_type: String,
    /// The dataset's class of the answer, e.g. `yes/no`.
    pub answer_type: String,
    /// The human answers it is judged by.
    pub references: Vec<String>,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Token counts, where a generation finished.
    pub usage: Option<Usage>,
    /// Where the time went, where a generation finished.
    pub timings_ms: Option<Timings>,
    /// Allocator counters, where a generation finished.
    pub memory: Option<QuestionMemory>,
    /// From sending the question to its outcome, in milliseconds.
    pub wall_ms: f64,
}
