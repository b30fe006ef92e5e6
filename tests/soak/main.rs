//! `vlm-test soak` through the real binary: rounds, answers compared, memory over time, the gate.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod support;

use std::fs;

use support::{Place, Run, TINY};
use vlm_test::results::{Cadence, Event, Gap, read_journal};

fn soak(place: &Place, model: &str, more: &[&str]) -> Run {
    let fixed = ["soak", "--dataset", "small", "--output", "out", "--models", model];
    place.run(&[&fixed[..], more].concat())
}

/// The most that was asked without a clean-up, from the events on the disk.
fn gap(place: &Place) -> Gap {
    let mut cadence = Cadence::default();
    for entry in read_journal(&place.path("out/events.jsonl")).unwrap().entries {
        cadence.observe(&entry.event);
    }
    cadence.most()
}

#[test]
fn the_same_questions_are_asked_round_after_round_and_their_answers_compared() {
    let place = Place::with_questions(4);
    let model = place.scripted("model", "default = 'yes'");
    soak(&place, &model, &["-n", "10"]).ended(0);
    let results = place.results();
    let soak = &results["models"][0]["summary"]["soak"];
    assert_eq!(soak["rounds"], 3);
    assert_eq!(soak["different_questions"], 4);
    assert_eq!((&soak["compared"], &soak["changed"]), (&6.into(), &0.into()));
    let asked = support::each(&results["models"][0]["questions"], "repeats");
    assert_eq!(asked, [1, 2, 3, 4, 1, 2, 3, 4, 1, 2]);
    assert_eq!(results["run"]["questions"], 10);
}

#[test]
fn a_round_may_be_smaller_than_the_dataset() {
    let place = Place::with_questions(9);
    let model = place.scripted("model", "default = 'yes'");
    soak(&place, &model, &["-n", "6", "--round", "2"]).ended(0);
    assert_eq!(place.results()["models"][0]["summary"]["soak"]["different_questions"], 2);
    assert_eq!(place.results()["models"][0]["summary"]["soak"]["rounds"], 3);
}

#[test]
fn never_more_than_five_questions_pass_without_a_clean_up() {
    let place = Place::with_questions(4);
    let model = place.checkpoint(TINY);
    let model = model.to_str().unwrap();
    let run = soak(&place, model, &["-n", "23", "--max-tokens", "2"]);
    assert!(matches!(run.status, Some(0 | 1)), "{run:#?}");
    assert_eq!(gap(&place).questions, 5);
    let cleanups = &place.results()["models"][0]["summary"]["cleanups"];
    assert_eq!((&cleanups["most_questions"], &cleanups["count"]), (&5.into(), &5.into()));
    assert!(run.stdout.contains("at most 5 questions"), "{run:#?}");
}

#[test]
fn memory_over_time_has_a_row_for_every_sample_and_clean_up() {
    let place = Place::with_questions(3);
    let model = place.checkpoint(TINY);
    soak(&place, model.to_str().unwrap(), &["-n", "12", "--max-tokens", "2"]);
    let entries = read_journal(&place.path("out/events.jsonl")).unwrap().entries;
    let events = entries.iter().filter(|entry| {
        matches!(entry.event, Event::MemorySampled { .. } | Event::CleanedUp { .. })
    });
    let csv = fs::read_to_string(place.path("out/memory.csv")).unwrap();
    assert!(csv.starts_with("elapsed_ms,model,kind,question,phase,"), "{csv}");
    assert_eq!(csv.lines().count(), 1 + events.count());
    let before: Vec<&str> = csv
        .lines()
        .filter(|line| line.contains(",sample,") && line.contains(",idle,"))
        .filter_map(|line| line.split(',').nth(3))
        .filter(|question| !question.is_empty())
        .collect();
    let mut expected: Vec<String> = (1..=12).map(|question| question.to_string()).collect();
    expected.retain(|question| !before.contains(&question.as_str()));
    assert!(expected.is_empty(), "no look before questions {expected:?}");
}

#[test]
fn a_real_model_keeps_within_a_limit_of_growth() {
    let place = Place::with_questions(4);
    let model = place.checkpoint(TINY);
    let more = ["-n", "70", "--max-tokens", "2", "--max-growth", "200kB"];
    let run = soak(&place, model.to_str().unwrap(), &more);
    let leak = &place.results()["models"][0]["summary"]["leak"];
    assert_eq!(leak["limit"]["check"], "within", "{leak:#}");
    assert!(run.stdout.contains("within --max-growth 200.0 kB"), "{run:#?}");
    let active = leak["series"].as_array().unwrap().iter().find(|it| it["series"] == "active");
    assert!(active.is_some_and(|it| it["change"]["lower"].as_f64() <= Some(0.0)), "{leak:#}");
}

#[test]
fn a_limit_that_could_not_be_checked_is_not_passed_over_in_silence() {
    let place = Place::with_questions(2);
    let model = place.scripted("model", "default = 'yes'");
    let run = soak(&place, &model, &["-n", "5", "--max-growth", "1MB"]).ended(0);
    assert_eq!(place.results()["models"][0]["summary"]["leak"]["limit"]["check"], "not_checked");
    assert!(run.stdout.contains("not checked"), "{run:#?}");
}

#[test]
fn a_limit_that_is_no_size_is_a_usage_error() {
    let place = Place::with_questions(2);
    let run = soak(&place, "smolvlm_tiny", &["--max-growth", "5"]).ended(2);
    assert!(run.stderr.contains("--max-growth"), "{run:#?}");
}
