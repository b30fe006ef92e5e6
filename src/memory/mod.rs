//! Memory discipline: when to clean up, how it is done, what a question cost.
//! Knows nothing of models or runners; MLX is one [`Allocator`] among others.

use serde::{Deserialize, Serialize};

/// The allocator's counters at one moment, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryReading {
    /// Held by live arrays.
    pub active_bytes: u64,
    /// Kept by the allocator for reuse.
    pub cache_bytes: u64,
    /// Largest `active_bytes` since the last reset; the cache does not count.
    pub peak_bytes: u64,
}

/// What one question cost, read after the barrier that follows its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionMemory {
    /// Active bytes after the weights were evaluated.
    pub baseline_bytes: u64,
    /// Active bytes after the question.
    pub active_bytes: u64,
    /// Cached bytes after the question.
    pub cache_bytes: u64,
    /// max(peak, active) over the question alone.
    pub peak_bytes: u64,
    /// `peak_bytes` − `baseline_bytes`: what the question needed on top of the weights.
    pub peak_delta_bytes: u64,
}

/// Why a clean-up was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CleanupReason {
    /// The schedule asked for it.
    Scheduled,
    /// The model's last question is answered.
    ModelEnd,
}

/// One clean-up and what it achieved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CleanupRecord {
    /// Position (from 1) of the question it was made before; `None` at a model's end.
    pub before_question: Option<usize>,
    /// Why it was made.
    pub reason: CleanupReason,
    /// Active and cached bytes before, less those after.
    pub freed_bytes: u64,
    /// Cached bytes that remained: 0 unless the clean-up failed.
    pub cache_after_bytes: u64,
    /// Wall time.
    pub duration_ms: f64,
    /// What went wrong, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Where in a run a question stands, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The question's position among the model's questions.
    pub question: usize,
    /// The position of its image among the distinct images so far.
    pub image: usize,
}

/// How often to clean up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CleanupSchedule {
    /// Only at the end of a model.
    Never,
    /// Before questions n+1, 2n+1, …
    EveryQuestions(usize),
    /// Before the first question of images n+1, 2n+1, …
    EveryImages(usize),
}
