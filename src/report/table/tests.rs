//! The whole table at two widths, for runs that went well, badly and nowhere.

use super::*;
use crate::{report::text::width, results::example};

fn plain(entries: &[crate::results::Entry], columns: usize) -> String {
    let report = RunReport::from_events(entries);
    render(
        &report,
        Some("results/2026-11-20T20-42-07Z-vqa"),
        Look { width: columns, colour: false },
    )
}

/// Compares with `tests/snapshots/<name>.snap`.
fn assert_table(name: &str, table: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../tests/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, table));
}

#[test]
fn a_complete_run_at_100_columns() {
    assert_table("table_complete_100", &plain(&example::complete_run(), 100));
}

#[test]
fn a_complete_run_at_44_columns() {
    assert_table("table_complete_44", &plain(&example::complete_run(), 44));
}

#[test]
fn a_model_that_failed_every_question() {
    assert_table("table_failed", &plain(&example::failed_run(), 100));
}

#[test]
fn an_interrupted_run() {
    assert_table("table_interrupted", &plain(&example::interrupted_run(), 100));
}

#[test]
fn a_run_of_descriptions() {
    assert_table("table_describe_100", &plain(&example::described::described_run(), 100));
    assert_table("table_describe_60", &plain(&example::described::described_run(), 60));
}

#[test]
fn a_context_test() {
    assert_table("table_context_100", &plain(&example::conversed::conversed_run(), 100));
    assert_table("table_context_44", &plain(&example::conversed::conversed_run(), 44));
}

#[test]
fn a_context_test_that_is_invalid() {
    assert_table("table_context_invalid_100", &plain(&example::conversed::blind_run(), 100));
    assert_table("table_context_invalid_44", &plain(&example::conversed::blind_run(), 44));
}

#[test]
fn a_run_of_recall() {
    assert_table("table_recall_100", &plain(&example::recalled::recalled_run(), 100));
    assert_table("table_recall_44", &plain(&example::recalled::recalled_run(), 44));
}

#[test]
fn a_soak_test_that_stays_flat() {
    assert_table("table_soak_100", &plain(&example::soaked::soaked_run(), 100));
    assert_table("table_soak_44", &plain(&example::soaked::soaked_run(), 44));
}

#[test]
fn a_soak_test_that_leaks_and_changes_its_answers() {
    assert_table("table_soak_leak_100", &plain(&example::soaked::leaking_run(), 100));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for columns in 36..120 {
        for run in example::every_suite() {
            for line in plain(&run, columns).lines() {
                // A path is for copying: it is never cut.
                let is_path = line.starts_with("results");
                assert!(is_path || width(line) <= columns, "{columns}: {line}");
            }
        }
    }
}

#[test]
fn without_colour_there_is_no_escape_code_even_from_a_message() {
    assert!(!plain(&example::failed_run(), 100).contains('\u{1b}'));
}

#[test]
fn colour_changes_nothing_but_the_colour() {
    let report = RunReport::from_events(&example::complete_run());
    let coloured = render(&report, None, Look { width: 80, colour: true });
    assert!(coloured.contains('\u{1b}'));
    let uncoloured = render(&report, None, Look { width: 80, colour: false });
    assert_eq!(console::strip_ansi_codes(&coloured), uncoloured);
}
