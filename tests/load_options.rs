//! `--dtype` and `--num-crops` through the real binary.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "other tests use the rest")]
mod support;

use serde_json::Value;

use crate::support::{Place, TINY};

const IMAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/parity/smolvlm_float32/images/0_60x44.png"
);

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/parity/{name}/checkpoint", env!("CARGO_MANIFEST_DIR"))
}

fn ask(place: &Place, options: &[&str]) -> Value {
    let fixed = ["ask", "--json", "--image", IMAGE, "--max-tokens", "4", "--logprobs", "400"];
    place.run(&[&fixed, options, &["How many are there?"]].concat()).ended(0).json()
}

/// Log-probabilities of the first token, by id.
fn first_token(answer: &Value) -> Vec<f64> {
    let mut top: Vec<(u64, f64)> = answer["logprobs"][0]["top"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["token_id"].as_u64().unwrap(), it["logprob"].as_f64().unwrap()))
        .collect();
    top.sort_by_key(|(id, _)| *id);
    top.into_iter().map(|(_, logprob)| logprob).collect()
}

#[test]
fn weights_are_converted_when_a_precision_is_asked_for() {
    let place = Place::new();
    let model = fixture("smolvlm_float32");
    let stored = first_token(&ask(&place, &["--model", &model]));
    let single = first_token(&ask(&place, &["--model", &model, "--dtype", "float32"]));
    assert_eq!(stored, single);
    for precision in ["float16", "bfloat16"] {
        let half = first_token(&ask(&place, &["--model", &model, "--dtype", precision]));
        let worst = half.iter().zip(&stored).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst > 0.0 && worst < 0.2, "{precision}: off by {worst}");
    }
}

#[test]
fn a_run_records_the_precision_it_asked_for_and_got() {
    let place = Place::with_questions(1);
    let model = place.checkpoint(TINY);
    place.vqa(&[model.to_str().unwrap()], &["-n", "1", "--dtype", "bfloat16"]).ended(0);
    let results = place.results();
    assert_eq!(results["run"]["load"]["dtype"], "bfloat16");
    assert_eq!(results["run"]["load"]["num_crops"], Value::Null);
    assert_eq!(results["models"][0]["loaded"]["precision"], "bfloat16");
}

#[test]
fn quantised_weights_are_not_converted() {
    let model = fixture("idefics3_8bit");
    let run = Place::new().run(&["ask", "--model", &model, "--dtype", "float16", "Why?"]).ended(3);
    let error = run.error();
    assert!(
        error.contains("the weights are quantised") && error.contains("--dtype float16"),
        "{error}"
    );
}

#[test]
fn an_option_that_no_chosen_model_heeds_is_wrong_usage() {
    let place = Place::new();
    let model = fixture("smolvlm_float32");
    let run = place.run(&["ask", "--model", &model, "--num-crops", "4", "Why?"]).ended(2);
    assert!(run.error().contains("--num-crops is for phi3_v"), "{run:#?}");
    let run = place.run(&["ask", "--model", &model, "--dtype", "float8", "Why?"]).ended(2);
    assert!(run.error().contains("expected float32, float16 or bfloat16"), "{run:#?}");
    place.run(&["ask", "--model", &model, "--num-crops", "0", "Why?"]).ended(2);
}

/// What a run's questions were answered, and what of it came from a cache.
fn answers_and_cached(options: &[&str]) -> (Vec<Value>, Vec<u64>, Vec<bool>) {
    let place = Place::with_questions(4);
    let model = place.checkpoint(TINY);
    let run = place.vqa(&[model.to_str().unwrap()], &[&["--max-tokens", "4"], options].concat());
    assert!(matches!(run.status, Some(0 | 1)), "{run:#?}");
    let results = place.results();
    let questions = results["models"][0]["questions"].as_array().unwrap();
    let answers = questions.iter().map(|question| question["raw"].clone()).collect();
    let cached = |question: &Value| question["usage"]["cached_tokens"].as_u64().unwrap();
    let encodes = |question: &Value| question["timings_ms"]["vision"].as_f64() > Some(0.0);
    (answers, questions.iter().map(cached).collect(), questions.iter().map(encodes).collect())
}

#[test]
fn a_run_without_cache_computes_everything_anew_and_answers_the_same() {
    // All images of the small dataset have one content.
    let (answers, cached, encodes) = answers_and_cached(&[]);
    assert!(cached[0] == 0 && cached[1..].iter().all(|&tokens| tokens > 0), "{cached:?}");
    assert_eq!(encodes, [true, false, false, false]);
    let (anew, cached, encodes) = answers_and_cached(&["--no-cache"]);
    assert_eq!((cached, encodes), (vec![0; 4], vec![true; 4]));
    assert!(anew == answers && answers.iter().all(Value::is_string), "{answers:?}");
}
