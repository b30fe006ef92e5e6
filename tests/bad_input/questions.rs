//! Datasets with something wrong.

use std::fs;

use crate::support::{Place, Run, Small};

const YES: &str = "default = 'yes'";

/// Runs two questions of a dataset that `damage` was done to.
fn run(small: &Small, damage: impl FnOnce(&Place)) -> (Run, Place) {
    let place = Place::new();
    small.write(&place.path("small"));
    damage(&place);
    let model = place.scripted("model", YES);
    (place.vqa(&[&model], &["-n", "2"]), place)
}

#[track_caller]
fn refused(small: &Small, damage: impl FnOnce(&Place), told: &[&str]) {
    let (run, place) = run(small, damage);
    let run = run.ended(2);
    for part in told {
        assert!(run.error().contains(part), "{part} is not in: {}", run.error());
    }
    assert!(!place.path("out").exists(), "nothing is written for a run that cannot be");
}

#[test]
fn malformed_json_is_told_with_its_line() {
    let broken = |place: &Place| {
        place.write("small/questions.json", "{\n \"questions\": [\n  {\"question_id\": 1,,}\n ]}");
    };
    refused(&Small::of(2), broken, &["questions.json, line 3, column"]);
    let cut = |place: &Place| {
        let path = place.path("small/annotations.json");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 30]).unwrap();
    };
    refused(&Small::of(2), cut, &["annotations.json, line 1"]);
    let field = |place: &Place| {
        place.write("small/questions.json", "{\"questions\": [\n{\"question_id\": 1}\n]}");
    };
    refused(&Small::of(2), field, &["questions.json, line 2", "image_id"]);
}

#[test]
fn duplicate_ids_are_told() {
    let mut twice = Small::of(2);
    twice.questions.push(twice.questions[0].clone());
    refused(&twice, |_| (), &["questions.json", "second question with question id 1"]);
    let mut twice = Small::of(2);
    twice.annotations.push(twice.annotations[1].clone());
    refused(&twice, |_| (), &["annotations.json", "second annotation with question id 2"]);
}

#[test]
fn files_that_are_missing_or_hold_nothing_are_told() {
    for (file, told) in
        [("questions.json", "questions file"), ("annotations.json", "annotations file")]
    {
        let remove = |place: &Place| fs::remove_file(place.path("small").join(file)).unwrap();
        refused(&Small::of(2), remove, &[told, file]);
    }
    refused(&Small::of(0), |_| (), &["questions.json holds no question"]);
    let remove = |place: &Place| fs::remove_dir_all(place.path("small/images")).unwrap();
    refused(&Small::of(2), remove, &["image folder", "images"]);
    let broken =
        |place: &Place| drop(place.write("small/dataset.toml", "name = 'small'\nsplits = 3"));
    refused(&Small::of(2), broken, &["dataset.toml"]);
}

#[test]
fn a_question_without_annotation_is_an_error_and_the_run_goes_on() {
    let mut small = Small::of(2);
    small.annotations.remove(0);
    let (run, place) = run(&small, |_| ());
    run.ended(1);
    let questions = &place.results()["models"][0]["questions"];
    let message = "question 1 has no annotation, so its answer cannot be scored";
    assert_eq!(
        (&questions[0]["outcome"], &questions[0]["message"]),
        (&"error".into(), &message.into())
    );
    assert_eq!(questions[0].get("scores"), None);
    assert_eq!(questions[1]["outcome"], "answered");
}

#[test]
fn a_question_without_image_is_an_error_and_the_run_goes_on() {
    let mut small = Small::of(2);
    small.images.remove(0);
    let (run, place) = run(&small, |_| ());
    run.ended(1);
    let questions = &place.results()["models"][0]["questions"];
    assert_eq!(questions[0]["outcome"], "error");
    let message = questions[0]["message"].as_str().unwrap();
    assert!(message.contains("000000000001") && message.contains("No such file"), "{message}");
    assert_eq!(questions[1]["outcome"], "answered");
}
