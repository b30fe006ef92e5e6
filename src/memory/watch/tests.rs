//! The watch with real signals and an allocator whose counters the test sets.

use std::sync::{
    atomic::{AtomicBool, AtomicU64},
    mpsc,
};

use super::*;
use crate::memory::{
    MachineSignals, MemoryError, MemoryReading, NoAllocator, PressureStep, ScriptedSignals,
    SystemPressure,
};

const NEVER: Duration = Duration::from_secs(3600);

/// Only its counters are its own.
#[derive(Default)]
struct Counters {
    active: AtomicU64,
    broken: AtomicBool,
}

impl Allocator for Counters {
    fn reading(&self) -> Result<MemoryReading, MemoryError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(MemoryError::CacheRemained { bytes: 1 });
        }
        let active_bytes = self.active.load(Ordering::Relaxed);
        Ok(MemoryReading { active_bytes, ..MemoryReading::default() })
    }

    fn reset_peak(&self) -> Result<(), MemoryError> {
        NoAllocator.reset_peak()
    }

    fn synchronize(&self) -> Result<(), MemoryError> {
        NoAllocator.synchronize()
    }

    fn clear_cache(&self) -> Result<(), MemoryError> {
        NoAllocator.clear_cache()
    }

    fn set_cache_limit(&self, bytes: u64) -> Result<(), MemoryError> {
        NoAllocator.set_cache_limit(bytes)
    }

    fn set_memory_limit(&self, bytes: u64) -> Result<(), MemoryError> {
        NoAllocator.set_memory_limit(bytes)
    }

    fn set_wired_limit(&self, bytes: u64) -> Result<(), MemoryError> {
        NoAllocator.set_wired_limit(bytes)
    }

    fn clear_compiled(&self) -> Result<(), MemoryError> {
        NoAllocator.clear_compiled()
    }
}

fn watch(
    counters: &Arc<Counters>,
    steps: Vec<PressureStep>,
    every: Duration,
) -> (Watch, mpsc::Receiver<MemorySample>) {
    let (sender, samples) = mpsc::channel();
    let on_sample = move |sample: &MemorySample| sender.send(sample.clone()).unwrap();
    let signals = Box::new(ScriptedSignals::new(steps));
    let detector = PressureDetector::new(1 << 40);
    let allocator: Arc<dyn Allocator> = Arc::<Counters>::clone(counters);
    (Watch::start(allocator, signals, detector, every, on_sample), samples)
}

#[test]
fn the_thread_samples_while_the_worker_is_busy() {
    let (sender, samples) = mpsc::channel();
    let _watch = Watch::start(
        Arc::new(NoAllocator),
        Box::new(MachineSignals::new()),
        PressureDetector::new(u64::MAX),
        Duration::from_millis(5),
        move |sample| sender.send(sample.clone()).unwrap(),
    );
    for _ in 0..3 {
        let sample = samples.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(sample.process.footprint_bytes.unwrap() > 0 && sample.system.is_some());
        assert_eq!((sample.question, sample.phase), (None, Phase::Idle));
    }
}

#[test]
fn a_sample_says_where_the_worker_is_and_everybody_gets_it() {
    let counters = Arc::new(Counters::default());
    let (watch, samples) = watch(&counters, Vec::new(), NEVER);
    counters.active.store(600, Ordering::Relaxed);
    for phase in Phase::ALL {
        watch.set(Some(4), phase, 100);
        let sample = watch.sample(None, false);
        assert_eq!((sample.question, sample.phase, sample.held_bytes), (Some(4), phase, 100));
        assert_eq!((sample.allocator.active_bytes, sample.budget_bytes), (600, 1 << 40));
        assert_eq!(samples.try_recv().unwrap(), sample);
    }
    counters.broken.store(true, Ordering::Relaxed);
    assert_eq!(watch.sample(None, false).allocator.active_bytes, 600);
}

#[test]
fn the_worker_sees_at_once_what_the_thread_found() {
    let counters = Arc::new(Counters::default());
    let critical = PressureStep {
        from_question: Some(2),
        pressure: Some(SystemPressure::Critical),
        ..PressureStep::default()
    };
    let (watch, samples) = watch(&counters, vec![critical], Duration::from_millis(5));
    watch.set(Some(1), Phase::Decode, 0);
    assert_eq!(watch.sample(None, false).level, Level::Normal);
    watch.set(Some(2), Phase::Decode, 0);
    let wait = Duration::from_secs(10);
    while samples.recv_timeout(wait).unwrap().level != Level::Critical {}
    assert!(watch.is_critical() && watch.level() == Level::Critical);
}

#[test]
fn every_level_is_told_as_it_is() {
    let counters = Arc::new(Counters::default());
    for (share, level) in
        [(10, Level::Normal), (80, Level::Elevated), (90, Level::High), (99, Level::Critical)]
    {
        counters.active.store((1 << 40) / 100 * share, Ordering::Relaxed);
        let (watch, _samples) = watch(&counters, Vec::new(), NEVER);
        assert_eq!(watch.sample(None, false).level, level);
        assert_eq!((watch.level(), watch.is_critical()), (level, level == Level::Critical));
    }
}

#[test]
fn a_refused_allocation_and_a_question_that_does_not_fit_are_noted() {
    let counters = Arc::new(Counters::default());
    let (fits_not, _samples) = watch(&counters, Vec::new(), NEVER);
    assert_eq!(fits_not.sample(Some(2 << 40), false).level, Level::High);
    assert_eq!(fits_not.sample(None, true).level, Level::Critical);
}

#[test]
fn the_watch_ends_promptly_however_seldom_it_samples() {
    let counters = Arc::new(Counters::default());
    let (watch, samples) = watch(&counters, Vec::new(), NEVER);
    let begun = Instant::now();
    drop(watch);
    assert!(begun.elapsed() < Duration::from_secs(5));
    // The thread has dropped the closure, so it is gone.
    assert_eq!(samples.recv(), Err(mpsc::RecvError));
    assert_eq!(Arc::strong_count(&counters), 1);
}
