//! The memory of one loaded model: cleaned up when due, watched, measured, and given up rung by
//! rung when it gets short.

use std::{sync::Arc, time::Duration};

use super::{
    AdaptiveInterval, Allocator, CleanupReason, CleanupRecord, CleanupSchedule, DeviceMemory,
    Failure, Forecaster, Keep, Level, Measures, MemoryError, MemoryLimits, MemorySample,
    PressureDetector, QuestionMemory, Relief, Signals, Step, Watch, budget_bytes, cache_limit,
    clear_mlx_memory, clear_mlx_memory_aggressively, governed::Governed, trim_heap,
};
use crate::vlm::{Need, Observer, Phase, VisionLanguageModel};

/// How often the watcher looks, also while a question runs.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// How the memory of a model is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemoryPolicy {
    /// How often to clean up.
    pub schedule: CleanupSchedule,
    /// What may be used.
    pub limits: MemoryLimits,
    /// How short memory is at the start: what the last worker left of it.
    pub level: Level,
}

impl From<CleanupSchedule> for MemoryPolicy {
    fn from(schedule: CleanupSchedule) -> Self {
        Self { schedule, limits: MemoryLimits::default(), level: Level::Normal }
    }
}

/// What a question returned and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracked<T> {
    /// What it returned.
    pub value: T,
    /// What it cost.
    pub memory: QuestionMemory,
    /// Clean-ups made while it ran.
    pub cleanups: Vec<CleanupRecord>,
    /// What it saw when it was stopped because memory was about to run out.
    pub stopped: Option<Box<MemorySample>>,
}

/// Whether a question can be asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Prepared {
    /// It can, after these clean-ups.
    Ready(Vec<CleanupRecord>),
    /// Only a new process helps.
    RestartWanted(Box<MemorySample>),
}

/// Keeps the memory of one loaded model flat and measures its questions.
pub struct MemoryManager {
    allocator: Arc<dyn Allocator>,
    policy: MemoryPolicy,
    watch: Watch,
    device: DeviceMemory,
    budget_bytes: u64,
    /// What the allocator may keep for reuse while there is enough memory.
    cache_limit: u64,
    /// What is in force.
    measures: Measures,
    adaptive: AdaptiveInterval,
    forecaster: Forecaster,
    baseline_bytes: u64,
    failed_cleanups: usize,
    asked: usize,
}

impl MemoryManager {
    /// A manager for the model about to be loaded. `on_sample` gets every look at its memory,
    /// also from the watcher's thread.
    pub fn new(
        allocator: Arc<dyn Allocator>,
        mut signals: Box<dyn Signals>,
        policy: MemoryPolicy,
        on_sample: impl FnMut(&MemorySample) + Send + 'static,
    ) -> Self {
        let device = allocator.device();
        let (system, own) = (signals.system(), signals.process().footprint_bytes);
        let budget = budget_bytes(policy.limits.budget, device, system, own.unwrap_or_default());
        let detector = PressureDetector::new(budget);
        let detector = match policy.level {
            Level::Normal => detector,
            level => detector.starting_at(level, Duration::ZERO),
        };
        let watched = Arc::clone(&allocator);
        Self {
            allocator,
            policy,
            watch: Watch::start(watched, signals, detector, WATCH_EVERY, on_sample),
            device,
            budget_bytes: budget,
            cache_limit: 0,
            measures: Measures::at(Level::Normal),
            adaptive: AdaptiveInterval::default(),
            forecaster: Forecaster::new(),
            baseline_bytes: 0,
            failed_cleanups: 0,
            asked: 0,
        }
    }

    /// Call before the weights are read, which take `weight_bytes`: limits what the allocator
    /// keeps and what work in flight may take, and returns the cache limit in bytes. Without
    /// clean-ups the allocator may keep what it likes.
    ///
    /// # Errors
    /// [`MemoryError`] when the allocator refuses a limit.
    pub fn before_load(&mut self, weight_bytes: u64) -> Result<u64, MemoryError> {
        self.watch.set(None, Phase::Load, 0);
        if let Some(bytes) = self.policy.limits.wired_bytes {
            self.allocator.set_wired_limit(bytes)?;
        }
        self.cache_limit = if self.governs() {
            self.allocator.set_memory_limit(self.budget_bytes)?;
            cache_limit(self.budget_bytes, weight_bytes, 0)
        } else {
            u64::MAX
        };
        self.allocator.set_cache_limit(self.cache_limit)?;
        Ok(self.cache_limit)
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
        self.watch.set(None, Phase::Idle, 0);
        Ok(self.baseline_bytes)
    }

