//! What it costs to look at the memory: once a second, and between any two questions.
//!
//! `sample` is all of it; the rest are its parts. What dominates is the kernel writing its
//! files: on Linux `/proc/self/status`, `meminfo` and the control group's take 7 to 17 µs each.
//! A level costs an atomic load.
//!
//! Seen (medians, built without optimisation across crates, machine shared): 86 µs, of which the
//! process 26 µs, the machine 60 µs, MLX's counters 0.05 µs; at once a second 0.01 % of the time.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

use std::{sync::Arc, time::Duration};

use divan::{Bencher, black_box};
use vlm_test::memory::{
    Allocator, MachineSignals, MlxAllocator, PressureDetector, Signals, Watch, oom_kills,
    process_peak, trim_heap,
};

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 500)]
fn sample(bencher: Bencher) {
    let watch = Watch::start(
        Arc::new(MlxAllocator::new().expect("MLX answers")),
        Box::new(MachineSignals::new()),
        PressureDetector::new(u64::MAX),
        Duration::from_hours(1),
        |sample| {
            black_box(sample);
        },
    );
    bencher.bench_local(|| watch.sample(None, false));
}

#[divan::bench(sample_count = 500)]
fn process(bencher: Bencher) {
    let mut signals = MachineSignals::new();
    bencher.bench_local(|| signals.process());
}

#[divan::bench(sample_count = 500)]
fn system(bencher: Bencher) {
    let mut signals = MachineSignals::new();
    bencher.bench_local(|| signals.system());
}

#[divan::bench]
fn counters(bencher: Bencher) {
    let allocator = MlxAllocator::new().expect("MLX answers");
    bencher.bench_local(|| allocator.reading());
}

/// Asked after each token.
#[divan::bench]
fn is_critical(bencher: Bencher) {
    let watch = Watch::start(
        Arc::new(MlxAllocator::new().expect("MLX answers")),
        Box::new(MachineSignals::new()),
        PressureDetector::new(u64::MAX),
        Duration::from_hours(1),
        |_| {},
    );
    bencher.bench_local(|| watch.is_critical());
}

/// Asked once a question.
#[divan::bench]
fn peak(bencher: Bencher) {
    bencher.bench_local(process_peak);
}

/// Asked when a worker died.
#[divan::bench]
fn kills(bencher: Bencher) {
    bencher.bench_local(oom_kills);
}

/// With nothing to give back.
#[divan::bench]
fn trim_nothing(bencher: Bencher) {
    bencher.bench_local(trim_heap);
}
