//! The discipline against an allocator whose every step is visible and can be made to fail.

use std::sync::{Arc, Mutex};

use super::*;
use crate::memory::{MemoryReading, NoAllocator};

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
        self.calls.0.lock().unwrap().push(operation);
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

fn managed(schedule: CleanupSchedule) -> (Arc<Recorder>, MemoryManager) {
    let recorder = Arc::new(Recorder::default());
    let manager = MemoryManager::new(Box::new(Arc::clone(&recorder)), schedule);
    (recorder, manager)
}

fn step(question: usize) -> Step {
    Step { question, image: 1, opens_image: question == 1 }
}

#[test]
fn a_question_is_run_between_a_reset_and_a_barrier() {
    let (recorder, mut manager) = managed(CleanupSchedule::every_questions(5));
    let run = || recorder.calls.0.lock().unwrap().push("run");
    assert_eq!(manager.clean_up_if_due(step(1), false), None);
    manager.track(run).unwrap();
    let plain = ["synchronize", "reset_peak", "reading", "run", "synchronize", "reading"];
    assert_eq!(recorder.taken_calls(), plain);
    assert!(manager.clean_up_if_due(step(6), false).is_some());
    let cleanup = ["reading", "synchronize", "clear_cache", "reading"];
    assert_eq!(recorder.taken_calls(), cleanup);
    manager.track(run).unwrap();
    assert_eq!(recorder.taken_calls(), plain);
}

#[test]
fn a_question_pays_for_itself_alone() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    recorder.active.set(1000);
    assert_eq!(manager.loaded(), Ok(1000));
    let large = manager.track(|| recorder.work(500, 0)).unwrap().memory;
    let small = manager.track(|| recorder.work(20, 0)).unwrap().memory;
    assert_eq!((large.peak_bytes, large.peak_delta_bytes), (1500, 500));
    assert_eq!((small.peak_bytes, small.peak_delta_bytes), (1020, 20));
    assert_eq!((small.cache_bytes, small.baseline_bytes), (520, 1000));
}

#[test]
fn a_question_that_allocates_nothing_peaks_at_what_is_active() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    recorder.active.set(64);
    manager.loaded().unwrap();
    let memory = manager.track(|| ()).unwrap().memory;
    assert_eq!((memory.peak_bytes, memory.peak_delta_bytes), (64, 0));
}

#[test]
fn what_was_held_before_a_question_and_after_a_clean_up_is_told() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    recorder.work(700, 100);
    let memory = manager.track(|| recorder.work(70, 30)).unwrap().memory;
    assert_eq!((memory.active_before_bytes, memory.cache_before_bytes), (100, 600));
    assert_eq!((memory.active_bytes, memory.cache_bytes), (130, 640));
    let record = manager.clean_up(CleanupReason::Scheduled, Some(2));
    assert_eq!((record.active_after_bytes, record.cache_after_bytes), (130, 0));
}

#[test]
fn freeing_below_the_baseline_is_no_underflow() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    recorder.active.set(64);
    manager.loaded().unwrap();
    recorder.active.set(10);
    let memory = manager.track(|| ()).unwrap().memory;
    assert_eq!(memory.peak_delta_bytes, 0);
}

#[test]
fn an_error_at_the_barrier_withholds_the_answer() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    let failing = || recorder.failing.set(Some("synchronize"));
    let tracked = manager.track(|| {
        failing();
        "an answer of garbage"
    });
    assert!(matches!(tracked, Err(MemoryError::Mlx { operation: "synchronize", .. })));
    recorder.failing.set(None);
    assert_eq!(manager.track(|| "an answer").unwrap().value, "an answer");
}

#[test]
fn an_error_of_earlier_work_does_not_blame_the_next_question() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    recorder.failing.set(Some("synchronize"));
    let tracked = manager.track(|| recorder.failing.set(None));
    assert!(tracked.is_ok());
}

