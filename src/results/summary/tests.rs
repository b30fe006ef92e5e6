//! Figures of small sets of questions, worked out by hand.

use super::*;
use crate::results::Cause;
use crate::results::example::{answered, complete_run, question};
use crate::scoring::wilson;

fn summary_of(outcomes: Vec<Outcome>) -> Summary {
    let questions: Vec<_> =
        outcomes.into_iter().enumerate().map(|(i, outcome)| question(i + 1, outcome)).collect();
    Summary::of(&questions, Course { planned: questions.len(), ..Course::default() })
}

fn error() -> Outcome {
    Outcome::Error { message: "broken".to_owned(), cause: Cause::Compute }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12
}

#[test]
fn accuracy_is_over_the_answered_and_coverage_over_the_planned() {
    let summary = summary_of(vec![answered(1.0), answered(0.3), error(), error()]);
    assert!(close(summary.figures.vqa().unwrap().accuracy.unwrap().official, 0.65));
    let coverage = summary.figures.vqa().unwrap().coverage.unwrap();
    assert_eq!((coverage.answered, coverage.total), (2, 4));
    assert!(close(coverage.worst, 0.325) && close(coverage.best, 0.825));
    assert_eq!(summary.figures.vqa().unwrap().interval, wilson(0.65, 2));
}

#[test]
fn failures_alone_have_no_accuracy_and_open_bounds() {
    let summary = summary_of(vec![error(), error()]);
    assert_eq!(
        (summary.figures.vqa().unwrap().accuracy, summary.figures.vqa().unwrap().interval),
        (None, None)
    );
    let coverage = summary.figures.vqa().unwrap().coverage.unwrap();
    assert!(close(coverage.worst, 0.0) && close(coverage.best, 1.0));
}

#[test]
fn questions_never_reached_count_against_coverage() {
    let questions = [question(1, answered(1.0))];
    let summary = Summary::of(&questions, Course { planned: 4, ..Course::default() });
    assert_eq!((summary.questions, summary.outcomes.not_asked), (4, 3));
    assert_eq!(summary.figures.vqa().unwrap().coverage.unwrap().total, 4);
}

#[test]
fn scorers_differ_only_beyond_one_question() {
    // The example's other scorers give 1.0: apart by 0.7 of a question, then by 1.4.
    assert!(!summary_of(vec![answered(0.3), answered(1.0)]).figures.vqa().unwrap().scorers_differ);
    assert!(summary_of(vec![answered(0.3), answered(0.3)]).figures.vqa().unwrap().scorers_differ);
    // By exactly one question.
    assert!(
        !summary_of(vec![answered(0.0), answered(1.0), answered(1.0)])
            .figures
            .vqa()
            .unwrap()
            .scorers_differ
    );
}

#[test]
fn groups_count_all_their_questions_and_average_the_answered() {
    let summary = summary_of(vec![answered(1.0), error(), answered(0.0), answered(1.0)]);
    let (number, other) = (
        summary.figures.vqa().unwrap().by_answer_type["number"],
        summary.figures.vqa().unwrap().by_answer_type["other"],
    );
    assert_eq!((number.questions, number.answered, number.official), (2, 1, Some(1.0)));
    assert_eq!((other.questions, other.answered, other.official), (2, 2, Some(0.5)));
}

#[test]
fn speeds_are_medians_and_leave_out_cached_tokens() {
    let summary = summary_of(vec![answered(1.0), answered(1.0), answered(1.0)]);
    assert!(close(summary.decode_tokens_per_second.unwrap(), 202.0));
    // 80 of 90 prompt tokens in 20 ms.
    assert!(close(summary.prefill_tokens_per_second.unwrap(), 4000.0));
}

#[test]
fn memory_takes_the_largest_peak_and_the_growth_from_first_to_last() {
    let memory = summary_of(vec![answered(1.0), error(), answered(1.0)]).memory.unwrap();
    assert_eq!((memory.peak_bytes, memory.peak_delta_bytes), (9_000_003, 4_800_003));
    assert_eq!(memory.active_growth_bytes, 2);
}

#[test]
fn every_question_counts_in_exactly_one_outcome() {
    let report = crate::results::RunReport::from_events(&complete_run());
    let summary = &report.models[0].summary;
    let counts = summary.outcomes;
    let expected = OutcomeCounts {
        answered: 3,
        empty: 1,
        error: 1,
        timed_out: 1,
        crashed: 1,
        skipped: 1,
        not_asked: 0,
    };
    assert_eq!((counts, summary.questions, summary.restarts), (expected, 8, 1));
}

#[test]
fn clean_ups_are_summed_failures_counted_and_their_share_told() {
    let report = crate::results::RunReport::from_events(&complete_run());
    let totals = report.models[0].summary.cleanups;
    assert_eq!((totals.count, totals.failures, totals.freed_bytes), (2, 1, 5_000_000));
    let wall_ms = report.models[0].summary.wall_ms;
    assert!(close(totals.share_of_run.unwrap(), 2.5 / wall_ms));
}

#[test]
fn the_most_that_was_asked_without_a_clean_up_is_told() {
    let report = crate::results::RunReport::from_events(&complete_run());
    let totals = report.models[0].summary.cleanups;
    assert_eq!((totals.most_questions, totals.most_images), (5, 5));
}
