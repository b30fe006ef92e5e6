//! Which photos are recalled, and what is asked about them.

use serde_json::{Value, json};

use crate::support::{Place, each};

fn place() -> (Place, String) {
    let place = Place::new();
    let model = place.scripted("model", "default = 'A red circle.'\n");
    for name in ["b.jpg", "a.png", "c.webp", "notes.txt", ".d.png"] {
        place.write(&format!("photos/{name}"), name);
    }
    (place, model)
}

fn recall<'a>(model: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["context", "--dataset", "recall", "--output", "out", "--models", model];
    [&fixed[..], more].concat()
}

#[test]
fn the_photos_of_a_folder_are_described_and_recalled_in_order_of_name() {
    let (place, model) = place();
    let chosen = ["--images", "photos", "--scenarios", "2", "--distractors", "3,1"];
    place.run(&recall(&model, &chosen)).ended(1);
    let results = place.results();
    let questions = results["models"][0]["questions"].as_array().unwrap();
    // A description, three turns, three questions twice, one of them repeated.
    assert_eq!(questions.len(), 2 * 11);
    let (of_a, of_b) = questions.split_at(11);
    assert!(of_a.iter().all(|it| it["image"] == "photos/a.png" && it["photo"] == 1));
    assert!(of_b.iter().all(|it| it["image"] == "photos/b.jpg" && it["photo"] == 2));
    let parts: Vec<_> = of_a.iter().map(|it| it["part"].as_str().unwrap()).collect();
    let probes = ["probe"; 3];
    let expected = [&["describe", "turn"], &probes[..], &["turn", "turn"], &probes, &["repeat"]];
    assert_eq!(parts, expected.concat());
    let asked: Vec<_> = of_a[2..5].iter().map(|it| (&it["topic"], &it["question"])).collect();
    assert_eq!(asked[0].0, "colours");
    assert_eq!(asked[1], (&"people".into(), &"Are there any people in the image?".into()));
    assert_eq!(asked[2], (&"scene".into(), &"Summarize the scene in one sentence.".into()));
    assert_eq!(of_a[0]["question"], "Describe this image in extreme detail.");
    let again: Vec<_> = of_a.iter().filter(|it| it["again"] == true).collect();
    assert!(again.len() == 4 && again.iter().all(|it| it["distractors"] == 3));
    let dataset = &results["provenance"]["dataset"];
    assert_eq!((&dataset["name"], &dataset["root"]), (&"photos".into(), &"photos".into()));
    let (total, selected) = (&dataset["total_questions"], &dataset["selected_questions"]);
    assert_eq!((total, selected), (&3.into(), &2.into()));
    let asked = json!({ "scenarios": 2, "facts": 0, "conditions": ["A"], "distractors": [1, 3] });
    assert_eq!((&results["run"]["suite"], &results["run"]["context"]), (&"recall".into(), &asked));
}

#[test]
fn without_a_folder_the_images_of_the_shipped_dataset_are_recalled() {
    let (place, model) = place();
    place.run(&recall(&model, &["--scenarios", "2", "--distractors", "0"])).ended(1);
    let results = place.results();
    let dataset = &results["provenance"]["dataset"];
    assert_eq!((&dataset["name"], &dataset["total_questions"]), (&"shapes".into(), &120.into()));
    let photos: Vec<Value> =
        each(&results["models"][0]["questions"], "image").into_iter().cloned().collect();
    assert_eq!(photos.len(), 2 * 5);
    assert!(photos[..5].iter().all(|photo| *photo == photos[0]) && photos[5] != photos[0]);
}

#[test]
fn options_that_do_not_fit_together_are_wrong_usage() {
    let (place, model) = place();
    let run = place.run(&["context", "--images", "photos", "--models", &model]).ended(2);
    assert!(run.error().contains("--images goes with --dataset recall"), "{run:#?}");
    for option in ["--facts=3", "--conditions=S", "--prompt-suffix=Now."] {
        let run = place.run(&recall(&model, &["--images", "photos", option])).ended(2);
        let (name, _) = option.split_once('=').unwrap();
        assert!(run.error().starts_with(&format!("{name} does not apply")), "{run:#?}");
    }
    place.write("empty/notes.txt", "");
    for folder in ["empty", "nowhere"] {
        let run = place.run(&recall(&model, &["--images", folder])).ended(2);
        assert!(run.error().contains(folder), "{run:#?}");
    }
    assert!(!place.path("out").exists());
}