#[test]
fn a_clean_up_returns_what_it_freed_and_a_second_one_frees_nothing() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    recorder.work(700, 100);
    let first = manager.clean_up(CleanupReason::ModelEnd, None);
    assert_eq!((first.freed_bytes, first.cache_after_bytes, first.error), (600, 0, None));
    let second = manager.clean_up(CleanupReason::ModelEnd, None);
    assert_eq!((second.freed_bytes, second.cache_after_bytes, second.error), (0, 0, None));
    assert_eq!(manager.failed_cleanups(), 0);
}

#[test]
fn every_way_a_clean_up_can_fail_is_recorded_and_counted_and_the_question_still_runs() {
    for operation in ["reading", "synchronize", "clear_cache"] {
        let (recorder, mut manager) = managed(CleanupSchedule::every_questions(1));
        recorder.failing.set(Some(operation));
        let cleanup = manager.clean_up_if_due(step(2), false).unwrap();
        assert_eq!(cleanup.before_question, Some(2));
        assert!(cleanup.error.unwrap().contains(operation));
        assert_eq!(manager.failed_cleanups(), 1);
        recorder.failing.set(None);
        assert_eq!(manager.track(|| 7).unwrap().value, 7);
    }
}

#[test]
fn a_cache_that_is_not_empty_after_clearing_is_a_failure() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    recorder.keeps_cache.set(true);
    recorder.work(700, 0);
    let record = manager.clean_up(CleanupReason::Scheduled, Some(6));
    assert_eq!(record.cache_after_bytes, 700);
    assert!(record.error.unwrap().contains("700 bytes"));
    assert_eq!(manager.failed_cleanups(), 1);
}

#[test]
fn a_cache_is_cleared_even_when_earlier_work_failed() {
    let (recorder, mut manager) = managed(CleanupSchedule::Never);
    recorder.work(700, 0);
    recorder.failing.set(Some("synchronize"));
    let record = manager.clean_up(CleanupReason::Scheduled, Some(6));
    assert_eq!((record.freed_bytes, record.cache_after_bytes), (700, 0));
    assert!(record.error.is_some());
}

#[test]
fn the_cache_is_limited_before_loading() {
    let (recorder, manager) = managed(CleanupSchedule::Never);
    let limit = manager.before_load(0).unwrap();
    assert_eq!(recorder.limit.get(), limit);
    assert!((1 << 28..=1 << 31).contains(&limit));
}

#[test]
fn a_model_without_mlx_costs_nothing() {
    let mut manager =
        MemoryManager::new(Box::new(NoAllocator), CleanupSchedule::every_questions(1));
    assert_eq!(manager.loaded(), Ok(0));
    assert_eq!(manager.clean_up_if_due(step(2), false).unwrap().error, None);
    let memory = QuestionMemory::default();
    assert_eq!(manager.track(|| 7), Ok(Tracked { value: 7, memory }));
}

#[test]
fn what_a_model_gave_up_is_cleared_at_once_and_a_due_clean_up_is_not_made_twice() {
    let (_, mut manager) = managed(CleanupSchedule::every_questions(2));
    let reason = |record: Option<CleanupRecord>| record.map(|record| record.reason);
    assert_eq!(reason(manager.clean_up_if_due(step(2), true)), Some(CleanupReason::Pressure));
    assert_eq!(reason(manager.clean_up_if_due(step(2), false)), None);
    assert_eq!(reason(manager.clean_up_if_due(step(3), true)), Some(CleanupReason::Scheduled));
}

#[test]
fn memory_is_short_when_the_machine_says_so_and_not_where_it_says_nothing() {
    let short =
        || Some(SystemMemory { total_bytes: 1600, available_bytes: 99, ..SystemMemory::default() });
    let plenty = || {
        Some(SystemMemory { total_bytes: 1600, available_bytes: 100, ..SystemMemory::default() })
    };
    let managed = |system| managed(CleanupSchedule::Never).1.on(system);
    assert!(managed(short).is_short());
    assert!(!managed(plenty).is_short() && !managed(|| None).is_short());
}
