//! What a run prints, and where.

use std::path::Path;

use insta::assert_snapshot;

use crate::support::{Place, Run};

const SCRIPT: &str = "default = 'Sure.'\n\
    [[answer]]\nshown = '1.png'\ntext = 'A man in a red coat walks two dogs over grey snow. \
    Behind them stands a dark forest, above it a white sky.'\n\
    [[answer]]\nshown = '2.png'\ntext = 'An empty beach.'\n\
    [[answer]]\nquestion = 'colors'\nhistory = 'Sure.'\ntext = 'Purple.'\n\
    [[answer]]\nquestion = 'colors'\ntext = 'Red, grey and blue.'\n\
    [[answer]]\nquestion = 'people'\nimage = '2.png'\nerror = 'no head'\n\
    [[answer]]\nquestion = 'people'\ntext = 'Yes.'\n\
    [[answer]]\nquestion = 'Summarize'\nimage = '2.png'\necho = true\n\
    [[answer]]\nquestion = 'Summarize'\ntext = \"A man\\n\\u001b[31m with dogs.\"\n";

fn run(more: &[&str]) -> (Run, Place) {
    let place = Place::new();
    for number in 1..=2 {
        place.write(&format!("photos/{number}.png"), number.to_string());
    }
    let model = place.scripted("model", SCRIPT);
    let fixed = ["context", "--dataset", "recall", "--images", "photos", "--distractors", "0,1"];
    let output = ["--output", "out", "--models", &model];
    (place.run(&[&fixed[..], &output, more].concat()).ended(1), place)
}

#[test]
fn the_final_table_and_the_progress_of_a_run() {
    insta::with_settings!({ snapshot_path => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots"), prepend_module_to_snapshot => false, omit_expression => true }, {
        let (normal, _) = run(&[]);
        assert_snapshot!("recall_table", Run::redacted(&normal.stdout));
        assert_snapshot!("recall_progress", Run::redacted(&normal.stderr));
        let (verbose, _) = run(&["--verbose"]);
        assert_snapshot!("recall_verbose", Run::redacted(&verbose.stderr));
    });
}

#[test]
fn with_json_standard_output_is_the_report_and_nothing_else() {
    let (run, place) = run(&["--json"]);
    assert_eq!(run.json(), place.results());
    assert!(
        run.stderr.contains("after 1 turn (0 of 1 as described, contradicts the first): “Purple.”"),
        "{run:#?}"
    );
}

#[test]
fn a_reply_cannot_act_on_the_terminal() {
    let (run, _) = run(&["--verbose"]);
    assert!(!run.stdout.contains('\u{1b}') && !run.stderr.contains('\u{1b}'), "{run:#?}");
    assert!(run.stderr.contains("A man\\n\\u{1b}[31m with dogs."), "{run:#?}");
    assert!(run.stdout.contains("A man \\u{1b}[31m with dogs."), "{run:#?}");
}
