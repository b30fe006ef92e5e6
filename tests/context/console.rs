//! What a run prints, and where.

use std::path::Path;

use insta::assert_snapshot;

use crate::{
    script::{SMALL, Script},
    support::{Place, Run},
};

fn run(more: &[&str]) -> (Run, Place) {
    let (run, place) = SMALL.run(Script::of_perfect_memory, more);
    (run.ended(0), place)
}

#[test]
fn the_final_table_and_the_progress_of_a_run() {
    insta::with_settings!({ snapshot_path => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots"), prepend_module_to_snapshot => false, omit_expression => true }, {
        let (normal, _) = run(&[]);
        assert_snapshot!("context_table", Run::redacted(&normal.stdout));
        assert_snapshot!("context_progress", Run::redacted(&normal.stderr));
        let (verbose, _) = run(&["--verbose"]);
        let lines: Vec<_> = verbose.stderr.lines().take(70).collect();
        assert_snapshot!("context_verbose", Run::redacted(&lines.join("\n")));
    });
}

#[test]
fn with_json_standard_output_is_the_report_and_nothing_else() {
    let (run, place) = run(&["--json"]);
    assert_eq!(run.json(), place.results());
    assert!(!run.stderr.is_empty());
}

#[test]
fn quiet_prints_the_table_and_nothing_else() {
    let (run, _) = run(&["--quiet"]);
    assert_eq!(run.stderr, "");
    assert!(run.stdout.starts_with("model"), "{run:#?}");
}
