//! The discipline against an allocator whose every step is visible and can be made to fail.

mod levels;

use std::sync::{Arc, Mutex};

use super::*;
use crate::{
    memory::{MemoryBudget, MemoryReading, NoAllocator, ProcessMemory, SystemMemory},
    vlm::{Chat, Generation, GenerationOptions, ModelError, Unobserved},
};

/// A value that threads may share.
#[derive(Default)]
struct Shared<T>(Mutex<T>);

impl<T: Clone + Default> Shared<T> {
    fn get(&self) -> T {
        self.0.lock().unwrap().clone()
    }

    fn set(&self, value: T) {
        *self.0.lock().unwrap() = value;
    }

    fn take(&self) -> T {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[derive(Default)]
struct Recorder {
    calls: Shared<Vec<&'static str>>,
    failing: Shared<Option<&'static str>>,
    active: Shared<u64>,
    cache: Shared<u64>,
    peak: Shared<u64>,
    limit: Shared<u64>,
    keeps_cache: Shared<bool>,
}

impl Recorder {
    fn note(&self, operation: &'static str) -> Result<(), MemoryError> {
        // Counters are read at any time, also by the watcher.
        if operation != "reading" {
            self.calls.0.lock().unwrap().push(operation);
        }
        if self.failing.get() == Some(operation) {
            return Err(MemoryError::Mlx { operation, message: "injected".to_owned() });
        }
        Ok(())
    }

    fn work(&self, during: u64, left: u64) {
        self.peak.set(self.peak.get().max(self.active.get() + during));
        self.cache.set(self.cache.get() + during - left);
        self.active.set(self.active.get() + left);
    }

    fn taken_calls(&self) -> Vec<&'static str> {
        self.calls.take()
    }
}

impl Allocator for Arc<Recorder> {
    fn reading(&self) -> Result<MemoryReading, MemoryError> {
        self.note("reading")?;
        Ok(MemoryReading {
            active_bytes: self.active.get(),
            cache_bytes: self.cache.get(),
            peak_bytes: self.peak.get(),
        })
    }

    fn reset_peak(&self) -> Result<(), MemoryError> {
        self.note("reset_peak")?;
        self.peak.set(0);
        Ok(())
    }

    fn synchronize(&self) -> Result<(), MemoryError> {
        self.note("synchronize")
    }

    fn clear_cache(&self) -> Result<(), MemoryError> {
        self.note("clear_cache")?;
        if !self.keeps_cache.get() {
            self.cache.set(0);
        }
        Ok(())
    }

    fn set_cache_limit(&self, bytes: u64) -> Result<(), MemoryError> {
        self.note("set_cache_limit")?;
        self.limit.set(bytes);
        Ok(())
    }

    fn set_memory_limit(&self, _bytes: u64) -> Result<(), MemoryError> {
        self.note("set_memory_limit")
    }

    fn set_wired_limit(&self, _bytes: u64) -> Result<(), MemoryError> {
        self.note("set_wired_limit")
    }

    fn clear_compiled(&self) -> Result<(), MemoryError> {
        self.note("clear_compiled")
    }
}

/// A machine with what the test says in use.
#[derive(Clone, Default)]
struct Machine(Arc<Shared<u64>>);

impl Signals for Machine {
    fn process(&mut self) -> ProcessMemory {
        ProcessMemory { footprint_bytes: Some(self.0.get()), ..ProcessMemory::default() }
    }

    fn system(&mut self) -> Option<SystemMemory> {
        None
    }
}

/// A model that keeps something for later questions.
#[derive(Default)]
struct Keeping {
    held: u64,
    chunk: usize,
}

impl VisionLanguageModel for Keeping {
    fn generate(
        &mut self,
        _chat: &Chat,
        _options: &GenerationOptions,
        observer: &mut dyn Observer,
    ) -> Result<Generation, ModelError> {
        for phase in Phase::ALL {
            observer.reached(phase)?;
        }
        Ok(Generation::saying("yes"))
    }

    fn held_bytes(&self) -> u64 {
        self.held
    }

    fn shrink_caches(&mut self, bytes: u64) {
        self.held = self.held.min(bytes);
    }

