//! The shipped model on the shipped dataset, as a user meets them: it answers, it
//! describes, it remembers, and an installed program carries both.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "other tests use the rest")]
mod support;

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use crate::support::{Place, Run};

const DATASET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/shapes");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/smolvlm_tiny");

/// What came of all shipped questions.
fn summary_of_all_answers(model: &str) -> Value {
    let arguments =
        ["vqa", "--models", model, "--dataset", DATASET, "--questions", "600", "--json"];
    let results = Place::new().run(&arguments).ended(0).json();
    results["models"][0]["summary"].clone()
}

fn assert_right_in_every_type(summary: &Value) {
    assert_eq!(summary["coverage"]["answered"], 600);
    assert!(summary["accuracy"]["exact_match"].as_f64().unwrap() >= 0.95, "{summary}");
    for (name, group) in summary["by_question_type"].as_object().unwrap() {
        assert!(group["official"].as_f64().unwrap() >= 0.85, "{name}: {group}");
    }
}

#[test]
fn the_llava_in_the_repository_answers_the_held_out_questions_of_every_type() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/models/llava_tiny");
    assert_right_in_every_type(&summary_of_all_answers(model));
}

#[test]
fn the_phi_3_vision_in_the_repository_answers_the_held_out_questions_of_every_type() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/models/phi3v_tiny");
    assert_right_in_every_type(&summary_of_all_answers(model));
}

#[test]
fn the_shipped_model_answers_the_held_out_questions_of_every_type() {
    let summary = summary_of_all_answers(MODEL);
    assert_right_in_every_type(&summary);
    let memory = &summary["memory"];
    assert_eq!(memory["active_growth_bytes"], 0, "{memory}");
}

fn ask(place: &Place, history: &Value, arguments: &[&str]) -> String {
    place.write("history.json", history.to_string());
    let fixed = ["ask", "--model", MODEL, "--history", "history.json", "--json"];
    let answer = place.run(&[&fixed[..], arguments].concat()).ended(0).json();
    answer["answer"].as_str().unwrap().trim().to_owned()
}

fn turn(role: &str, text: &str) -> Value {
    json!({ "role": role, "content": [{ "type": "text", "text": text }] })
}

/// Every 25th shipped question: its image, its text and the answer.
fn sampled_questions() -> Vec<(String, String, String)> {
    let read = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(Path::new(DATASET).join(name)).unwrap()).unwrap()
    };
    let questions = read("v2_OpenEnded_mscoco_test2014_questions.json");
    let annotations = read("v2_mscoco_test2014_annotations.json");
    let images: Vec<_> = fs::read_dir(Path::new(DATASET).join("images")).unwrap().collect();
    let image_of = |id: u64| {
        let stem = format!("COCO_test2014_{id:012}");
        let paths = images.iter().map(|entry| entry.as_ref().unwrap().path());
        paths.into_iter().find(|path| path.file_stem().unwrap() == &*stem).unwrap()
    };
    let pairs = questions["questions"]
        .as_array()
        .unwrap()
        .iter()
        .zip(annotations["annotations"].as_array().unwrap());
    pairs
        .step_by(25)
        .map(|(question, annotation)| {
            assert_eq!(question["question_id"], annotation["question_id"]);
            let image = image_of(question["image_id"].as_u64().unwrap());
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let answer = text(&annotation["multiple_choice_answer"]);
            (image.to_str().unwrap().to_owned(), text(&question["question"]), answer)
        })
        .collect()
}

#[test]
fn the_shipped_model_describes_an_image_and_answers_about_it_some_turns_later() {
    let place = Place::new();
    let questions = sampled_questions();
    let right = questions.iter().filter(|(image, question, answer)| {
        let describe = "Describe the image in one sentence.";
        let description = ask(&place, &json!([]), &["--image", image, describe]);
        assert!(description.ends_with('.') && description.contains("background"), "{description}");
        let history = json!([
            { "role": "user", "content": [{ "type": "image", "path": image }, { "type": "text", "text": describe }] },
            turn("assistant", &description),
            turn("user", "What is the capital of France?"),
            turn("assistant", "Paris"),
            turn("user", "What is 2 plus 3?"),
            turn("assistant", "5"),
        ]);
        ask(&place, &history, &[question]) == **answer
    });
    let (right, total) = (right.count(), questions.len());
    assert!(right * 10 >= total * 9, "{right} of {total} recalled");
}

#[test]
fn an_installed_program_carries_the_model_and_the_dataset() {
    let place = Place::new();
    let program = place.path("vlm-test");
    fs::copy(assert_cmd::cargo::cargo_bin!("vlm-test"), &program).unwrap();
    let mut command = Command::new(&program);
    command.args(["vqa", "--questions", "20", "--json"]).current_dir(place.path("."));
    command.env_clear().env("HOME", place.path("home"));
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let results = Run::of(&mut command).ended(0).json();
    let model = &results["models"][0];
    assert_eq!(model["name"], "smolvlm_tiny");
    assert!(model["path"].as_str().unwrap().contains("home"), "{}", model["path"]);
    assert!(model["summary"]["accuracy"]["official"].as_f64().unwrap() >= 0.95);
}
