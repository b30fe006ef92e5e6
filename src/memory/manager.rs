//! One question at a time: clean up if due, run, wait, read the counters.

use super::{
    Allocator, CleanupReason, CleanupRecord, CleanupSchedule, MemoryError, QuestionMemory, Step,
    cache_limit, clear_mlx_memory, physical_memory,
};

/// What a question returned and what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracked<T> {
    /// What it returned.
    pub value: T,
    /// What it cost.
    pub memory: QuestionMemory,
}

/// Keeps the memory of one loaded model flat and measures its questions.
pub struct MemoryManager {
    allocator: Box<dyn Allocator>,
    schedule: CleanupSchedule,
    baseline_bytes: u64,
    failed_cleanups: usize,
}

impl MemoryManager {
    /// A manager for the model about to be loaded.
    pub fn new(allocator: Box<dyn Allocator>, schedule: CleanupSchedule) -> Self {
        Self { allocator, schedule, baseline_bytes: 0, failed_cleanups: 0 }
    }

    /// Call before the weights are read: limits the cache as [`cache_limit`] says for
    /// `weight_bytes` and returns the limit in bytes.
    ///
    /// # Errors
    /// [`MemoryError`] when the allocator refuses the limit.
    pub fn before_load(&self, weight_bytes: u64) -> Result<u64, MemoryError> {
        let limit = cache_limit(physical_memory().unwrap_or_default(), weight_bytes);
        self.allocator.set_cache_limit(limit)?;
        Ok(limit)
    }

    /// Call after the weights were evaluated: everything loading left behind is waited for
    /// and cleared, and what is active then is the baseline in bytes, which is returned.
    ///
    /// # Errors
    /// [`MemoryError`] when the evaluation failed: the model must not be used.
    pub fn loaded(&mut self) -> Result<u64, MemoryError> {
        self.allocator.synchronize()?;
        self.allocator.clear_cache()?;
        self.allocator.reset_peak()?;
        self.baseline_bytes = self.allocator.reading()?.active_bytes;
        Ok(self.baseline_bytes)
    }

    /// Active bytes after the weights were evaluated.
    pub fn baseline_bytes(&self) -> u64 {
        self.baseline_bytes
    }

    /// How many clean-ups ended with an error so far.
    pub fn failed_cleanups(&self) -> usize {
        self.failed_cleanups
    }

    /// Cleans up if the schedule asks for it before the question at `step`. Call before
    /// each [`track`](Self::track); the record is worth reporting before the question is
    /// run, which may never end.
    pub fn clean_up_if_due(&mut self, step: Step) -> Option<CleanupRecord> {
        let due = self.schedule.due(step);
        due.then(|| self.clean_up(CleanupReason::Scheduled, Some(step.question)))
    }

    /// Runs one question and measures it alone. `run` returns plain values, so that its
    /// arrays are dropped when it ends.
    ///
    /// # Errors
    /// [`MemoryError`] when the work behind the value failed after the value was made: it
    /// must not be used and is withheld.
    pub fn track<T>(&mut self, run: impl FnOnce() -> T) -> Result<Tracked<T>, MemoryError> {
        // An error here is of earlier work, so it does not make this question invalid.
        if let Err(error) = self.allocator.synchronize() {
            tracing::warn!(%error, "work before the question failed");
        }
        self.allocator.reset_peak()?;
        let before = self.allocator.reading()?;
        let value = run();
        self.allocator.synchronize()?;
        let reading = self.allocator.reading()?;
        Ok(Tracked { value, memory: QuestionMemory::new(self.baseline_bytes, before, reading) })
    }

    /// Cleans up now, whatever the schedule says.
    pub fn clean_up(
        &mut self,
        reason: CleanupReason,
        before_question: Option<usize>,
    ) -> CleanupRecord {
        let record = clear_mlx_memory(&*self.allocator, reason, before_question);
        self.failed_cleanups += usize::from(record.error.is_some());
        record
    }
}

#[cfg(test)]
mod tests;
