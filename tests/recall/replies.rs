//! What is found in the replies of scripted models.

use serde_json::{Value, json};

use crate::support::{Place, Run, each};

/// Photos `1.png`, … with different contents, recalled by `script` at once and after two turns.
fn recalled(script: &str, count: usize) -> (Run, Place) {
    let place = Place::new();
    for number in 1..=count {
        place.write(&format!("photos/{number}.png"), number.to_string());
    }
    let model = place.scripted("model", script);
    let fixed = ["context", "--dataset", "recall", "--images", "photos", "--distractors", "0,2"];
    (place.run(&[&fixed[..], &["--output", "out", "--models", &model]].concat()), place)
}

fn figures(place: &Place) -> Value {
    place.results()["models"][0]["summary"]["recalled"].clone()
}

/// Why the result is invalid.
fn reasons(place: &Place) -> Vec<Value> {
    each(&figures(place)["validity"], "check").into_iter().cloned().collect()
}

/// Descriptions that differ, of three photos.
const DESCRIPTIONS: &str = "[[answer]]\nshown = '1.png'\ntext = 'A man in a red coat.'\n\
    [[answer]]\nshown = '2.png'\ntext = 'An empty blue room.'\n\
    [[answer]]\nshown = '3.png'\ntext = 'A green field with two children.'\n";

#[test]
fn a_model_that_remembers_what_it_said_agrees_with_itself() {
    let answers = "[[answer]]\nquestion = 'colors'\nimage = '1.png'\ntext = 'Red.'\n\
        [[answer]]\nquestion = 'colors'\nimage = '2.png'\ntext = 'Blue.'\n\
        [[answer]]\nquestion = 'colors'\ntext = 'Green.'\n\
        [[answer]]\nquestion = 'people'\nhistory = 'empty'\ntext = 'No.'\n\
        [[answer]]\nquestion = 'people'\ntext = 'Yes.'\n\
        [[answer]]\nquestion = 'Summarize'\nimage = '1.png'\ntext = 'A man in a coat.'\n\
        [[answer]]\nquestion = 'Summarize'\nimage = '2.png'\ntext = 'A room.'\n\
        [[answer]]\nquestion = 'Summarize'\ntext = 'Children in a field at night.'\n";
    let (run, place) = recalled(&format!("default = 'Sure.'\n{DESCRIPTIONS}{answers}"), 3);
    run.ended(0);
    let figures = figures(&place);
    assert_eq!((&figures["images"], &figures["validity"]), (&3.into(), &json!([])));
    let share = |topic: &str, figure: &str| {
        let share = &figures["by_topic"][topic][figure];
        (share["numerator"].as_u64().unwrap(), share["denominator"].as_u64().unwrap())
    };
    assert_eq!(share("colours", "self_consistency"), (3, 3));
    assert_eq!(share("people", "self_consistency"), (3, 3));
    assert_eq!(share("scene", "self_consistency"), (5, 6), "night was not described");
    assert_eq!(share("colours", "contradiction"), (0, 3));
    assert_eq!(share("people", "contradiction"), (0, 3));
    assert_eq!(share("scene", "contradiction"), (0, 0));
}

#[test]
fn a_model_that_contradicts_itself_is_found_out_and_its_result_is_valid() {
    let script = format!(
        "default = 'Sure.'\n{DESCRIPTIONS}\
        [[answer]]\nquestion = 'colors'\nhistory = 'Sure.'\ntext = 'Purple.'\n\
        [[answer]]\nquestion = 'colors'\ntext = 'Red.'\n\
        [[answer]]\nquestion = 'people'\nhistory = 'Sure.'\ntext = 'No, nobody.'\n\
        [[answer]]\nquestion = 'people'\ntext = 'Yes.'\n"
    );
    let (run, place) = recalled(&script, 2);
    let run = run.ended(0);
    for topic in ["colours", "people"] {
        let contradiction = &figures(&place)["by_topic"][topic]["contradiction"];
        assert_eq!(
            (&contradiction["numerator"], &contradiction["denominator"], &contradiction["value"]),
            (&2.into(), &2.into(), &1.0.into()),
            "{topic}"
        );
    }
    let agreement = &figures(&place)["by_topic"]["people"]["self_consistency"];
    assert_eq!((&agreement["numerator"], &agreement["denominator"]), (&1.into(), &2.into()));
    assert!(run.stdout.contains("contradicts the first"), "{run:#?}");
    let results = place.results();
    let questions = &results["models"][0]["questions"];
    let contradicts = each(questions, "contradicts");
    assert_eq!(contradicts.iter().filter(|it| **it == &Value::Bool(true)).count(), 4);
}