    /// Active bytes after the weights were evaluated.
    pub fn baseline_bytes(&self) -> u64 {
        self.baseline_bytes
    }

    /// What may be used in all.
    pub fn budget_bytes(&self) -> u64 {
        self.budget_bytes
    }

    /// How many clean-ups ended with an error so far.
    pub fn failed_cleanups(&self) -> usize {
        self.failed_cleanups
    }

    /// Whether memory is cleared, limited and refused at all: not where the user does not want
    /// it, and not where there is nothing to clear.
    fn governs(&self) -> bool {
        self.policy.schedule != CleanupSchedule::Off && self.allocator.is_local()
    }

    /// Makes room for the question at `step`: cleans up if the schedule asks for it, looks at
    /// the memory and does what its level asks for. The records are worth reporting before the
    /// question is run, which may never end; `onlooker` hears of the phase before they are made.
    pub fn prepare(
        &mut self,
        step: Step,
        model: &mut dyn VisionLanguageModel,
        onlooker: &mut dyn Observer,
    ) -> Prepared {
        let question = Some(step.question);
        let mut records = Vec::new();
        if self.is_due(step) {
            self.enter_clean_up(question, model, onlooker);
            records.push(self.clear(CleanupReason::Scheduled, question, Vec::new()));
        }
        self.watch.set(question, Phase::Idle, model.held_bytes());
        let sample = self.watch.sample(None, false);
        if self.governs() {
            let wanted = Measures::at(sample.level);
            if wanted.restart && self.asked > 0 {
                return Prepared::RestartWanted(Box::new(sample));
            }
            let just_cleared = !records.is_empty();
            if let Some(steps) = self.climb_to(wanted, just_cleared, model) {
                self.enter_clean_up(question, model, onlooker);
                records.push(self.clear(CleanupReason::Pressure, question, steps));
                // Whether it helped is worth knowing at once.
                self.watch.sample(None, false);
            }
        }
        self.asked += 1;
        Prepared::Ready(records)
    }

    /// Whether the schedule asks for a clean-up now.
    fn is_due(&mut self, step: Step) -> bool {
        if !self.governs() {
            return false;
        }
        match self.policy.schedule {
            CleanupSchedule::Adaptive => {
                let last = self.watch.last();
                let cache = self.allocator.reading().unwrap_or_default().cache_bytes;
                self.adaptive.due(cache, last.headroom_bytes(), last.level)
            }
            schedule => schedule.due(step),
        }
    }

    fn enter_clean_up(
        &self,
        question: Option<usize>,
        model: &dyn VisionLanguageModel,
        onlooker: &mut dyn Observer,
    ) {
        self.watch.set(question, Phase::CleanUp, model.held_bytes());
        // Nobody can stop a clean-up.
        let _ = onlooker.reached(Phase::CleanUp);
    }

    /// Puts what is `wanted` into force, each step once, and says which, if the cache has to be
    /// cleared now: before every question, unless that was just done and nothing was given up.
    fn climb_to(
        &mut self,
        wanted: Measures,
        just_cleared: bool,
        model: &mut dyn VisionLanguageModel,
    ) -> Option<Vec<Relief>> {
        let steps = self.relieve(wanted, model);
        self.measures = wanted;
        let clear = wanted.tight && (!just_cleared || !steps.is_empty());
        if clear {
            self.adaptive.restart();
        }
        clear.then_some(steps)
    }

