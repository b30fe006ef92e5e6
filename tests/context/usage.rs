//! What is refused before a model is loaded.

use crate::support::{Place, Run};

#[track_caller]
fn refused(arguments: &[&str]) -> Run {
    let place = Place::new();
    place.write("photos/a.png", "not read");
    let model = place.scripted("model", "default = 'yes'");
    let fixed = ["context", "--output", "out", "--models", &model];
    let run = place.run(&[&fixed[..], arguments].concat()).ended(2);
    run.assert_no_panic();
    assert_eq!(run.stdout, "");
    assert!(!place.path("out").exists(), "nothing was begun");
    run
}

#[test]
fn an_unknown_condition_is_refused_by_name() {
    for (given, named) in [("Q", "`Q`"), ("S,AB", "`AB`"), ("", "``")] {
        let run = refused(&["--conditions", given]);
        let expected = format!("{named} is no condition: use S, A, B, E, N or X");
        assert!(run.error().contains(&expected), "{run:#?}");
    }
}

#[test]
fn one_scenario_has_no_other_image_to_show() {
    let run = refused(&["--scenarios", "1", "--conditions", "S,X"]);
    assert!(run.error().contains("condition X") && run.stderr.contains("leave X out"), "{run:#?}");
}

#[test]
fn numbers_out_of_range_are_refused_with_the_range() {
    assert!(refused(&["--facts", "9"]).error().contains('8'));
    assert!(refused(&["--scenarios", "10001"]).error().contains("10000"));
    for option in ["--facts", "--scenarios", "--max-tokens"] {
        assert!(refused(&[option, "0"]).error().contains(option), "{option}");
    }
    for turns in ["two", "10001", "0,100000000000"] {
        assert!(refused(&["--distractors", turns]).error().contains("--distractors"), "{turns}");
    }
}

#[test]
fn a_folder_without_annotations_is_refused_with_what_it_lacks() {
    assert!(refused(&["--dataset", "photos"]).error().contains("context.json"));
    assert!(refused(&["--dataset", "nowhere"]).error().contains("nowhere"));
}
