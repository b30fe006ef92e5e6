//! What a run prints, and where.

use std::path::Path;

use insta::assert_snapshot;

use crate::support::{Place, Run};

const SCRIPT: &str = "default = 'A red circle on white.'\n\
    [[answer]]\nshown = '2.png'\ntext = 'A dog and a cat and a cat and a cat.'\n\
    [[answer]]\nshown = '3.png'\nempty = true\n\
    [[answer]]\nshown = '4.png'\nerror = 'no head'\n\
    [[answer]]\nshown = '5.png'\necho = true\n\
    [[answer]]\nquestion = 'capital'\ntext = 'The capital of France is Paris.'\n";

fn run(more: &[&str]) -> (Run, Place) {
    let place = Place::new();
    for number in 1..=6 {
        place.write(&format!("photos/{number}.png"), number.to_string());
    }
    let model = place.scripted("model", SCRIPT);
    let fixed = ["describe", "--images", "photos", "--output", "out", "--models", &model];
    (place.run(&[&fixed[..], more].concat()).ended(1), place)
}

#[test]
fn the_final_table_and_the_progress_of_a_run() {
    insta::with_settings!({ snapshot_path => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots"), prepend_module_to_snapshot => false, omit_expression => true }, {
        let (normal, _) = run(&[]);
        assert_snapshot!("describe_table", Run::redacted(&normal.stdout));
        assert_snapshot!("describe_progress", Run::redacted(&normal.stderr));
        let (verbose, _) = run(&["--verbose"]);
        assert_snapshot!("describe_verbose", Run::redacted(&verbose.stderr));
    });
}

#[test]
fn with_json_standard_output_is_the_report_and_nothing_else() {
    let (run, place) = run(&["--json"]);
    assert_eq!(run.json(), place.results());
    assert!(run.stderr.contains("images described"), "{run:#?}");
}

#[test]
fn quiet_prints_the_table_and_nothing_else() {
    let (run, _) = run(&["--quiet"]);
    assert_eq!(run.stderr, "");
    assert!(run.stdout.starts_with("model"), "{run:#?}");
}