    fn relieve(&mut self, wanted: Measures, model: &mut dyn VisionLanguageModel) -> Vec<Relief> {
        let in_force = self.measures;
        let mut steps = Vec::new();
        if wanted.tight != in_force.tight {
            // A limit that is refused leaves the old one, and the clean-up is made all the same.
            let set = self.allocator.set_cache_limit(wanted.cache_limit(self.cache_limit));
            steps.extend((set.is_ok() && wanted.tight).then_some(Relief::HalvedCacheLimit));
        }
        let held = model.held_bytes();
        match wanted.keep {
            Keep::Half if in_force.keep == Keep::All && held > 0 => {
                model.shrink_caches(held / 2);
                steps.push(Relief::ShrankCaches);
            }
            Keep::Nothing if held > 0 => {
                model.shrink_caches(0);
                steps.push(Relief::DroppedCaches);
            }
            Keep::All | Keep::Half | Keep::Nothing => {}
        }
        if wanted.prefill_chunk != in_force.prefill_chunk {
            model.limit_prefill_chunk(wanted.prefill_chunk.unwrap_or(usize::MAX));
            steps.extend(wanted.prefill_chunk.map(|_| Relief::SmallerChunks));
        }
        if wanted.lean && !in_force.lean {
            steps.extend(self.allocator.clear_compiled().is_ok().then_some(Relief::ForgotCompiled));
        }
        if wanted.lean && trim_heap() {
            steps.push(Relief::TrimmedHeap);
        }
        steps
    }

    /// Runs one question while it is looked on, and measures it alone. `run` returns plain
    /// values, so that its arrays are dropped when it ends. `onlooker` gets the pieces of the
    /// answer and hears of each new phase.
    ///
    /// # Errors
    /// [`MemoryError`] when the work behind the value failed after the value was made: it
    /// must not be used and is withheld.
    pub fn track<T>(
        &mut self,
        question: usize,
        onlooker: &mut dyn Observer,
        run: impl FnOnce(&mut dyn Observer) -> T,
    ) -> Result<Tracked<T>, MemoryError> {
        // An error here is of earlier work, so it does not make this question invalid.
        if let Err(error) = self.allocator.synchronize() {
            tracing::warn!(%error, "work before the question failed");
        }
        self.allocator.reset_peak()?;
        let before = self.allocator.reading()?;
        let mut governed = Governed {
            allocator: &*self.allocator,
            watch: &self.watch,
            forecaster: &self.forecaster,
            device: self.device,
            measures: self.measures,
            question,
            governs: self.governs(),
            onlooker,
            phase: Phase::Idle,
            need: None,
            cleanups: Vec::new(),
            tokens: 0,
            stopped: None,
        };
        let value = run(&mut governed);
        let Governed { need, cleanups, stopped, .. } = governed;
        self.watch.set_phase(Phase::Idle);
        self.allocator.synchronize()?;
        let reading = self.allocator.reading()?;
        let memory = QuestionMemory::new(self.baseline_bytes, before, reading);
        self.learn(need.filter(|_| stopped.is_none()), &memory);
        Ok(Tracked { value, memory, cleanups, stopped })
    }

    fn learn(&mut self, need: Option<Need>, memory: &QuestionMemory) {
        if let Some(need) = need {
            let grown = memory.peak_bytes.saturating_sub(memory.active_before_bytes);
            self.forecaster.learn(&need, grown);
        }
    }

    /// Tells the detector what an error of the computation means, and says whether the process
    /// is of no use any more.
    pub fn failed(&mut self, message: &str) -> Failure {
        let failure = Failure::of(message);
        if failure.is_memory() {
            self.watch.sample(None, true);
        }
        failure
    }

    /// Cleans up now, whatever the schedule says; what the model keeps for later questions goes
    /// unless the schedule would have asked for the same. `None` where there is nothing to clear.
    pub fn clean_up(
        &mut self,
        reason: CleanupReason,
        model: &mut dyn VisionLanguageModel,
    ) -> Option<CleanupRecord> {
        if !self.allocator.is_local() {
            return None;
        }
        self.watch.set(None, Phase::CleanUp, model.held_bytes());
        if reason != CleanupReason::Scheduled {
            model.shrink_caches(0);
        }
        let record = self.clear(reason, None, Vec::new());
        self.watch.set(None, Phase::Idle, model.held_bytes());
        if reason == CleanupReason::ModelEnd {
            self.watch.sample(None, false);
        }
        Some(record)
    }

    fn clear(
        &mut self,
        reason: CleanupReason,
        before_question: Option<usize>,
        steps: Vec<Relief>,
    ) -> CleanupRecord {
        let level = self.watch.level();
        let allocator = &*self.allocator;
        let mut record = if level >= Level::High {
            clear_mlx_memory_aggressively(allocator, reason, before_question)
        } else {
            clear_mlx_memory(allocator, reason, before_question)
        };
        (record.level, record.steps) = (level, steps);
        self.failed_cleanups += usize::from(record.error.is_some());
        record
    }
}

#[cfg(test)]
mod tests;
