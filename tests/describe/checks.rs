//! What is found in the replies of scripted models.

use serde_json::Value;

use crate::support::{Place, Run, each};

const SOUND: &str = "default = 'A red circle.'\n";

/// A folder of images `1.png`, … with different contents, described by `script`.
fn described(script: &str, count: usize, more: &[&str]) -> (Run, Place) {
    let place = Place::new();
    for number in 1..=count {
        place.write(&format!("photos/{number}.png"), number.to_string());
    }
    let model = place.scripted("model", script);
    let fixed = ["describe", "--images", "photos", "--output", "out", "--models", &model];
    (place.run(&[&fixed[..], more].concat()), place)
}

fn summary(place: &Place) -> Value {
    place.results()["models"][0]["summary"].clone()
}

/// How many descriptions a check speaks against.
fn count(place: &Place, check: &str) -> u64 {
    summary(place)["checks"][check].as_u64().unwrap()
}

#[test]
fn a_sound_description_of_one_image_has_nothing_against_it() {
    let (run, place) = described(SOUND, 1, &[]);
    run.ended(0);
    let summary = summary(&place);
    assert_eq!((&summary["described"], &summary["sound"]), (&1.into(), &1.into()));
    for check in ["empty", "echo", "cut_off_in_word", "repetitive", "identical"] {
        assert_eq!(summary["checks"][check], 0, "{check}");
    }
    assert_eq!(summary["recall"], Value::Null);
}

#[test]
fn a_model_that_says_its_prompt_back_is_found_out() {
    let (run, place) = described("[[answer]]\necho = true\n", 2, &[]);
    assert_eq!(count(&place, "echo"), 2);
    assert!(run.ended(0).stdout.contains("2 echo the prompt"));
}

#[test]
fn a_description_that_the_limit_cuts_is_told_apart_from_one_that_it_meets_at_the_end() {
    let script = "default = 'A red circle on a white ground.'\n\
        [[answer]]\nshown = '2.png'\ntext = 'A blue star. It is small.'\n";
    // The words keep the blanks behind them, so one that is cut off here ends in a blank.
    let (run, place) = described(script, 2, &["--max-tokens", "3"]);
    run.ended(0);
    let questions = &place.results()["models"][0]["questions"];
    let endings = || questions.as_array().unwrap().iter().map(|it| &it["checks"]["ending"]);
    assert_eq!(endings().take(2).collect::<Vec<_>>(), ["between_words", "finished"]);
    assert_eq!(count(&place, "cut_off_in_word"), 0);
}

#[test]
fn a_description_that_the_limit_cuts_behind_a_letter_is_not_sound() {
    let place = Place::new();
    let run = place.run(&["describe", "-n", "2", "--max-tokens", "4", "--output", "out"]);
    let questions = &place.results()["models"][0]["questions"];
    for question in &questions.as_array().unwrap()[..2] {
        assert_eq!(question["finish_reason"], "length");
        assert_eq!(question["checks"]["ending"], "in_word", "{question}");
    }
    assert_eq!((count(&place, "cut_off_in_word"), &summary(&place)["sound"]), (2, &0.into()));
    assert!(run.ended(0).stdout.contains("2 cut off, perhaps in a word"));
}

#[test]
fn a_description_that_goes_round_in_circles_is_repetitive() {
    let (run, place) = described("default = 'A dog and a cat and a cat and a cat.'\n", 1, &[]);
    assert_eq!((count(&place, "repetitive"), &summary(&place)["sound"]), (1, &0.into()));
    let run = run.ended(0);
    assert!(run.stdout.contains("1 repetitive · 0 sound"), "{run:#?}");
}

#[test]
fn one_description_for_different_images_is_told_with_their_places() {
    let script = format!("{SOUND}[[answer]]\nshown = '2.png'\ntext = 'A blue star.'\n");
    let (run, place) = described(&script, 3, &[]);
    assert_eq!(summary(&place)["identical"], serde_json::json!([[1, 3]]));
    assert_eq!((count(&place, "identical"), &summary(&place)["sound"]), (2, &1.into()));
    assert!(run.ended(0).stdout.contains("identical  images 1, 3"));
}

#[test]
fn copies_of_one_image_may_share_a_description() {
    let place = Place::new();
    for name in ["a.png", "b.png"] {
        place.write(&format!("photos/{name}"), "the same");
    }
    let model = place.scripted("model", SOUND);
    place.run(&["describe", "--images", "photos", "--output", "out", "--models", &model]).ended(0);
    assert_eq!(summary(&place)["identical"], serde_json::json!([]));
}

#[test]
fn a_reply_without_a_word_is_empty_and_fails_the_run() {
    let script = "default = 'A red circle.'\n[[answer]]\nshown = '1.png'\ntext = ' … '\n";
    let (run, place) = described(script, 2, &[]);
    run.ended(1);
    let results = place.results();
    let outcomes = each(&results["models"][0]["questions"], "outcome");
    assert_eq!(outcomes[..2], ["empty", "answered"]);
    assert_eq!((count(&place, "empty"), &summary(&place)["described"]), (1, &1.into()));
}

#[test]
fn the_probe_without_images_is_asked_after_them_and_shows_none() {
    let script = "default = 'A red circle.'\n[[answer]]\nquestion = 'capital'\ntext = 'Paris.'\n\
        [[answer]]\nquestion = 'hot'\nerror = 'cannot do without an image'\n";
    let (run, place) = described(script, 2, &[]);
    let run = run.ended(1);
    let probe = &summary(&place)["text_only"];
    assert_eq!(*probe, serde_json::json!({ "prompts": 3, "answered": 2, "right": 1 }));
    assert!(run.stdout.contains("2 of 3 prompts answered · 1 right"), "{run:#?}");
    let results = place.results();
    let questions = &results["models"][0]["questions"];
    let subjects = each(questions, "subject");
    assert_eq!(subjects, ["image", "image", "text_only", "text_only", "text_only"]);
    assert!(each(questions, "image")[2..].iter().all(|image| image.is_null()));
}
