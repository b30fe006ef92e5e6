//! Facts about annotated photos.

use serde_json::{Value, json};

use crate::{
    script::{Script, figures},
    support::{Place, fixture},
};

/// A fact with options `red` and `blue`.
fn colour(thing: &str, answer: &str) -> Value {
    json!({
        "question": format!("What color is the {thing}?"),
        "options": ["red", "blue"],
        "answer": answer,
        "topic": "colour",
        "claims": { "red": [format!("red {thing}")], "blue": [format!("blue {thing}")] },
    })
}

fn dog(answer: &str) -> Value {
    json!({
        "question": "Is there a dog?",
        "options": ["yes", "no"],
        "answer": answer,
        "absent": answer == "no",
    })
}

/// Two photos with two facts each.
fn photos(place: &Place) {
    let entries = json!([
        { "image": "a.png", "description": "A red kettle.", "facts": [colour("kettle", "red"), dog("no")],
          "distractors": ["What is for lunch?"] },
        { "image": "b.png", "description": "A dog in a blue car.", "facts": [colour("car", "blue"), dog("yes")] },
    ]);
    place.write("photos/context.json", entries.to_string());
    for name in ["a.png", "b.png"] {
        let image = std::fs::read(fixture("images/rgb.png")).unwrap();
        place.write(&format!("photos/{name}"), [image, name.into()].concat());
    }
}

const SCRIPT: [(&str, &str, &str); 4] = [
    ("a.png", "kettle", "Red."),
    ("a.png", "dog", "No."),
    ("b.png", "car", "It is blue."),
    ("b.png", "dog", "Yes, in the car."),
];

fn run(more: &[&str]) -> (crate::support::Run, Place) {
    let place = Place::new();
    photos(&place);
    let described = Script::new("Soup.")
        .saying(&[("shown", "a.png"), ("question", "Describe")], "I see a red kettle.")
        .saying(&[("shown", "b.png"), ("question", "Describe")], "I see a red car.");
    let script = SCRIPT.iter().fold(described, |script, (image, question, answer)| {
        script.saying(&[("image", image), ("question", question)], answer)
    });
    let model = place.scripted("model", script.text());
    let fixed = ["context", "--dataset", "photos", "--distractors", "1", "--output", "out"];
    (place.run(&[&fixed[..], &["--models", &model], more].concat()), place)
}

#[test]
fn annotated_photos_are_asked_about_as_annotated() {
    let (run, place) = run(&[]);
    run.ended(0);
    let figures = figures(&place);
    let strict = &figures["strict"];
    assert_eq!(
        (&strict["retention"]["correct_in_both"], &strict["retention"]["correct_in_s"]),
        (&json!(4), &json!(4))
    );
    assert!(strict["retention"]["value"].is_null(), "four facts are too few: {strict:#}");
    assert_eq!(
        (&strict["false_memory"]["numerator"], &strict["false_memory"]["denominator"]),
        (&json!(0), &json!(1))
    );
    // It called the blue car red of its own accord.
    let consistency = &strict["self_consistency"];
    assert_eq!((&consistency["numerator"], &consistency["denominator"]), (&json!(1), &json!(2)));
    let results = place.results();
    let steps = results["models"][0]["questions"].as_array().unwrap();
    let turns: Vec<_> = steps.iter().filter(|step| step["part"] == "turn").collect();
    assert_eq!((turns.len(), &turns[0]["question"]), (2, &json!("What is for lunch?")));
    assert!(steps[0]["image"].as_str().unwrap().ends_with("photos/a.png"), "{}", steps[0]);
}

#[test]
fn the_record_says_which_annotations_were_asked() {
    let (_, place) = run(&["--scenarios", "1"]);
    let dataset = &place.results()["provenance"]["dataset"];
    assert_eq!((&dataset["name"], &dataset["root"]), (&json!("photos"), &json!("photos")));
    assert_eq!(
        (&dataset["total_questions"], &dataset["selected_questions"]),
        (&json!(4), &json!(2))
    );
    let annotations = place.path("photos/context.json");
    assert_eq!(
        dataset["annotations_sha256"],
        vlm_test::results::sha256_file(&annotations).unwrap()
    );
}
