//! An annotated folder is read whole or refused with the place of the flaw.

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

fn folder(annotations: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["kitchen.jpg", "street.jpg"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    fs::write(folder.path().join(ANNOTATIONS), annotations).unwrap();
    folder
}

fn kitchen() -> Value {
    json!({
        "image": "kitchen.jpg",
        "description": "A red kettle stands on a stove.",
        "facts": [
            {
                "question": "What color is the kettle?", "options": ["blue", "red"], "answer": "red",
                "topic": "colour", "claims": {"red": ["Red kettle"]}
            },
            {"question": "Is there a dog?", "options": ["yes", "no"], "answer": "no", "absent": true}
        ],
        "distractors": ["What is the capital of France?", "Do you cook?"]
    })
}

fn street() -> Value {
    json!({
        "image": "street.jpg",
        "description": "A street.",
        "facts": [{"question": "Day or night?", "options": ["day", "night"], "answer": "day"}]
    })
}

/// What is said of the kitchen after `change`, without the file's name.
fn refusal(change: impl FnOnce(&mut Value)) -> String {
    let mut entry = kitchen();
    change(&mut entry);
    let folder = folder(&json!([entry]).to_string());
    let text = read(folder.path(), 1, 0).unwrap_err().to_string();
    text.replace(&folder.path().display().to_string(), "DIR")
}

#[test]
fn every_field_arrives() {
    let folder = folder(&json!([kitchen(), street()]).to_string());
    let scenarios = read(folder.path(), 1, 3).unwrap();
    let [kitchen, street] = &scenarios[..] else { panic!("{scenarios:?}") };
    assert_eq!(kitchen.image, ScenarioImage::File(folder.path().join("kitchen.jpg")));
    assert_eq!(kitchen.image_file(Path::new("unused")).unwrap(), folder.path().join("kitchen.jpg"));
    assert_eq!((kitchen.id, kitchen.gold.as_str()), (1, "A red kettle stands on a stove."));
    let [colour, dog] = &kitchen.facts[..] else { panic!("{kitchen:?}") };
    assert_eq!((colour.id, colour.topic.as_str(), colour.answer), (1000, "colour", 1));
    assert_eq!((&colour.options[..], colour.absent), (&["blue".into(), "red".into()][..], None));
    assert_eq!(colour.claims, [vec![], vec!["red kettle".to_owned()]]);
    assert_eq!((dog.id, dog.topic.as_str(), dog.absent), (1001, "presence", Some(true)));
    assert_eq!(dog.question, "Is there a dog?");
    assert_eq!((street.id, street.facts[0].id, street.facts[0].topic.as_str()), (2, 2000, "other"));
}

#[test]
fn the_turns_of_an_entry_come_before_drawn_ones() {
    let folder = folder(&json!([kitchen(), street()]).to_string());
    let read = |turns| read(folder.path(), 1, turns).unwrap();
    let three = read(3);
    assert_eq!(three[0].distractors[..2], ["What is the capital of France?", "Do you cook?"]);
    assert!(three.iter().all(|scenario| scenario.distractors.len() == 3));
    for (fewer, more) in read(1).iter().zip(&three) {
        assert_eq!(fewer.distractors[..], more.distractors[..1]);
    }
}

#[test]
fn a_flaw_is_named_with_file_entry_and_field() {
    for (refusal, wanted) in [
        (refusal(|e| e["image"] = json!("none.jpg")), "image: no file DIR/none.jpg"),
        (refusal(|e| e["description"] = json!(" ")), "description: is empty"),
        (refusal(|e| e["facts"] = json!([])), "facts: must hold 1 to 1000"),
        (refusal(|e| e["distractors"][1] = json!("")), "distractors: is empty"),
        (
            refusal(|e| e["facts"][0]["answer"] = json!("green")),
            "fact 1, answer: `green` is none of the options (blue, red)",
        ),
        (refusal(|e| e["facts"][1]["question"] = json!("")), "fact 2, question: is empty"),
        (refusal(|e| e["facts"][1] = e["facts"][0].clone()), "fact 2, question: is asked before"),
        (
            refusal(|e| e["facts"][0]["options"] = json!(["red"])),
            "fact 1, options: must hold at least two answers",
        ),
        (
            refusal(|e| e["facts"][0]["options"] = json!(["red", "Red"])),
            "fact 1, options: `Red` is there twice",
        ),
        (
            refusal(|e| e["facts"][0]["claims"] = json!({"pink": ["pink kettle"]})),
            "fact 1, claims: `pink` is none of the options (blue, red)",
        ),
        (refusal(|e| e["facts"][0]["claims"] = json!({"red": [""]})), "fact 1, claims: is empty"),
        (refusal(|e| e["facts"][0]["topic"] = json!("")), "fact 1, topic: is empty"),
        (
            refusal(|e| e["facts"][0]["absent"] = json!(true)),
            "fact 1, absent: needs the options `yes` and `no`",
        ),
        (
            refusal(|e| e["facts"][1]["absent"] = json!(false)),
            "fact 2, absent: is false: the answer must be `yes`",
        ),
    ] {
        assert_eq!(refusal, format!("DIR/context.json, entry 1, {wanted}"));
    }
    let twice = folder(&json!([kitchen(), kitchen()]).to_string());
    let text = read(twice.path(), 1, 0).unwrap_err().to_string();
    assert!(
        text.ends_with("entry 2, image: is that of entry 1; list all its facts there"),
        "{text}"
    );
}

#[test]
fn a_field_that_is_unknown_or_missing_is_named_with_its_line() {
    let unknown = refusal(|e| e["facts"][0]["hint"] = json!("look"));
    assert!(unknown.starts_with("DIR/context.json, line 1, column "), "{unknown}");
    assert!(unknown.contains("unknown field `hint`") && !unknown.contains("at line"), "{unknown}");
    let missing = refusal(|e| drop(e.as_object_mut().unwrap().remove("description")));
    assert!(missing.ends_with("missing field `description`"), "{missing}");
}

#[test]
fn a_folder_without_scenarios_says_what_is_missing() {
    let bare = tempfile::tempdir().unwrap();
    let text = read(bare.path(), 1, 0).unwrap_err().to_string();
    assert!(text.contains("holds no context.json"), "{text}");
    let empty = folder("[]");
    let text = read(empty.path(), 1, 0).unwrap_err().to_string();
    assert!(text.ends_with("context.json lists no scenario"), "{text}");
    let file = bare.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(read(&file, 1, 0), Err(DatasetError::NotAFolder(_))));
}

#[test]
fn the_example_of_the_documentation_can_be_read() {
    let text = include_str!("../../../../docs/context.md");
    let (_, rest) = text.split_once("```json\n").unwrap();
    let folder = folder(rest.split_once("```").unwrap().0);
    let scenarios = read(folder.path(), 1, 2).unwrap();
    assert_eq!((scenarios.len(), scenarios[0].facts.len()), (1, 2));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in ".*", cut in 0_usize..400) {
        let whole = json!([kitchen()]).to_string();
        let cut = whole.get(..cut).unwrap_or(&whole);
        for text in [&text, cut] {
            let folder = folder(text);
            if let Ok(scenarios) = read(folder.path(), 1, 2) {
                prop_assert!(scenarios.iter().all(|s| s.distractors.len() == 2));
            }
        }
    }
}
