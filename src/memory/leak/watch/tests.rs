//! The alarm on simulated runs: leaks, noise, wild values, steps, warm-ups and restarts.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use super::*;
use crate::{
    memory::{MemoryReading, ProcessMemory},
    vlm::Phase,
};

const MB: f64 = 1e6;
/// Share of the samples that lie far above the others, and by how much at most.
const SPIKES: (f64, f64) = (0.03, 60.0 * MB);

/// A course with normally distributed noise and now and then a wild value.
struct Noisy {
    random: ChaCha8Rng,
    sigma: f64,
}

impl Noisy {
    fn new(seed: u64, sigma: f64) -> Self {
        Self { random: ChaCha8Rng::seed_from_u64(seed), sigma }
    }

    /// Uniform in (0, 1].
    fn uniform(&mut self) -> f64 {
        ((self.random.next_u64() >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
    }

    /// Box–Muller.
    fn normal(&mut self) -> f64 {
        let (a, b) = (self.uniform(), self.uniform());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }

    fn next(&mut self) -> f64 {
        let spike = if self.uniform() < SPIKES.0 { self.uniform() * SPIKES.1 } else { 0.0 };
        self.sigma * self.normal() + spike
    }
}

fn sample(question: usize, bytes: f64) -> MemorySample {
    MemorySample {
        question: Some(question),
        allocator: MemoryReading {
            active_bytes: (1e9 + bytes).max(0.0) as u64,
            ..MemoryReading::default()
        },
        ..MemorySample::default()
    }
}

/// The question before which the alarm comes when `value` is what is active before each.
fn alarm(planned: usize, mut value: impl FnMut(usize) -> f64) -> Option<usize> {
    let mut watch = LeakWatch::new(planned);
    (1..=planned).find_map(|question| {
        watch.push(&sample(question, value(question))).map(|alarm| alarm.question)
    })
}

/// Of `seeds` runs with a leak per question, how many are found before question `by` is over.
fn found(seeds: u64, sigma: f64, leak: f64, by: usize) -> usize {
    let runs = (0..seeds).filter(|seed| {
        let mut noise = Noisy::new(*seed, sigma);
        let at = alarm(100, |question| leak * question as f64 + noise.next());
        at.is_some_and(|at| at <= by)
    });
    runs.count()
}

fn false_alarms(seeds: u64, sigma: f64, planned: usize) -> usize {
    let runs = (0..seeds).filter(|seed| {
        let mut noise = Noisy::new(1_000_000 + *seed, sigma);
        alarm(planned, |_| noise.next()).is_some()
    });
    runs.count()
}

#[test]
fn a_megabyte_per_question_is_found_by_question_60_in_99_of_100_runs() {
    for sigma in [0.5 * MB, 4.0 * MB] {
        let found = found(200, sigma, MB, 60);
        assert!(found >= 198, "{found} of 200 at a noise of {sigma}");
    }
}

#[test]
fn of_a_thousand_clean_runs_at_most_ten_raise_an_alarm() {
    for sigma in [0.5 * MB, 4.0 * MB] {
        let alarms = false_alarms(1000, sigma, 200);
        assert!(alarms <= 10, "{alarms} of 1000 at a noise of {sigma}");
    }
}

#[test]
fn memory_that_wanders_seldom_raises_an_alarm() {
    let alarms = (0..200).filter(|seed| {
        let (mut noise, mut away) = (Noisy::new(*seed, MB), 0.0);
        let wander = |_| {
            away = 0.9 * away + noise.sigma * noise.normal();
            away
        };
        alarm(500, wander).is_some()
    });
    assert!(alarms.count() <= 4);
}

#[test]
fn a_leak_counts_by_what_it_comes_to_in_the_run_and_by_what_was_seen_of_it() {
    let leak = |question| 100_000.0 * question as f64;
    assert_eq!(alarm(70, leak), None);
    assert_eq!(alarm(1000, leak), Some(60));
    // Seen of a worker's resident memory: +1 MB over seventy questions, then nothing in 3000.
    let warming_up = |question: usize| 15_000.0 * question.min(75) as f64;
    assert_eq!(alarm(10_000, warming_up), None);
}

#[test]
fn a_step_however_high_is_no_leak() {
    for at in [8, 20, 33, 50, 59, 90, 150] {
        let mut noise = Noisy::new(at as u64, MB);
        let alarm = alarm(1000, |question| {
            let step = if question >= at { 500.0 * MB } else { 0.0 };
            step + noise.next()
        });
        assert_eq!(alarm, None, "a step before question {at}");
    }
}

#[test]
fn a_warm_up_that_is_over_is_no_leak() {
    let mut noise = Noisy::new(7, MB);
    assert_eq!(alarm(500, |question| MB * question.min(30) as f64 + noise.next()), None);
}

#[test]
fn a_leak_that_begins_late_is_found_within_a_hundred_questions() {
    let mut noise = Noisy::new(3, 4.0 * MB);
    let at = alarm(2000, |question| MB * question.saturating_sub(1500) as f64 + noise.next());
    assert!(at.is_some_and(|at| (1510..=1600).contains(&at)), "{at:?}");
}

#[test]
fn only_samples_taken_before_a_question_count_and_each_question_once() {
    let mut watch = LeakWatch::new(1000);
    let mut alarms = 0;
    for question in 1..=100 {
        let flat = sample(question, 0.0);
        alarms += usize::from(watch.push(&flat).is_some());
        for phase in [Phase::Decode, Phase::CleanUp, Phase::Idle] {
            let during = MemorySample { phase, ..sample(question, question as f64 * MB) };
            alarms += usize::from(watch.push(&during).is_some());
        }
        let at_the_end = MemorySample { question: None, ..sample(question, question as f64 * MB) };
        alarms += usize::from(watch.push(&at_the_end).is_some());
    }
    assert_eq!(alarms, 0);
}

#[test]
fn an_alarm_is_raised_once() {
    let mut watch = LeakWatch::new(1000);
    let alarms: Vec<_> = (1..=500)
        .filter_map(|question| watch.push(&sample(question, question as f64 * MB)))
        .collect();
    let expected = LeakAlarm { series: Series::Active, question: 60, per_question: MB, lower: MB };
    assert_eq!(alarms, [expected]);
}

#[test]
fn a_new_worker_begins_anew() {
    let mut watch = LeakWatch::new(1000);
    for question in 1..=500 {
        if question % 50 == 0 {
            watch.restart();
        }
        let at_question = watch.push(&sample(question, (question % 50) as f64 * MB));
        assert_eq!(at_question, None, "no worker lived for sixty questions");
    }
}

#[test]
fn descriptors_that_stay_open_raise_the_alarm_too() {
    let mut watch = LeakWatch::new(100);
    let alarm = (1..=100).find_map(|question| {
        let descriptors = Some(10 + question as u64);
        let process = ProcessMemory { descriptors, ..ProcessMemory::default() };
        watch.push(&MemorySample { process, ..sample(question, 0.0) })
    });
    let alarm = alarm.unwrap();
    assert_eq!((alarm.series, alarm.question, alarm.per_question), (Series::Descriptors, 60, 1.0));
}