#[test]
fn one_description_for_different_photos_is_invalid_and_no_low_score() {
    let (run, place) = recalled("default = 'A red car.'\n", 3);
    let run = run.ended(1);
    assert_eq!(reasons(&place), ["identical_description"]);
    let figures = figures(&place);
    assert_eq!(figures["descriptions"]["identical"], 3);
    let agreement = &figures["by_topic"]["colours"]["self_consistency"];
    assert_eq!((&agreement["value"], &agreement["denominator"]), (&Value::Null, &3.into()));
    let told = "identical: 3 of 3 descriptions equal that of another image";
    assert!(run.stdout.contains(told) && run.stdout.contains("INVALID"), "{run:#?}");
}

#[test]
fn copies_of_one_photo_may_share_a_description() {
    let place = Place::new();
    for name in ["a.png", "b.png"] {
        place.write(&format!("photos/{name}"), "the same");
    }
    let model = place.scripted("model", "default = 'A red car.'\n");
    let fixed = ["context", "--dataset", "recall", "--images", "photos", "--distractors", "0"];
    place.run(&[&fixed[..], &["--output", "out", "--models", &model]].concat()).ended(0);
    assert_eq!(figures(&place)["descriptions"]["identical"], 0);
}

#[test]
fn a_model_that_says_its_prompt_back_is_invalid() {
    let (run, place) = recalled("[[answer]]\necho = true\n", 2);
    run.ended(1);
    // Two echoes are equal as well.
    assert_eq!(reasons(&place), ["echoed_description", "identical_description"]);
    let figures = figures(&place);
    assert_eq!(figures["descriptions"]["echo"], 2);
    assert_eq!(figures["by_topic"]["people"]["replies"]["echo"], 4);
    assert_eq!(figures["by_topic"]["people"]["self_consistency"]["denominator"], 0);
}

#[test]
fn a_model_that_says_nothing_is_invalid() {
    let (run, place) = recalled("[[answer]]\nempty = true\n", 2);
    run.ended(1);
    assert_eq!(reasons(&place), ["empty_description"]);
    assert_eq!(figures(&place)["by_topic"]["scene"]["replies"]["empty"], 4);
    let results = place.results();
    assert!(each(&results["models"][0]["questions"], "said").iter().all(|it| *it == "empty"));
}

#[test]
fn a_photo_that_cannot_be_described_fails_alone_and_makes_the_result_incomplete() {
    let script = format!("[[answer]]\nshown = '2.png'\nimage_error = 'no head'\n{DESCRIPTIONS}");
    let (run, place) = recalled(&format!("default = 'Sure.'\n{script}"), 2);
    let run = run.ended(1);
    assert_eq!(reasons(&place), ["calls"]);
    let outcomes = &place.results()["models"][0]["summary"]["outcomes"];
    assert_eq!((&outcomes["answered"], &outcomes["error"]), (&10.into(), &1.into()));
    assert_eq!(outcomes["skipped"], 9);
    assert!(run.stdout.contains("calls: 10 of 20 model calls gave a reply"), "{run:#?}");
}

#[test]
fn a_description_that_never_ends_its_conversation_is_cut_at_the_limit_and_still_compared() {
    let place = Place::new();
    place.write("photos/1.png", "1");
    let model = place.scripted("model", "default = 'A red car on a blue road.'\n");
    let fixed = ["context", "--dataset", "recall", "--images", "photos", "--distractors", "0"];
    let more = ["--max-tokens", "3", "--output", "out", "--models", &model];
    place.run(&[&fixed[..], &more].concat()).ended(0);
    let results = place.results();
    let questions = &results["models"][0]["questions"];
    assert!(each(questions, "raw").iter().all(|raw| *raw == "A red car "));
    let agreement = &each(questions, "agreement")[1];
    assert_eq!(**agreement, json!({ "described": 1, "said": 1 }));
}
