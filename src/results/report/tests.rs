//! The report rebuilt from events, and its documented form.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::results::{Journal, example, read_journal};

#[test]
fn a_report_survives_its_json_form() {
    for run in example::every_suite() {
        let report = RunReport::from_events(&run);
        let back: RunReport = serde_json::from_str(&report.to_json().unwrap()).unwrap();
        assert_eq!(back, report);
    }
}

#[test]
fn a_report_from_the_journal_equals_the_live_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(folder.path().join("events.jsonl")).unwrap();
    let mut live = ReportBuilder::default();
    for entry in example::complete_run() {
        live.observe(&journal.append(entry.event).unwrap());
    }
    let recovered = read_journal(journal.path()).unwrap();
    assert_eq!(RunReport::from_events(&recovered.entries), live.build());
}

#[test]
fn questions_stand_in_dataset_order_whatever_the_order_of_events() {
    let mut entries = example::complete_run();
    entries.reverse();
    let report = RunReport::from_events(&entries);
    let tiny = report.models.iter().find(|model| model.name == "smolvlm_tiny").unwrap();
    let positions: Vec<_> = tiny.questions.iter().map(|question| question.position).collect();
    assert_eq!(positions, (1..=8).collect::<Vec<_>>());
}

#[test]
fn a_run_without_end_is_interrupted_and_names_the_open_question() {
    let report = RunReport::from_events(&example::interrupted_run());
    assert_eq!(report.status, RunStatus::Interrupted);
    let model = &report.models[0];
    assert_eq!((model.status, model.unfinished_question), (ModelStatus::Interrupted, Some(1003)));
    assert_eq!((model.summary.outcomes.answered, model.summary.outcomes.not_asked), (2, 6));
}

#[test]
fn a_finished_question_is_not_left_open() {
    let report = RunReport::from_events(&example::complete_run());
    assert!(report.models.iter().all(|model| model.unfinished_question.is_none()));
}

#[test]
fn a_skipped_model_has_its_reason_and_no_accuracy() {
    let report = RunReport::from_events(&example::complete_run());
    let skipped = &report.models[1];
    assert_eq!(skipped.status, ModelStatus::Skipped);
    assert!(skipped.reason.is_some() && skipped.summary.figures.vqa().unwrap().accuracy.is_none());
}

#[test]
fn a_journal_that_lost_everything_still_gives_a_report() {
    let report = RunReport::from_events(&[]);
    assert_eq!(report.status, RunStatus::Interrupted);
    assert!(report.run.is_none() && report.models.is_empty());
    assert!(report.to_json().is_ok());
}

#[test]
fn only_an_answered_question_has_scores_in_json() {
    let report = RunReport::from_events(&example::complete_run());
    let json: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    for question in json["models"][0]["questions"].as_array().unwrap() {
        assert_eq!(question.get("scores").is_some(), question["outcome"] == "answered");
    }
}

/// Paths of all fields: `a.b`, `[]` for the items of a list, `<type>` for the
/// keys of maps from a name.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let by_name = ["_type", "by_topic"].iter().any(|end| path.ends_with(end));
            for (key, value) in fields {
                let key = match path {
                    _ if by_name => "<type>",
                    _ if path.ends_with("by_condition") => "<condition>",
                    _ => key,
                };
                let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                paths(value, &path, found);
                found.insert(path);
            }
        }
        Value::Array(items) => {
            for item in items {
                paths(item, &format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_field_is_documented_and_every_documented_field_exists() {
    let mut written = BTreeSet::new();
    for run in example::every_suite() {
        let mut report = RunReport::from_events(&run);
        report.comparisons = vec![example::comparison()];
        paths(&serde_json::to_value(&report).unwrap(), "", &mut written);
    }
    // What the schedule holds depends on its kind.
    written.remove("run.cleanup.every_questions");
    written.remove("run.cleanup.every_images");
    let readme = include_str!("../README.md");
    let documented: BTreeSet<_> = readme
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()))
        .collect();
    let missing: Vec<_> = written.difference(&documented).collect();
    let invented: Vec<_> = documented.difference(&written).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "not in README.md: {missing:#?}\nonly there: {invented:#?}"
    );
}
