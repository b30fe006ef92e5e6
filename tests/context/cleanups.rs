//! Clean-ups every three images, from the journal.

use serde_json::Value;

use crate::{
    script::{Script, Test},
    support::Place,
};

/// Ten images, each with everything asked about it in one piece.
const TEN: Test = Test { scenarios: 10, facts: 2, distractors: ("0,1", 1) };

fn named<'a>(events: &'a [Value], name: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["event"] == name)
}

/// The number of the image, from 1 in the order shown, that each clean-up was made before; none
/// at the model's end. Each must stand between the start and the end of the first step about it.
fn cleaned_before(place: &Place) -> Vec<Option<usize>> {
    let events = place.course();
    let mut shown: Vec<&Value> = Vec::new();
    let mut found = Vec::new();
    for (at, event) in events.iter().enumerate() {
        if event["event"] == "cleaned_up" {
            let before = &event["record"]["before_question"];
            found.push((!before.is_null()).then(|| {
                assert_eq!(events[at - 1]["event"], "question_started");
                assert_eq!(events[at + 1]["event"], "question_finished");
                let started = named(&events[..at], "question_started").count();
                assert_eq!(*before, started, "counted in the order asked");
                let image = &events[at + 1]["result"]["image"];
                assert!(image.is_string() && !shown.contains(&image), "{event} before {image}");
                shown.len() + 1
            }));
        }
        let image = &event["result"]["image"];
        if image.is_string() && !shown.contains(&image) {
            shown.push(image);
        }
    }
    found
}

#[test]
fn memory_is_cleaned_up_before_images_4_7_and_10_and_at_the_end() {
    let (run, place) = TEN.run(Script::of_perfect_memory, &[]);
    run.ended(0);
    assert_eq!(cleaned_before(&place), [Some(4), Some(7), Some(10), None]);
    assert_eq!(place.results()["run"]["cleanup"], serde_json::json!({ "every_images": 3 }));
}

#[test]
fn how_often_is_chosen() {
    let (_, place) = TEN.run(Script::of_perfect_memory, &["--cleanup-every", "5"]);
    assert_eq!(cleaned_before(&place), [Some(6), None]);
    let (_, place) = TEN.run(Script::of_perfect_memory, &["--cleanup-every", "0"]);
    assert_eq!(cleaned_before(&place), [None]);
}

#[test]
fn all_that_is_asked_about_an_image_is_asked_in_one_piece() {
    let (_, place) = TEN.run(Script::of_perfect_memory, &[]);
    let events = place.events();
    let images = named(&events, "question_finished").map(|event| &event["result"]["image"]);
    let mut images: Vec<_> = images.filter(|image| image.is_string()).collect();
    images.dedup();
    assert_eq!(images.len(), 10, "{images:#?}");
}
