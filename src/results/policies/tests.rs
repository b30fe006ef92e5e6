use super::*;
use crate::results::example;

fn run(policy: CleanupSchedule) -> PolicyRun {
    let report = RunReport::from_events(&example::complete_run());
    PolicyRun { policy, folder: "a".to_owned(), status: report.status, report }
}

fn answer(run: &mut PolicyRun, place: usize) -> &mut String {
    match &mut run.report.models[0].questions[place].outcome {
        Outcome::Answered { raw, .. } | Outcome::Empty { raw } => raw,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_question_answered_otherwise_under_one_policy_is_named() {
    let mut runs = [CleanupSchedule::Off, CleanupSchedule::Adaptive].map(run);
    assert_eq!(PolicyReport::of(&runs).models[0].differing, [0_u64; 0]);
    answer(&mut runs[1], 1).push('!');
    assert_eq!(PolicyReport::of(&runs).models[0].differing, [1002]);
    // An empty answer is an answer, no answer is none.
    answer(&mut runs[0], 3).clear();
    assert_eq!(PolicyReport::of(&runs).models[0].differing, [1002, 1004]);
    runs[0].report.models[0].questions.pop();
    assert!(!PolicyReport::of(&runs).is_sound());
}

#[test]
fn the_peak_is_the_most_that_was_seen_at_any_time() {
    let mut one = run(CleanupSchedule::Off);
    let peak = |run: &PolicyRun| {
        PolicyReport::of(std::slice::from_ref(run)).models[0].policies[0].peak_used_bytes.unwrap()
    };
    // The footprint of the example's sample.
    assert_eq!(peak(&one), 30_000_000);
    let memory = one.report.models[0].questions[0].memory.as_mut().unwrap();
    (memory.active_bytes, memory.cache_bytes) = (40_000_000, 2_000_000);
    assert_eq!(peak(&one), 42_000_000);
    one.report.models[0].samples.clear();
    assert_eq!(peak(&one), 42_000_000);
}

#[test]
fn growth_is_that_of_a_typical_question_whatever_one_of_them_does() {
    let series: Vec<u64> =
        (0..20).map(|n| 1000 + n * 50 + if n == 7 { 90_000 } else { 0 }).collect();
    assert_eq!(growth(&series), Some(50.0));
    assert_eq!(growth(&[5]), None);
}
