//! One clean-up, as the record has it.

use serde::{Deserialize, Serialize};

use super::Level;

/// Why a clean-up was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CleanupReason {
    /// The schedule asked for it.
    Scheduled,
    /// Memory was short: the level was not normal, or the question would not have fitted.
    Pressure,
    /// The model's last question is answered.
    ModelEnd,
}

/// One clean-up and what it achieved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CleanupRecord {
    /// The question it was made before, counted from 1 in the order they were asked; `None`
    /// at a model's end.
    pub before_question: Option<usize>,
    /// Why it was made.
    pub reason: CleanupReason,
    /// Active and cached bytes before, less those after.
    pub freed_bytes: u64,
    /// Active bytes after it.
    #[serde(default)]
    pub active_after_bytes: u64,
    /// Cached bytes that remained: 0 unless the clean-up failed.
    pub cache_after_bytes: u64,
    /// Wall time.
    pub duration_ms: f64,
    /// The level it was made at.
    #[serde(default)]
    pub level: Level,
    /// How often the cache was cleared in a row: up to three times while something came free.
    #[serde(default = "once")]
    pub passes: u32,
    /// What was done besides clearing the cache, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Relief>,
    /// What went wrong, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

fn once() -> u32 {
    1
}

/// One rung of the ladder: what else was given up for memory. None changes an answer but
/// `SmallerChunks`, which can flip a tie between two tokens and is recorded with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relief {
    /// The allocator may keep half as much for reuse.
    HalvedCacheLimit,
    /// Keys and values kept for the next question, and half of the vision features.
    ShrankCaches,
    /// All that was kept for later questions.
    DroppedCaches,
    /// Prompts are run in smaller pieces.
    SmallerChunks,
    /// Compiled graphs.
    ForgotCompiled,
    /// What the C library kept of freed memory.
    TrimmedHeap,
}
