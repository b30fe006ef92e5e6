//! Takes samples: once a second from a thread of its own, and whenever the worker asks.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{Allocator, Level, MemorySample, PressureDetector, Signals};
use crate::vlm::Phase;

/// Watches the memory of this process while it works, also during a question. Its thread touches
/// no array: it reads counters. Ends with the watch.
pub struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and the worker share.
struct Shared {
    place: Mutex<Place>,
    level: AtomicU8,
    sampler: Mutex<Sampler>,
    ended: Mutex<bool>,
    end: Condvar,
}

/// Where the worker is.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    question: Option<usize>,
    phase: Phase,
    held_bytes: u64,
}

/// Takes one sample at a time.
struct Sampler {
    allocator: Arc<dyn Allocator>,
    signals: Box<dyn Signals>,
    detector: PressureDetector,
    started: Instant,
    last: MemorySample,
    on_sample: Box<dyn FnMut(&MemorySample) + Send>,
}

impl Watch {
    /// Takes a sample of `allocator` and `signals` `every` so often from now on, and has
    /// `detector` judge it; its times count from now. `on_sample` gets each sample, one at a time.
    pub fn start(
        allocator: Arc<dyn Allocator>,
        signals: Box<dyn Signals>,
        detector: PressureDetector,
        every: Duration,
        on_sample: impl FnMut(&MemorySample) + Send + 'static,
    ) -> Self {
        let level = AtomicU8::new(detector.level() as u8);
        let sampler = Sampler {
            allocator,
            signals,
            detector,
            started: Instant::now(),
            last: MemorySample::default(),
            on_sample: Box::new(on_sample),
        };
        let shared = Arc::new(Shared {
            place: Mutex::default(),
            level,
            sampler: Mutex::new(sampler),
            ended: Mutex::new(false),
            end: Condvar::new(),
        });
        let watched = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("memory watch".to_owned())
            .spawn(move || watched.sample_until_ended(every));
        if let Err(error) = &thread {
            tracing::warn!(%error, "memory is watched only between questions");
        }
        Self { shared, thread: thread.ok() }
    }

    /// Says where the worker is: the question it is asked, what it does, and how many active bytes
    /// the model keeps for later questions.
    pub fn set(&self, question: Option<usize>, phase: Phase, held_bytes: u64) {
        *lock(&self.shared.place) = Place { question, phase, held_bytes };
    }

    /// Says what it does now.
    pub fn set_phase(&self, phase: Phase) {
        lock(&self.shared.place).phase = phase;
    }

    /// The last sample that was taken.
    pub fn last(&self) -> MemorySample {
        lock(&self.shared.sampler).last.clone()
    }

    /// Takes a sample now. `need_bytes` is what the question about to be computed will need, and
    /// `refused` says that memory was refused since the last sample.
    pub fn sample(&self, need_bytes: Option<u64>, refused: bool) -> MemorySample {
        self.shared.sample(need_bytes, refused)
    }

    /// How short memory was at the last sample.
    pub fn level(&self) -> Level {
        let level = usize::from(self.shared.level.load(Ordering::Relaxed));
        Level::ALL.get(level).copied().unwrap_or_default()
    }

    /// Whether whatever is being computed has to end. Costs nothing: ask after each token.
    pub fn is_critical(&self) -> bool {
        self.shared.level.load(Ordering::Relaxed) == Level::Critical as u8
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        *lock(&self.shared.ended) = true;
        self.shared.end.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread that watched the memory panicked");
        }
    }
}

impl Shared {
    fn sample_until_ended(&self, every: Duration) {
        let mut ended = lock(&self.ended);
        loop {
            let waited = self.end.wait_timeout_while(ended, every, |ended| !*ended);
            ended = waited.unwrap_or_else(PoisonError::into_inner).0;
            if *ended {
                return;
            }
            // Whoever ends the watch must not wait for more than this sample.
            drop(ended);
            self.sample(None, false);
            ended = lock(&self.ended);
        }
    }

    fn sample(&self, need_bytes: Option<u64>, refused: bool) -> MemorySample {
        let mut sampler = lock(&self.sampler);
        // Read after the lock was had: the worker may have gone on meanwhile.
        let place = *lock(&self.place);
        let sample = sampler.take(place, need_bytes, refused);
        self.level.store(sample.level as u8, Ordering::Relaxed);
        (sampler.on_sample)(&sample);
        sample
    }
}

impl Sampler {
    fn take(&mut self, place: Place, need_bytes: Option<u64>, refused: bool) -> MemorySample {
        let Place { question, phase, held_bytes } = place;
        // The worker meets an error itself; the last counters are the best guess.
        let allocator = self.allocator.reading().unwrap_or_else(|error| {
            tracing::warn!(%error, "the allocator's counters cannot be read");
            self.last.allocator
        });
        self.signals.reached(question);
        let mut sample = MemorySample {
            question,
            phase,
            allocator,
            held_bytes,
            process: self.signals.process(),
            system: self.signals.system(),
            budget_bytes: self.detector.budget_bytes(),
            level: Level::Normal,
        };
        let at = self.started.elapsed();
        sample.level = self.detector.observe(at, &sample, need_bytes, refused);
        self.last.clone_from(&sample);
        sample
    }
}

/// A panic elsewhere leaves nothing half done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