    fn limit_prefill_chunk(&mut self, positions: usize) {
        self.chunk = positions;
    }
}

const BUDGET: u64 = 1 << 30;

/// A manager with a budget of 1 GiB on a machine whose footprint the test sets.
fn on_machine(schedule: CleanupSchedule, machine: &Machine) -> (Arc<Recorder>, MemoryManager) {
    let recorder = Arc::new(Recorder::default());
    let limits = MemoryLimits { budget: Some(MemoryBudget::Bytes(BUDGET)), wired_bytes: None };
    let policy = MemoryPolicy { limits, ..MemoryPolicy::from(schedule) };
    let signals = Box::new(machine.clone());
    let manager = MemoryManager::new(Arc::new(Arc::clone(&recorder)), signals, policy, |_| {});
    (recorder, manager)
}

fn managed(schedule: CleanupSchedule) -> (Arc<Recorder>, MemoryManager) {
    on_machine(schedule, &Machine::default())
}

/// What is cleaned up before question `number`.
fn before(manager: &mut MemoryManager, number: usize) -> Vec<CleanupRecord> {
    match manager.prepare(step(number), &mut Keeping::default(), &mut Unobserved) {
        Prepared::Ready(records) => records,
        Prepared::RestartWanted(sample) => panic!("{sample:?}"),
    }
}

fn track<T>(
    manager: &mut MemoryManager,
    run: impl FnOnce() -> T,
) -> Result<Tracked<T>, MemoryError> {
    manager.track(1, &mut Unobserved, |_| run())
}

fn clean_up(manager: &mut MemoryManager, reason: CleanupReason) -> CleanupRecord {
    manager.clean_up(reason, &mut Keeping::default()).unwrap()
}

fn step(question: usize) -> Step {
    Step { question, image: 1, opens_image: question == 1 }
}

#[test]
fn a_question_is_run_between_a_reset_and_a_barrier() {
    let (recorder, mut manager) = managed(CleanupSchedule::every_questions(5));
    let run = || recorder.calls.0.lock().unwrap().push("run");
    assert_eq!(before(&mut manager, 1), []);
    track(&mut manager, run).unwrap();
    let plain = ["synchronize", "reset_peak", "run", "synchronize"];
    assert_eq!(recorder.taken_calls(), plain);
    assert_eq!(before(&mut manager, 6).len(), 1);
    assert_eq!(recorder.taken_calls(), ["synchronize", "clear_cache"]);
    track(&mut manager, run).unwrap();
    assert_eq!(recorder.taken_calls(), plain);
}

#[test]
fn a_question_pays_for_itself_alone() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    recorder.active.set(1000);
    assert_eq!(manager.loaded(), Ok(1000));
    let large = track(&mut manager, || recorder.work(500, 0)).unwrap().memory;
    let small = track(&mut manager, || recorder.work(20, 0)).unwrap().memory;
    assert_eq!((large.peak_bytes, large.peak_delta_bytes), (1500, 500));
    assert_eq!((small.peak_bytes, small.peak_delta_bytes), (1020, 20));
    assert_eq!((small.cache_bytes, small.baseline_bytes), (520, 1000));
}

#[test]
fn a_question_that_allocates_nothing_peaks_at_what_is_active() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    recorder.active.set(64);
    manager.loaded().unwrap();
    let memory = track(&mut manager, || ()).unwrap().memory;
    assert_eq!((memory.peak_bytes, memory.peak_delta_bytes), (64, 0));
}

#[test]
fn what_was_held_before_a_question_and_after_a_clean_up_is_told() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    recorder.work(700, 100);
    let memory = track(&mut manager, || recorder.work(70, 30)).unwrap().memory;
    assert_eq!((memory.active_before_bytes, memory.cache_before_bytes), (100, 600));
    assert_eq!((memory.active_bytes, memory.cache_bytes), (130, 640));
    let record = clean_up(&mut manager, CleanupReason::Scheduled);
    assert_eq!((record.active_after_bytes, record.cache_after_bytes), (130, 0));
}

#[test]
fn freeing_below_the_baseline_is_no_underflow() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    recorder.active.set(64);
    manager.loaded().unwrap();
    recorder.active.set(10);
    let memory = track(&mut manager, || ()).unwrap().memory;
    assert_eq!(memory.peak_delta_bytes, 0);
}

#[test]
fn an_error_at_the_barrier_withholds_the_answer() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    let failing = || recorder.failing.set(Some("synchronize"));
    let tracked = track(&mut manager, || {
        failing();
        "an answer of garbage"
    });
    assert!(matches!(tracked, Err(MemoryError::Mlx { operation: "synchronize", .. })));
    recorder.failing.set(None);
    assert_eq!(track(&mut manager, || "an answer").unwrap().value, "an answer");
}

