//! Which models and which questions a run takes, and what is put to them.

use serde_json::{Value, json};

use crate::support::{Place, TINY, each};

const YES: &str = "default = 'yes'";

fn asked(place: &Place) -> Vec<Value> {
    each(&place.results()["models"][0]["questions"], "question_id").into_iter().cloned().collect()
}

#[test]
fn models_separated_by_commas_or_spaces_run_heaviest_first() {
    for spaced in [true, false] {
        let place = Place::with_questions(2);
        let light = place.scripted_weighing("light", 10, YES);
        let heavy = place.scripted_weighing("heavy", 2_000, YES);
        let middle = place.scripted_weighing("middle", 300, YES);
        let joined = format!("{light},{heavy},{middle}");
        let models = if spaced { vec![&*light, &heavy, &middle] } else { vec![&*joined] };
        place.vqa(&models, &["-n", "2"]).ended(0);
        let results = place.results();
        assert_eq!(each(&results["models"], "name"), ["heavy", "middle", "light"]);
        assert_eq!(results["run"]["models"], json!(["heavy", "middle", "light"]));
        let started = place.events_named("model_started");
        let names: Vec<_> = started.iter().map(|event| &event["model"]["name"]).collect();
        assert_eq!(names, ["heavy", "middle", "light"]);
    }
}

#[test]
fn a_model_named_twice_runs_once_and_namesakes_are_told_apart() {
    let place = Place::with_questions(1);
    let twice = place.scripted("model", YES);
    place.vqa(&[&twice, &format!("{twice},{twice}")], &["-n", "1"]).ended(0);
    assert_eq!(each(&place.results()["models"], "name"), ["model"]);

    let place = Place::with_questions(1);
    let first = place.checkpoint(TINY);
    let second = place.path("other").join(TINY);
    std::fs::create_dir(place.path("other")).unwrap();
    std::fs::rename(&first, &second).unwrap();
    let first = place.checkpoint(TINY);
    let models = [first.to_str().unwrap(), second.to_str().unwrap()];
    place.vqa(&models, &["-n", "1", "--max-tokens", "2"]);
    let results = place.results();
    assert_eq!(each(&results["models"], "name"), [TINY, models[1]]);
    assert_eq!(each(&results["models"], "path"), models);
    let digests = each(&results["models"], "checkpoint_digest");
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[0].as_str().unwrap().len(), 64);
}

#[test]
fn only_the_questions_named_are_asked_in_the_order_of_the_dataset() {
    let place = Place::with_questions(9);
    let model = place.scripted("model", YES);
    place.vqa(&[&model], &["--only", "7,2", "--only", "4"]).ended(0);
    assert_eq!(asked(&place), [2, 4, 7]);

    let place = Place::with_questions(3);
    let model = place.scripted("model", YES);
    let run = place.vqa(&[&model], &["--only", "2,99,98"]).ended(2);
    assert!(run.error().ends_with("questions.json holds no question with id 98, 99"), "{run:?}");
    assert!(!place.path("out").exists());
}

#[test]
fn a_seed_draws_the_same_questions_again_and_another_one_others() {
    let draw = |seed: &str| {
        let place = Place::with_questions(40);
        let model = place.scripted("model", YES);
        place.vqa(&[&model], &["-n", "8", "--seed", seed]).ended(0);
        assert_eq!(place.results()["provenance"]["seed"].to_string(), seed);
        asked(&place)
    };
    let drawn = draw("7");
    assert_eq!(drawn.len(), 8);
    assert_eq!(draw("7"), drawn);
    assert_ne!(draw("8"), drawn);
}

#[test]
fn more_questions_than_there_are_is_wrong_usage() {
    let place = Place::with_questions(3);
    let model = place.scripted("model", YES);
    let run = place.vqa(&[&model], &["-n", "4"]).ended(2);
    let expected = "4 questions asked for, but split `test` has 3; use --questions 3 at most";
    assert_eq!(run.error(), expected);
    assert!(!place.path("out").exists());
}

#[test]
fn the_prompt_suffix_goes_out_with_the_question_and_is_recorded() {
    let suffixes = [
        (None, "Answer the question using a single word or phrase."),
        (Some("Be brief."), "Be brief."),
        (Some(""), ""),
    ];
    for (given, recorded) in suffixes {
        let place = Place::with_questions(1);
        let script = "default = 'no'\n[[answer]]\nquestion = \"1?\\nBe brief.\"\ntext = 'yes'";
        let model = place.scripted("model", script);
        let more = given.map_or(vec![], |suffix| vec!["--prompt-suffix", suffix]);
        place.vqa(&[&model], &[&["-n", "1"], &*more].concat()).ended(0);
        let question = &place.results()["models"][0]["questions"][0];
        assert_eq!(question["prompt_suffix"], recorded);
        assert_eq!(question["question"], "Is this question 1?");
        let expected = if recorded == "Be brief." { "yes" } else { "no" };
        assert_eq!(question["raw"], expected);
    }
}

#[test]
fn a_manifest_sets_its_own_suffix_and_the_command_line_goes_before_it() {
    let place = Place::with_questions(1);
    place.write("own.script", YES);
    let manifest =
        "name = 'own'\nbackend = 'scripted'\npath = 'own.script'\nprompt_suffix = 'Short!'";
    place.write("own.toml", manifest);
    place.vqa(&["./own.toml"], &["-n", "1"]).ended(0);
    assert_eq!(place.results()["models"][0]["questions"][0]["prompt_suffix"], "Short!");
    std::fs::remove_dir_all(place.path("out")).unwrap();
    place.vqa(&["./own.toml"], &["-n", "1", "--prompt-suffix", "Long."]).ended(0);
    assert_eq!(place.results()["models"][0]["questions"][0]["prompt_suffix"], "Long.");
}
