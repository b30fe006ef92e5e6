//! One question at a time: clean up if due, run, wait, read the counters.

use super::{
    Allocator, CleanupReason, CleanupRecord, CleanupSchedule, MemoryError, QuestionMemory, Step,
    SystemMemory, budget_bytes, cache_limit, clear_mlx_memory,
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
    system: fn() -> Option<SystemMemory>,
}

impl MemoryManager {
    /// A manager for the model about to be loaded.
    pub fn new(allocator: Box<dyn Allocator>, schedule: CleanupSchedule) -> Self {
        Self {
            allocator,
            schedule,
            baseline_bytes: 0,
            failed_cleanups: 0,
            system: SystemMemory::now,
        }
    }

    /// Takes the state of the machine from `system`.
    #[must_use]
    pub fn on(self, system: fn() -> Option<SystemMemory>) -> Self {
        Self { system, ..self }
    }

    /// Call before the weights are read: limits the cache as [`cache_limit`] says for
    /// `weight_bytes` and returns the limit in bytes.
    ///
    /// # Errors
    /// [`MemoryError`] when the allocator refuses the limit.
    pub fn before_load(&self, weight_bytes: u64) -> Result<u64, MemoryError> {
        let budget = budget_bytes(None, self.allocator.device(), (self.system)(), 0);
        let limit = cache_limit(budget, weight_bytes, 0);
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

    /// Whether memory is short, so that what a model keeps for later questions has to go.
    pub fn is_short(&self) -> bool {
        (self.system)().is_some_and(SystemMemory::is_short)
    }

    /// Cleans up if the schedule asks for it before the question at `step`, or if the model just
    /// `gave` up what it had kept. Call before each [`track`](Self::track); the record is worth
    /// reporting before the question is run, which may never end.
    pub fn clean_up_if_due(&mut self, step: Step, gave: bool) -> Option<CleanupRecord> {
        let reason = match (self.schedule.due(step), gave) {
            (true, _) => CleanupReason::Scheduled,
            (false, true) => CleanupReason::Pressure,
            (false, false) => return None,
        };
        Some(self.clean_up(reason, Some(step.question)))
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
