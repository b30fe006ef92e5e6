//! What a run does as memory gets short, through the real binary, its worker and its journal; the
//! machine's signals and the model's memory are scripted.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forecast;
mod growth;
mod levels;
mod policies;
mod random;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod support;

use serde_json::Value;

use self::support::{Place, Run};

/// `count` questions to a scripted model.
fn asked(count: u64, script: &str, more: &[&str]) -> (Run, Place) {
    let place = Place::with_questions(count);
    let model = place.scripted("model", script);
    let count = count.to_string();
    let run = place.vqa(&[&model], &[&["-n", &count], more].concat());
    run.assert_no_panic();
    (run, place)
}

/// What each clean-up was made before, why, and at which level.
fn clean_ups(place: &Place) -> Vec<(Option<u64>, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let events = place.events_named("cleaned_up");
    let records = events.iter().map(|event| &event["record"]);
    records
        .map(|it| (it["before_question"].as_u64(), text(&it["reason"]), text(&it["level"])))
        .collect()
}
