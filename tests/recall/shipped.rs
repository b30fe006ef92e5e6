//! The shipped model on the shipped images: its real prompts, clean-ups, and no cache.

use serde_json::Value;

use crate::support::{Place, each};

fn recalled(photos: &str, more: &[&str]) -> Place {
    let place = Place::new();
    let fixed = ["context", "--dataset", "recall", "--output", "out", "--max-tokens", "48"];
    let chosen = ["--distractors", "0,1", "--scenarios", photos];
    place.run(&[&fixed[..], &chosen, more].concat()).ended(0);
    place
}

fn field(place: &Place, name: &str) -> Vec<Value> {
    each(&place.results()["models"][0]["questions"], name).into_iter().cloned().collect()
}

#[test]
fn every_prompt_holds_its_conversation_and_its_photo_and_memory_is_cleaned_up_every_three() {
    let place = recalled("4", &[]);
    let figures = &place.results()["models"][0]["summary"]["recalled"];
    let evidence = &figures["evidence"];
    assert_eq!(evidence["checked_prompts"], 4 * 9);
    assert_eq!((&evidence["repeats"], &evidence["descriptions"]), (&4.into(), &4.into()));
    assert_eq!(figures["validity"], Value::Array(Vec::new()));
    assert_eq!(figures["descriptions"]["said"], 4);
    for history in field(&place, "history") {
        assert_eq!(history["turns"], history["turns_found"]);
        assert_eq!((&history["images_found"], &history["images_match"]), (&1.into(), &true.into()));
    }
    let turns: Vec<_> = field(&place, "history").iter().map(|it| it["turns"].clone()).collect();
    assert_eq!(turns[..9], [1, 3, 3, 3, 3, 5, 5, 5, 5]);
    let cleanups = place.events_named("cleaned_up");
    let before = cleanups.iter().map(|it| it["record"]["before_question"].clone());
    assert_eq!(before.collect::<Vec<_>>(), [28.into(), Value::Null]);
}

#[test]
fn what_is_kept_from_question_to_question_changes_no_answer() {
    let (kept, anew) = (recalled("1", &[]), recalled("1", &["--no-cache"]));
    assert_eq!(field(&kept, "raw"), field(&anew, "raw"));
    let cached = |place: &Place| {
        let usage = field(place, "usage");
        usage.iter().map(|it| it["cached_tokens"].as_u64().unwrap()).sum::<u64>()
    };
    assert!(cached(&kept) > 0 && cached(&anew) == 0);
}
