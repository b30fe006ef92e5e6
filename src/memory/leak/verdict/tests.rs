//! Verdicts on courses that people know from runs.

use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::memory::{MemoryReading, ProcessMemory};

const MB: f64 = 1e6;

fn points(questions: usize, value: impl Fn(usize) -> f64) -> Vec<Point> {
    (1..=questions).map(|question| (question as f64, value(question))).collect()
}

/// Bytes that go up and down by about a megabyte without a trend.
fn wobble(question: usize) -> f64 {
    ((question * 7919) % 101) as f64 / 50.0 * MB
}

fn verdict(points: &[Point]) -> Verdict {
    judge(Series::Active, points, points.len()).verdict
}

#[test]
fn below_thirty_questions_nothing_is_said() {
    let leak = |question| question as f64 * MB;
    assert_eq!(verdict(&points(29, leak)), Verdict::TooFew);
    assert_eq!(verdict(&points(30, leak)), Verdict::Grows);
    assert_eq!(verdict(&[]), Verdict::TooFew);
}

#[test]
fn noise_is_flat_and_a_leak_within_it_is_not() {
    assert_eq!(verdict(&points(300, wobble)), Verdict::Flat);
    let judged = judge(
        Series::Active,
        &points(300, |question| wobble(question) + question as f64 * 0.1 * MB),
        300,
    );
    assert_eq!(judged.verdict, Verdict::Grows);
    let change = judged.change.unwrap();
    assert!((0.09 * MB..0.11 * MB).contains(&change.per_question), "{change:?}");
    assert!(change.lower <= change.per_question && change.per_question <= change.upper);
}

#[test]
fn what_never_changes_has_a_slope_of_zero_with_bounds_of_zero() {
    let change = judge(Series::Active, &points(200, |_| 5e8), 200).change.unwrap();
    assert_eq!(
        (change.per_question, change.lower, change.upper, change.noise),
        (0.0, 0.0, 0.0, 0.0)
    );
    assert!(!change.is_sustained);
}

#[test]
fn a_warm_up_is_told_by_its_height() {
    let warm = points(300, |question| wobble(question) + question.min(60) as f64 * MB);
    let Verdict::WarmUpThenFlat { rise } = verdict(&warm) else { panic!("{:?}", verdict(&warm)) };
    assert!((55.0 * MB..60.0 * MB).contains(&rise), "{rise}");
}

#[test]
fn a_step_is_told_apart_from_growth() {
    let stepped =
        points(200, |question| wobble(question) + if question > 120 { 50.0 * MB } else { 0.0 });
    let judged = judge(Series::Active, &stepped, 200);
    assert_eq!(judged.verdict, Verdict::Flat);
    let step = judged.step.unwrap();
    assert!((119..=122).contains(&step.question), "{step:?}");
    assert!((49.0 * MB..51.0 * MB).contains(&step.height), "{step:?}");
}

#[test]
fn memory_that_shrinks_is_flat() {
    assert_eq!(verdict(&points(200, |question| -(question as f64) * MB)), Verdict::Flat);
}

#[test]
fn a_rise_that_comes_to_nothing_over_the_run_is_flat_but_its_slope_is_told() {
    let judged = judge(Series::Active, &points(200, |question| 4.0 * question as f64), 200);
    assert_eq!(judged.verdict, Verdict::Flat);
    assert!(judged.change.is_some_and(|it| it.is_sustained && it.lower == 4.0));
    assert_eq!(
        judge(Series::Threads, &points(200, |question| question as f64), 200).verdict,
        Verdict::Grows
    );
}

#[test]
fn ten_thousand_questions_are_judged_in_a_moment() {
    let many = points(10_005, |question| wobble(question) + question as f64 * 2000.0);
    let started = Instant::now();
    let judged = judge(Series::Active, &many, 10_005);
    assert!(started.elapsed().as_millis() < 200, "{:?}", started.elapsed());
    assert_eq!((judged.questions, judged.verdict), (10_005, Verdict::Grows));
    let change = judged.change.unwrap();
    assert!((1900.0..2100.0).contains(&change.per_question), "{change:?}");
}

#[test]
fn the_longest_life_of_a_worker_counts_and_what_the_system_does_not_tell_is_left_out() {
    let sample = |question: usize, active_bytes: u64| MemorySample {
        question: Some(question),
        allocator: MemoryReading { active_bytes, ..MemoryReading::default() },
        process: ProcessMemory { threads: Some(4), ..ProcessMemory::default() },
        ..MemorySample::default()
    };
    let short: Vec<_> =
        (1..=40).map(|question| sample(question, question as u64 * 9_000_000)).collect();
    let long: Vec<_> = (41..=140).map(|question| sample(question, 5)).collect();
    let judged = verdicts(&[&short[..], &long].into_iter(), 140);
    let told: Vec<_> = judged.iter().map(|it| (it.series, it.questions, it.verdict)).collect();
    assert_eq!(told, [(Series::Active, 100, Verdict::Flat), (Series::Threads, 100, Verdict::Flat)]);
}

proptest! {
    #[test]
    fn a_course_without_noise_is_judged_by_its_slope(
        questions in 30_usize..400,
        slope in -3_i32..4,
        start in 0_u32..1_000_000,
    ) {
        let points = points(questions, |question| f64::from(start) + f64::from(slope) * MB * question as f64);
        let expected = if slope > 0 { Verdict::Grows } else { Verdict::Flat };
        prop_assert_eq!(verdict(&points), expected);
    }

    #[test]
    fn any_course_has_finite_figures_that_do_not_depend_on_its_level(
        values in prop::collection::vec(0_u32..u32::MAX, 30..300),
    ) {
        let course = |level: f64| {
            let points = points(values.len(), |question| level + f64::from(values[question - 1]));
            judge(Series::Active, &points, values.len())
        };
        let (low, high) = (course(0.0), course(1048576.0 * 4096.0));
        prop_assert_eq!(low.verdict, high.verdict);
        let change = low.change.unwrap();
        for figure in [change.per_question, change.lower, change.upper, change.noise] {
            prop_assert!(figure.is_finite());
        }
        prop_assert!(change.lower <= change.per_question && change.per_question <= change.upper);
    }
}
