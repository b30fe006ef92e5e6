//! `vlm-test plan` through the real binary.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "other tests use the rest")]
mod support;

use serde_json::Value;
use support::{Place, TINY};

fn planned(place: &Place, arguments: &[&str]) -> Value {
    place.run(&[&["plan", "--json"][..], arguments].concat()).ended(0).json()
}

#[test]
fn a_checkpoint_is_planned_before_it_is_loaded_as_it_then_answers() {
    let place = Place::new();
    place.checkpoint(TINY);
    let image = image::RgbImage::from_pixel(150, 40, image::Rgb([9; 3]));
    image.save(place.path("image.png")).unwrap();
    let plan = planned(&place, &["--models", TINY, "--image-size", "150x40"]);
    let model = &plan["models"][0];
    let arguments =
        ["ask", "--model", TINY, "--image", "image.png", "--json", "--max-tokens", "2", "Why?"];
    let answer = place.run(&arguments).ended(0).json();
    assert_eq!(model["vision_tokens"], answer["usage"]["image_tokens"]);
    let forms = model["forms"].as_array().unwrap();
    let weights = |at: usize| forms[at]["weight_bytes"].as_u64().unwrap();
    assert_eq!((weights(0), weights(1)), (weights(1), 2 * weights(2)));
    assert!(weights(2) >= weights(3) && weights(3) >= weights(4));
    assert_eq!(forms[0]["chosen"], true);
    assert_eq!(model["changes"], Value::Array(Vec::new()));
    assert!(plan["machine"]["budget_bytes"].as_u64().unwrap() > 0);
}

#[test]
fn what_does_not_fit_says_what_to_change_until_it_does() {
    let place = Place::new();
    let plan =
        |budget: &str| planned(&place, &["--models", "smolvlm_tiny", "--memory-budget", budget]);
    let forms = plan("8GB")["models"][0]["forms"].clone();
    let float16 = forms[2]["peak_bytes"].as_u64().unwrap();
    let tight = plan(&format!("{float16}B"));
    let (model, changes) = (&tight["models"][0], &tight["models"][0]["changes"]);
    assert_eq!(model["forms"][0]["fits"], false);
    assert_eq!(changes.as_array().unwrap().len(), 1);
    assert_eq!(changes[0]["change"], "load it with --dtype float16");
    assert_eq!(
        (&changes[0]["fits"], &changes[0]["peak_bytes"]),
        (&Value::Bool(true), &float16.into())
    );
    let run = place.run(&["plan", "--models", "smolvlm_tiny", "--memory-budget", "1kB"]).ended(0);
    assert!(run.stdout.contains("Nothing of this is enough"), "{}", run.stdout);
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 100), "{}", run.stdout);
}

#[test]
fn a_model_that_is_not_here_is_named_and_the_others_are_planned() {
    let place = Place::new();
    place.checkpoint(TINY);
    let run = place.run(&["plan", "--models", "llava,phi35_vision", TINY]).ended(0);
    assert!(run.stdout.contains(TINY) && !run.stdout.contains("llava"), "{}", run.stdout);
    assert!(run.stderr.contains("vlm-test models pull llava"), "{}", run.stderr);
    let run = place.run(&["plan", "--models", "llava"]).ended(3);
    assert!(run.stderr.contains("vlm-test models pull llava"), "{}", run.stderr);
}

#[test]
fn wrong_usage_is_told_by_name() {
    let place = Place::new();
    for (arguments, expected) in [
        (&["plan", "--image-size", "640"][..], "such as 640x480"),
        (&["plan", "--memory-budget", "much"], "--memory-budget"),
        (&["plan", "--models", "nothing_at_all"], "nothing_at_all"),
    ] {
        let run = place.run(arguments).ended(2);
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    }
}

#[test]
fn quantised_weights_are_not_converted() {
    let place = Place::new();
    place.checkpoint("llava_next_4bit_mixed");
    let run =
        place.run(&["plan", "--models", "llava_next_4bit_mixed", "--dtype", "float16"]).ended(3);
    assert!(run.stderr.contains("leave out --dtype"), "{}", run.stderr);
}

#[test]
fn without_names_every_model_that_is_here_is_planned_and_the_others_are_named_in_one_line() {
    let place = Place::new();
    let run = place.run(&["plan"]).ended(0);
    assert!(run.stdout.contains("smolvlm_tiny:"), "{run:#?}");
    let told: Vec<_> = run.stderr.lines().collect();
    assert_eq!(told.len(), 1, "{run:#?}");
    assert!(told[0].starts_with("not on this machine and not planned: llava, "), "{run:#?}");
}
