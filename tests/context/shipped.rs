//! The shipped model: what it retains is measured, its prompts are read back, and caches change
//! nothing.

use serde_json::Value;

use crate::{
    script::{failed_checks, figures},
    support::Place,
};

const ARGUMENTS: [&str; 9] = [
    "context",
    "--scenarios",
    "4",
    "--distractors",
    "0,2",
    "--max-tokens",
    "60",
    "--output",
    "out",
];

fn steps(place: &Place) -> Vec<Value> {
    place.results()["models"][0]["questions"].as_array().unwrap().clone()
}

fn tokens(step: &Value, kind: &str) -> u64 {
    step["usage"][kind].as_u64().unwrap()
}

#[track_caller]
fn assert_every_prompt_is_complete(steps: &[Value]) {
    for step in steps {
        let history = &step["history"];
        assert!(history["turns"].as_u64() >= Some(1), "{step:#}");
        assert_eq!(history["turns_found"], history["turns"], "{step:#}");
        assert_eq!(history["images_found"], history["images"], "{step:#}");
        assert_eq!(history["images_match"], true, "{step:#}");
        let has_image = ["S", "A", "X"].iter().any(|it| step["condition"] == *it)
            || step["part"] == "describe"
            || step["part"] == "turn";
        assert_eq!(
            (history["images"] == 1, tokens(step, "image_tokens") > 0),
            (has_image, has_image)
        );
    }
}

#[track_caller]
fn assert_images_come_from_the_cache(steps: &[Value]) {
    let mut probes = steps.iter().filter(|step| step["condition"] == "A").peekable();
    assert!(probes.peek().is_some());
    for step in probes {
        assert!(tokens(step, "cached_tokens") > tokens(step, "image_tokens"), "{step:#}");
        assert_eq!(step["timings_ms"]["vision"], 0.0);
    }
}

/// What was said and weighed, and by how many tokens.
fn answers(steps: &[Value]) -> Vec<Value> {
    let fields = ["raw", "finish_reason", "parse", "weighed", "option_logprobs", "same_again"];
    let answer = |step: &Value| {
        let mut said: Vec<_> = fields.iter().map(|field| step[field].clone()).collect();
        said.push(step["usage"]["completion_tokens"].clone());
        Value::Array(said)
    };
    steps.iter().map(answer).collect()
}

#[test]
fn the_shipped_model_sees_and_retains_and_caches_do_not_change_a_word() {
    let place = Place::new();
    let run = place.run(&ARGUMENTS).ended(0);
    let cached = steps(&place);
    assert_every_prompt_is_complete(&cached);
    assert_images_come_from_the_cache(&cached);
    let figures = figures(&place);
    assert_eq!(failed_checks(&figures), [""; 0]);
    let evidence = &figures["evidence"];
    assert_eq!(
        (&evidence["made_calls"], &evidence["checked_prompts"]),
        (&evidence["expected_calls"], &evidence["expected_calls"])
    );
    for scorer in ["strict", "weighed"] {
        let accuracy = |condition: &str| {
            figures[scorer]["by_condition"][condition]["accuracy"]["value"].as_f64().unwrap()
        };
        let [seen, kept, guessed] = ["S", "A", "N"].map(accuracy);
        assert!(seen > guessed + 0.3 && kept > guessed + 0.2, "{scorer}: {seen} {kept} {guessed}");
        let retention = &figures[scorer]["retention"];
        let of = |field: &str| retention[field].as_f64().unwrap();
        assert!(
            of("correct_in_s") >= 10.0 && of("value") == of("correct_in_both") / of("correct_in_s")
        );
        let [low, high] = ["low", "high"].map(|end| retention["interval"][end].as_f64().unwrap());
        assert!(low <= of("value") && of("value") <= high && low < high, "{retention}");
    }
    assert!(run.stdout.contains("facts seen are still known"), "{run:#?}");

    let uncached = Place::new();
    uncached.run(&[&ARGUMENTS[..], &["--no-cache"]].concat()).ended(0);
    let anew = steps(&uncached);
    assert!(anew.iter().all(|step| tokens(step, "cached_tokens") == 0));
    assert_every_prompt_is_complete(&anew);
    assert_eq!(answers(&anew), answers(&cached));
    assert_eq!(self::figures(&uncached), figures);
}
