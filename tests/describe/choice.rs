//! Which images are described, and how they are asked about.

use crate::support::{Place, Small, each, fixture};

const SCRIPT: &str = "default = 'A red circle.'\n[[answer]]\necho = true\nquestion = 'Say'\n";

fn place() -> (Place, String) {
    let place = Place::new();
    let model = place.scripted("model", SCRIPT);
    (place, model)
}

#[test]
fn the_images_of_a_folder_are_described_in_order_of_name() {
    let (place, model) = place();
    for name in ["b.jpg", "a.png", "c.txt", ".d.png"] {
        place.write(&format!("photos/{name}"), name);
    }
    let arguments = ["describe", "--images", "photos", "--output", "out", "--models", &model];
    place.run(&arguments).ended(0);
    let results = place.results();
    let images = each(&results["models"][0]["questions"], "image");
    assert_eq!(images[..2], ["photos/a.png", "photos/b.jpg"]);
    assert_eq!(results["provenance"]["dataset"]["name"], "photos");
    assert_eq!(results["run"]["suite"], "describe");
    assert_eq!(results["run"]["max_tokens"], 100);
}

#[test]
fn every_image_of_a_dataset_is_described_once_with_what_its_answers_name() {
    let (place, model) = place();
    let mut small = Small::of(4);
    for (question, image) in small.questions.iter_mut().zip([1, 1, 2, 2]) {
        question["image_id"] = image.into();
    }
    small.questions[1]["question"] = "What color is the circle?".into();
    for (annotation, image) in small.annotations.iter_mut().zip([1, 1, 2, 2]) {
        annotation["image_id"] = image.into();
    }
    for answer in small.annotations[1]["answers"].as_array_mut().unwrap() {
        answer["answer"] = "red".into();
    }
    small.write(&place.path("small"));
    let arguments = ["vlm", "--dataset", "small", "--output", "out", "--models", &model];
    place.run(&arguments).ended(0);
    let model = &place.results()["models"][0];
    let images: Vec<_> =
        each(&model["questions"], "image").into_iter().filter(|it| !it.is_null()).collect();
    assert_eq!(images.len(), 2);
    let facts = &model["questions"][0]["facts"];
    assert_eq!(
        *facts,
        serde_json::json!([{ "question": "What color is the circle?", "stated_by": ["red"] }])
    );
    assert_eq!(model["questions"][0]["mentioned"], serde_json::json!([true]));
    assert_eq!(model["questions"][1]["facts"], serde_json::json!([]));
    assert_eq!(model["summary"]["recall"]["share"], 1.0);
}

#[test]
fn the_prompt_and_the_number_of_images_can_be_chosen() {
    let (place, model) = place();
    for name in ["a.png", "b.png", "c.png"] {
        place.write(&format!("photos/{name}"), name);
    }
    let fixed = ["describe", "--images", "photos", "--output", "out", "--models", &model];
    let chosen = ["--prompt", "Say what you see.", "-n", "2", "--cleanup-every", "0"];
    place.run(&[&fixed[..], &chosen].concat()).ended(0);
    let results = place.results();
    let questions = &results["models"][0]["questions"];
    assert_eq!(each(questions, "raw")[..2], ["Say what you see."; 2]);
    assert_eq!(questions.as_array().unwrap().len(), 5);
    assert_eq!(results["run"]["cleanup"], "never");
    assert_eq!(results["provenance"]["dataset"]["total_questions"], 3);
}

#[test]
fn a_folder_that_cannot_be_described_is_a_usage_error() {
    let (place, model) = place();
    place.write("empty/notes.txt", "");
    for folder in ["empty", "nowhere", "empty/notes.txt"] {
        let run = place.run(&["describe", "--images", folder, "--models", &model]).ended(2);
        assert!(run.error().contains(folder), "{run:#?}");
    }
    let both = ["describe", "--images", "empty", "--dataset", "shapes", "--models", &model];
    place.run(&both).ended(2);
    place.run(&["describe", "--images", "empty", "--prompt", "", "--models", &model]).ended(2);
}

#[test]
fn an_image_that_cannot_be_read_fails_alone() {
    let place = Place::new();
    place.write("photos/a.png", "not an image");
    let sound = std::fs::read(fixture("images/rgb.png")).unwrap();
    place.write("photos/b.png", sound);
    let model = place.checkpoint(crate::support::TINY);
    let model = model.to_str().unwrap();
    let fixed = ["describe", "--images", "photos", "--output", "out", "--models", model];
    place.run(&[&fixed[..], &["--max-tokens", "4"]].concat()).ended(1);
    let results = place.results();
    let first = &results["models"][0]["questions"][0];
    assert_eq!(first["outcome"], "error");
    assert!(first["message"].as_str().unwrap().contains("a.png"), "{first}");
    assert_eq!(results["models"][0]["summary"]["outcomes"]["error"], 1);
}
