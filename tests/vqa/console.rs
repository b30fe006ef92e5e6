//! What a run prints, and where.

use std::path::Path;

use insta::assert_snapshot;

use crate::support::{Place, Run};

const SCRIPT: &str = "default = 'yes'\n[[answer]]\nquestion = 'n 2?'\ntext = 'No.'\n\
    [[answer]]\nquestion = 'n 3?'\nempty = true\n[[answer]]\nquestion = 'n 4?'\nerror = 'no head'";

fn run(more: &[&str], adjust: impl FnOnce(&mut std::process::Command)) -> (Run, Place) {
    let place = Place::with_questions(6);
    let model = place.scripted("model", SCRIPT);
    let fixed = ["vqa", "--dataset", "small", "-n", "6", "--output", "out", "--models", &model];
    let mut command = place.command(&[&fixed[..], more].concat());
    adjust(&mut command);
    (Run::of(&mut command).ended(1), place)
}

#[test]
fn the_final_table_and_the_progress_of_a_run() {
    insta::with_settings!({ snapshot_path => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots"), prepend_module_to_snapshot => false, omit_expression => true }, {
        let (normal, _) = run(&[], |_| ());
        assert_snapshot!("vqa_table", Run::redacted(&normal.stdout));
        assert_snapshot!("vqa_progress", Run::redacted(&normal.stderr));
        let (verbose, _) = run(&["--verbose"], |_| ());
        assert_snapshot!("vqa_verbose", Run::redacted(&verbose.stderr));
    });
}

#[test]
fn quiet_prints_the_table_and_nothing_else() {
    let (quiet, _) = run(&["--quiet"], |_| ());
    assert_eq!(quiet.stderr, "");
    assert!(quiet.stdout.starts_with("model"), "{quiet:#?}");
}

#[test]
fn with_json_standard_output_is_the_report_and_nothing_else() {
    for more in [&["--json"][..], &["--json", "--quiet"], &["--json", "--verbose"]] {
        let (run, place) = run(more, |_| ());
        assert_eq!(run.json(), place.results());
        assert_eq!(run.stderr.is_empty(), more.contains(&"--quiet"), "{more:?}: {run:#?}");
    }
}

#[test]
fn what_goes_into_a_pipe_is_plain() {
    for more in [&[][..], &["--json"], &["--verbose"]] {
        for variable in ["NO_COLOR", "CLICOLOR", "TERM"] {
            let (run, _) = run(more, |command| {
                command.env(variable, if variable == "TERM" { "xterm-256color" } else { "1" });
            });
            assert!(!(run.stdout + &run.stderr).contains('\u{1b}'), "{more:?} {variable}");
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::with_questions(2);
    let model = place.scripted("model", "default = 'yes'");
    let arguments =
        ["vqa", "--dataset", "small", "-n", "2", "--output", "out", "--models", &model, "--json"];
    let mut child = place.command(&arguments).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn control_codes_in_an_answer_are_spelled_out() {
    let place = Place::with_questions(1);
    let model = place.scripted("model", "default = \"\\u001b[31mred\\u0007\"");
    let run = place.vqa(&[&model], &["-n", "1", "--verbose"]).ended(0);
    assert!(run.stderr.contains("\\u{1b}[31mred\\u{7}"), "{run:#?}");
    assert!(!(run.stdout + &run.stderr).contains('\u{1b}'));
    assert_eq!(place.results()["models"][0]["questions"][0]["raw"], "\u{1b}[31mred\u{7}");
}
