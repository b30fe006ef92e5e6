//! Clean-ups and memory figures of a run.

use serde_json::Value;

use crate::support::{Place, Small, TINY};

/// What the clean-ups of a run were made before; null at the model's end.
fn before(place: &Place) -> Vec<Value> {
    let events = place.events_named("cleaned_up");
    events.iter().map(|event| event["record"]["before_question"].clone()).collect()
}

#[test]
fn memory_is_cleared_before_questions_6_11_and_16_and_at_the_end() {
    let place = Place::with_questions(17);
    let model = place.checkpoint(TINY);
    let run = place.vqa(&[model.to_str().unwrap()], &["-n", "17", "--max-tokens", "2"]);
    assert!(matches!(run.status, Some(0 | 1)), "{run:#?}");
    assert_eq!(before(&place), [6.into(), 11.into(), 16.into(), Value::Null]);
    for event in place.events_named("cleaned_up") {
        let record = &event["record"];
        assert_eq!(record["cache_after_bytes"], 0);
        assert_eq!(record.get("error"), None);
        assert!(record["freed_bytes"].as_u64() > Some(0), "{record}");
        assert!(record["duration_ms"].as_f64() > Some(0.0), "{record}");
        let scheduled = !record["before_question"].is_null();
        assert_eq!(record["reason"], if scheduled { "scheduled" } else { "model_end" });
    }
    let model = &place.results()["models"][0];
    assert_eq!(model["cleanups"].as_array().unwrap().len(), 4);
    assert_eq!(model["summary"]["cleanups"]["count"], 4);
    assert_eq!(model["summary"]["cleanups"]["failures"], 0);
    assert!(model["summary"]["cleanups"]["share_of_run"].is_f64());
    assert!(run.stdout.contains("% of the time"), "{run:#?}");
}

#[test]
fn a_clean_up_stands_between_the_start_and_the_end_of_its_question() {
    let place = Place::with_questions(7);
    let model = place.scripted("model", "default = 'yes'");
    place.vqa(&[&model], &["-n", "7", "--cleanup-every", "3"]).ended(0);
    let events = place.course();
    let at = events.iter().position(|event| event["event"] == "cleaned_up").unwrap();
    assert_eq!(events[at]["record"]["before_question"], 4);
    assert_eq!(
        (&events[at - 1]["event"], &events[at - 1]["position"]),
        (&"question_started".into(), &4.into())
    );
    assert_eq!(events[at + 1]["event"], "question_finished");
    assert_eq!(before(&place), [4.into(), 7.into(), Value::Null]);
}

#[test]
fn never_means_at_the_end_only() {
    let place = Place::with_questions(12);
    let model = place.scripted("model", "default = 'yes'");
    place.vqa(&[&model], &["-n", "12", "--cleanup-every", "0"]).ended(0);
    assert_eq!(before(&place), [Value::Null]);
    assert_eq!(place.results()["run"]["cleanup"], "never");
}

#[test]
fn a_question_that_is_not_asked_does_not_take_its_clean_up_along() {
    let place = Place::new();
    let mut small = Small::of(7);
    small.images.remove(5);
    small.write(&place.path("small"));
    let model = place.scripted("model", "default = 'yes'");
    place.vqa(&[&model], &["-n", "7"]).ended(1);
    assert_eq!(before(&place), [6.into(), Value::Null]);
}

#[test]
fn every_model_of_a_run_is_cleaned_up_at_its_end() {
    let place = Place::with_questions(6);
    let models = ["a", "b"].map(|name| place.scripted(name, "default = 'yes'"));
    place.vqa(&[&models[0], &models[1]], &["-n", "6"]).ended(0);
    assert_eq!(before(&place), [6.into(), Value::Null, 6.into(), Value::Null]);
}

#[test]
fn every_question_has_its_own_memory_figures() {
    let place = Place::with_questions(3);
    let model = place.checkpoint(TINY);
    place.vqa(&[model.to_str().unwrap()], &["-n", "3", "--max-tokens", "2"]);
    let model = &place.results()["models"][0];
    let baseline = model["loaded"]["baseline_bytes"].as_u64().unwrap();
    assert!(baseline > 700_000, "the weights alone are that large: {baseline}");
    for question in model["questions"].as_array().unwrap() {
        let of = |field: &str| question["memory"][field].as_u64().unwrap();
        assert_eq!(of("baseline_bytes"), baseline);
        assert!(
            of("active_bytes") >= baseline && of("peak_bytes") > of("active_bytes"),
            "{question}"
        );
        assert_eq!(of("peak_delta_bytes"), of("peak_bytes") - baseline);
        assert!(question["memory"]["cache_bytes"].is_u64());
    }
    assert_eq!(model["summary"]["memory"]["active_growth_bytes"], 0);
}
