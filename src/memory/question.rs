//! What one question cost.

use serde::{Deserialize, Serialize};

use super::MemoryReading;

/// What one question cost, read after the barrier that follows its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionMemory {
    /// Active bytes after the weights were evaluated.
    pub baseline_bytes: u64,
    /// Active bytes before the question, after the clean-up that was due before it.
    #[serde(default)]
    pub active_before_bytes: u64,
    /// Cached bytes then.
    #[serde(default)]
    pub cache_before_bytes: u64,
    /// Active bytes after the question.
    pub active_bytes: u64,
    /// Cached bytes after the question.
    pub cache_bytes: u64,
    /// max(peak, active) over the question alone.
    pub peak_bytes: u64,
    /// `peak_bytes` − `baseline_bytes`: what the question needed on top of the weights.
    pub peak_delta_bytes: u64,
    /// Of `active_bytes`: kept by the model for later questions.
    #[serde(default)]
    pub held_bytes: u64,
}

impl QuestionMemory {
    /// What the readings `before` a question and after it say it cost over `baseline_bytes`.
    pub fn new(baseline_bytes: u64, before: MemoryReading, reading: MemoryReading) -> Self {
        let peak_bytes = reading.peak_bytes.max(reading.active_bytes);
        Self {
            baseline_bytes,
            active_before_bytes: before.active_bytes,
            cache_before_bytes: before.cache_bytes,
            active_bytes: reading.active_bytes,
            cache_bytes: reading.cache_bytes,
            peak_bytes,
            peak_delta_bytes: peak_bytes.saturating_sub(baseline_bytes),
            held_bytes: 0,
        }
    }
}