#[test]
fn an_error_of_earlier_work_does_not_blame_the_next_question() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    recorder.failing.set(Some("synchronize"));
    let tracked = track(&mut manager, || recorder.failing.set(None));
    assert!(tracked.is_ok());
}

#[test]
fn a_clean_up_returns_what_it_freed_and_a_second_one_frees_nothing() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    recorder.work(700, 100);
    let first = clean_up(&mut manager, CleanupReason::ModelEnd);
    assert_eq!((first.freed_bytes, first.cache_after_bytes, first.error), (600, 0, None));
    let second = clean_up(&mut manager, CleanupReason::ModelEnd);
    assert_eq!((second.freed_bytes, second.cache_after_bytes, second.error), (0, 0, None));
    assert_eq!(manager.failed_cleanups(), 0);
}

#[test]
fn every_way_a_clean_up_can_fail_is_recorded_and_counted_and_the_question_still_runs() {
    for operation in ["reading", "synchronize", "clear_cache"] {
        let (recorder, mut manager) = managed(CleanupSchedule::every_questions(1));
        recorder.failing.set(Some(operation));
        let cleanup = before(&mut manager, 2).remove(0);
        assert_eq!(cleanup.before_question, Some(2));
        assert!(cleanup.error.unwrap().contains(operation));
        assert_eq!(manager.failed_cleanups(), 1);
        recorder.failing.set(None);
        assert_eq!(track(&mut manager, || 7).unwrap().value, 7);
    }
}

#[test]
fn a_cache_that_is_not_empty_after_clearing_is_a_failure() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    recorder.keeps_cache.set(true);
    recorder.work(700, 0);
    let record = clean_up(&mut manager, CleanupReason::Scheduled);
    assert_eq!(record.cache_after_bytes, 700);
    assert!(record.error.unwrap().contains("700 bytes"));
    assert_eq!(manager.failed_cleanups(), 1);
}

#[test]
fn a_cache_is_cleared_even_when_earlier_work_failed() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    recorder.work(700, 0);
    recorder.failing.set(Some("synchronize"));
    let record = clean_up(&mut manager, CleanupReason::Scheduled);
    assert_eq!((record.freed_bytes, record.cache_after_bytes), (700, 0));
    assert!(record.error.is_some());
}

#[test]
fn the_cache_is_limited_before_loading_and_no_memory_is_wired() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    let limit = manager.before_load(0).unwrap();
    assert_eq!(recorder.limit.get(), limit);
    assert!((1 << 28..=1 << 31).contains(&limit));
    assert_eq!(recorder.taken_calls(), ["set_memory_limit", "set_cache_limit"]);
}

#[test]
fn memory_is_wired_only_when_asked_for() {
    let recorder = Arc::new(Recorder::default());
    let limits = MemoryLimits { wired_bytes: Some(5), ..MemoryLimits::default() };
    let policy = MemoryPolicy { limits, ..MemoryPolicy::from(CleanupSchedule::Never) };
    let allocator = Arc::new(Arc::clone(&recorder));
    let mut manager = MemoryManager::new(allocator, Box::new(Machine::default()), policy, |_| {});
    manager.before_load(0).unwrap();
    assert_eq!(recorder.taken_calls()[0], "set_wired_limit");
}

#[test]
fn a_model_that_computes_elsewhere_is_never_cleaned_up() {
    let policy = MemoryPolicy::from(CleanupSchedule::every_questions(1));
    let machine = Machine::default();
    machine.0.set(u64::MAX);
    let mut manager = MemoryManager::new(Arc::new(NoAllocator), Box::new(machine), policy, |_| {});
    assert_eq!(manager.loaded(), Ok(0));
    let mut model = Keeping::default();
    for number in 1..4 {
        assert_eq!(
            manager.prepare(step(number), &mut model, &mut Unobserved),
            Prepared::Ready(Vec::new())
        );
        let tracked = manager.track(number, &mut Unobserved, |observer| {
            model.generate(&Chat::default(), &GenerationOptions::default(), observer).is_ok()
        });
        assert!(tracked.unwrap().value);
    }
    assert_eq!(manager.clean_up(CleanupReason::ModelEnd, &mut model), None);
}
