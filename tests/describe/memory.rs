//! The shipped model on the shipped images: clean-ups every three images, memory around each.

use serde_json::Value;

use crate::support::{Place, each};

/// `count` images of `datasets/shapes` described by the shipped `smolvlm_tiny`.
fn described(count: &str, more: &[&str]) -> (String, Place) {
    let place = Place::new();
    let run = place.run(&[&["describe", "-n", count, "--output", "out"][..], more].concat());
    (run.ended(0).stdout, place)
}

fn before_questions(place: &Place) -> Vec<Value> {
    let events = place.events_named("cleaned_up");
    events.iter().map(|event| event["record"]["before_question"].clone()).collect()
}

#[test]
fn memory_is_cleaned_up_every_three_images_and_at_the_end() {
    let (_, place) = described("8", &[]);
    assert_eq!(before_questions(&place), [4.into(), 7.into(), Value::Null]);
    let events = place.course();
    let clean_up = events.iter().position(|it| it["event"] == "cleaned_up").unwrap();
    let before = &events[clean_up - 1];
    assert_eq!((&before["event"], &before["position"]), (&"question_started".into(), &4.into()));
    assert_eq!(events[clean_up]["record"]["reason"], "scheduled");
}

#[test]
fn how_often_is_chosen() {
    assert_eq!(
        before_questions(&described("4", &["--cleanup-every", "2"]).1),
        [3.into(), Value::Null]
    );
}

#[test]
fn each_image_has_its_memory_before_after_and_after_the_clean_up_that_followed() {
    let (table, place) = described("4", &[]);
    let model = &place.results()["models"][0];
    let (questions, cleanups) = (&model["questions"], &model["cleanups"]);
    let costs = model["summary"]["by_image"].as_array().unwrap();
    let of = |value: &Value| value.as_u64().unwrap();
    assert_eq!(costs.len(), 4);
    for (cost, question) in costs.iter().zip(questions.as_array().unwrap()) {
        let memory = &question["memory"];
        let before = of(&memory["active_before_bytes"]) + of(&memory["cache_before_bytes"]);
        let after = of(&memory["active_bytes"]) + of(&memory["cache_bytes"]);
        assert_eq!((of(&cost["before_bytes"]), of(&cost["after_bytes"])), (before, after));
        assert!(of(&memory["active_before_bytes"]) >= of(&memory["baseline_bytes"]), "{memory}");
        assert_eq!(cost["load_ms"], question["timings_ms"]["preprocess"]);
        assert!(cost["load_ms"].as_f64() > Some(0.0) && cost["tokens_per_second"].is_f64());
    }
    let left =
        |cleanup: &Value| of(&cleanup["active_after_bytes"]) + of(&cleanup["cache_after_bytes"]);
    assert_eq!(costs[2]["after_cleanup_bytes"], left(&cleanups[0]));
    assert_eq!(costs[3]["after_cleanup_bytes"], left(&cleanups[1]));
    assert!(costs[0]["after_cleanup_bytes"].is_null() && costs[1]["after_cleanup_bytes"].is_null());
    // What the images before left behind is gone before the fourth.
    assert_eq!(costs[3]["before_bytes"], costs[2]["after_cleanup_bytes"]);
    assert!(of(&costs[2]["after_bytes"]) > left(&cleanups[0]));
    for heading in ["load", "before", "after", "cleaned up"] {
        assert!(table.contains(heading), "{table}");
    }
}

#[test]
fn the_shipped_model_mentions_its_own_images_facts_and_takes_text_alone() {
    let (_, place) = described("12", &[]);
    let summary = &place.results()["models"][0]["summary"];
    assert_eq!((&summary["described"], &summary["checks"]["empty"]), (&12.into(), &0.into()));
    let share = |field: &str| summary["recall"][field].as_f64().unwrap();
    assert!(share("share") > 0.8 && share("share") > share("of_next_image") + 0.3, "{summary}");
    assert_eq!(summary["text_only"]["answered"], 3);
    let results = place.results();
    let images = each(&results["models"][0]["questions"], "image");
    let distinct: std::collections::HashSet<_> = images.iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), 13, "twelve images and null");
}
