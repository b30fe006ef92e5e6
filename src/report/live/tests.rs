//! Lines shown while a run goes on.

use proptest::prelude::*;

use super::*;
use crate::results::example;

fn after(count: usize) -> Progress {
    let mut progress = Progress::default();
    example::complete_run().iter().take(count).for_each(|entry| progress.observe(entry));
    progress
}

#[test]
fn while_a_model_is_loaded_there_is_nothing_else_to_say() {
    assert_eq!(after(2).line(80, true), "loading smolvlm_tiny");
}

#[test]
fn a_line_tells_place_accuracy_time_left_and_memory() {
    let line = after(9).line(100, true);
    let expected = "smolvlm_tiny ██████░░░░░░░░░░ 3/8 · 76.7 % · 1 s left · peak 9.0 MB";
    assert_eq!(line, expected);
}

#[test]
fn failures_show_and_the_last_question_leaves_no_time() {
    let line = after(21).line(100, false);
    assert_eq!(line, "smolvlm_tiny 8/8 · 76.7 % · peak 9.0 MB · 5 without answer");
}

#[test]
fn each_tenth_is_told_once() {
    let mut progress = Progress { planned: 20, ..Progress::default() };
    let mut told = 0;
    for position in 1..=20 {
        progress.count(&example::question(position, example::answered(1.0)));
        told += usize::from(progress.at_a_tenth());
    }
    assert_eq!(told, 10);
}

#[test]
fn a_failed_clean_up_and_a_skipped_model_are_warned_of() {
    let run = example::complete_run();
    let warnings: Vec<_> = run.iter().filter_map(|entry| warning(&entry.event)).collect();
    let expected = [
        "smolvlm_tiny clean-up failed: the cache still holds 12 bytes",
        "smolvlm_tiny worker restarted: signal 9",
        "smolvlm_2b skipped: its weights are not on this machine",
    ];
    assert_eq!(warnings, expected);
}

#[test]
fn an_alarm_is_warned_of_with_its_figures() {
    let run = example::soaked::leaking_run();
    let warnings: Vec<_> = run.iter().filter_map(|entry| warning(&entry.event)).collect();
    let expected = "smolvlm_tiny active memory grows by 1.0 MB a question (at least 1.0 MB), \
                    seen before question 60";
    assert_eq!(warnings, [expected]);
}

#[test]
fn a_question_shows_raw_and_extracted_answer_and_what_was_expected() {
    let lines = question_lines(&example::question(3, example::answered(0.3)), 8, 100);
    let expected = [
        "3/8 what color is the circle? (3.png)",
        "  30.0 %  “Red.” → “Red”, expected red ×7, dark red ×3",
    ];
    assert_eq!(lines, expected);
}

proptest! {
    #[test]
    fn no_live_line_is_wider_than_the_terminal(columns in 20_usize..120, events in 0_usize..30, bar in any::<bool>()) {
        prop_assert!(width(&after(events).line(columns, bar)) <= columns);
    }
}
