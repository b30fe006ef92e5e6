//! Memory discipline: when to clean up, how it is done, what a question cost.
//! Knows nothing of models or runners; MLX is one [`Allocator`] among others.

mod budget;
mod cleanup;
mod manager;
mod mlx;
mod schedule;
mod system;

use serde::{Deserialize, Serialize};

pub use self::{
    budget::cache_limit,
    cleanup::clear_mlx_memory,
    manager::{MemoryManager, Tracked},
    mlx::MlxAllocator,
    schedule::{CleanupSchedule, Step, StepCounter},
    system::SystemMemory,
};

/// What an allocator could not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// A call into MLX returned an error, possibly one of earlier work.
    #[error("{operation}: {message}")]
    Mlx {
        /// What was called for.
        operation: &'static str,
        /// What MLX said.
        message: String,
    },
    /// Clearing the cache left something in it.
    #[error("{bytes} bytes stayed in the allocator's cache after it was cleared")]
    CacheRemained {
        /// How much.
        bytes: u64,
    },
}

/// Whoever owns the memory that a model computes in. The counters are those of the
/// whole process, so one question at a time.
pub trait Allocator {
    /// The counters now.
    ///
    /// # Errors
    /// [`MemoryError::Mlx`] when the allocator does not answer.
    fn reading(&self) -> Result<MemoryReading, MemoryError>;

    /// Sets the peak to 0, not to what is active: read `max(peak, active)` afterwards.
    ///
    /// # Errors
    /// [`MemoryError::Mlx`] when the allocator does not answer.
    fn reset_peak(&self) -> Result<(), MemoryError>;

    /// Waits until all submitted work is done. The only true barrier: an error of work
    /// that was submitted before appears here at the latest.
    ///
    /// # Errors
    /// [`MemoryError::Mlx`] when that work failed: what it computed must not be used.
    fn synchronize(&self) -> Result<(), MemoryError>;

    /// Gives the memory kept for reuse back to the system.
    ///
    /// # Errors
    /// [`MemoryError::Mlx`] when the allocator refuses.
    fn clear_cache(&self) -> Result<(), MemoryError>;

    /// Keeps at most `bytes` for reuse from now on.
    ///
    /// # Errors
    /// [`MemoryError::Mlx`] when the allocator refuses.
    fn set_cache_limit(&self, bytes: u64) -> Result<(), MemoryError>;
}

/// For models that compute outside this process's MLX: nothing to measure or clear.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAllocator;

impl Allocator for NoAllocator {
    fn reading(&self) -> Result<MemoryReading, MemoryError> {
        Ok(MemoryReading::default())
    }

    fn reset_peak(&self) -> Result<(), MemoryError> {
        Ok(())
    }

    fn synchronize(&self) -> Result<(), MemoryError> {
        Ok(())
    }

    fn clear_cache(&self) -> Result<(), MemoryError> {
        Ok(())
    }

    fn set_cache_limit(&self, _bytes: u64) -> Result<(), MemoryError> {
        Ok(())
    }
}

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

/// Why a clean-up was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CleanupReason {
    /// The schedule asked for it.
    Scheduled,
    /// Memory was short.
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
    /// What went wrong, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
