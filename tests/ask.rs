//! `vlm-test ask` through the real binary: one question, one answer, and what is said
//! when there is none.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "other tests use the rest")]
mod support;

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};

use crate::support::{Place, Run, TINY, parity};

/// Asks the tiny checkpoint, with the images of its fixture in the current folder.
fn ask(place: &Place, arguments: &[&str]) -> Run {
    for image in parity(TINY).join("images").read_dir().unwrap() {
        let image = image.unwrap().path();
        fs::copy(&image, place.path(image.file_name().unwrap().to_str().unwrap())).unwrap();
    }
    let model = parity(TINY).join("checkpoint");
    let fixed = ["ask", "--model", model.to_str().unwrap(), "--max-tokens", "12"];
    place.run(&[&fixed[..], arguments].concat())
}

/// What the reference implementation says of the `index`th chat.
fn reference(index: usize) -> Value {
    let text = fs::read_to_string(parity(TINY).join("expected.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["cases"][index].clone()
}

#[track_caller]
fn assert_as_the_reference(answer: &Value, index: usize) {
    let expected = reference(index);
    assert_eq!(answer["prompt"], expected["prompt"]);
    assert_eq!(answer["prompt_token_ids"], expected["prompt_token_ids"]);
    assert_eq!(answer["token_ids"], expected["greedy_ids"]);
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn json_has_every_documented_field() {
    let run = ask(
        &Place::new(),
        &["--image", "0_60x44.png", "--json", "--logprobs", "3", "What colour is the shape?"],
    );
    let answer = run.ended(0).json();
    assert_as_the_reference(&answer, 0);
    for field in ["answer", "finish_reason", "prompt", "prompt_token_ids", "token_ids", "logprobs"]
    {
        assert!(keys(&answer).contains(field), "{field}");
    }
    assert_eq!(answer["finish_reason"], "length");
    let usage = json!({
        "prompt_tokens": 139, "image_tokens": 117, "cached_tokens": 0, "completion_tokens": 12,
        "prefill_chunk": 512
    });
    assert_eq!(keys(&answer["usage"]), keys(&usage));
    assert_eq!(answer["usage"]["prompt_tokens"], 139);
    assert_eq!(answer["usage"]["completion_tokens"], 12);
    let expected = ["active_bytes", "cache_bytes", "peak_bytes", "peak_delta_bytes"];
    assert!(keys(&answer["memory"]).is_superset(&expected.into()), "{answer}");
    let expected = ["preprocess", "vision", "prefill", "decode", "time_to_first_token"];
    assert!(keys(&answer["timings_ms"]).is_superset(&expected.into()), "{answer}");
}

#[test]
fn every_generated_token_has_its_probability_beside_the_most_probable_ones() {
    let run = ask(&Place::new(), &["--json", "--logprobs", "3", "How many are there?"]);
    let answer = run.ended(0).json();
    let steps = answer["logprobs"].as_array().unwrap();
    assert_eq!(steps.len(), answer["token_ids"].as_array().unwrap().len());
    for (step, token) in steps.iter().zip(answer["token_ids"].as_array().unwrap()) {
        assert_eq!(keys(step), ["logprob", "token_id", "top"].into());
        let top = step["top"].as_array().unwrap();
        assert_eq!(top.len(), 3);
        // Greedy: the chosen token is the most probable one.
        assert_eq!((&step["token_id"], &top[0]["token_id"]), (token, token));
        assert_eq!(top[0]["logprob"], step["logprob"]);
        assert!(top[0]["logprob"].as_f64() >= top[2]["logprob"].as_f64());
    }
}

#[test]
fn a_history_with_images_beside_it_is_continued() {
    let place = Place::new();
    let messages = reference(3)["messages"].as_array().unwrap()[..2].to_vec();
    place.write("talks/history.json", json!(messages).to_string());
    fs::copy(parity(TINY).join("images/0_60x44.png"), place.path("talks/0_60x44.png")).unwrap();
    let model = parity(TINY).join("checkpoint");
    let run = place.run(&[
        "ask",
        "--model",
        model.to_str().unwrap(),
        "--max-tokens",
        "12",
        "--json",
        "--history",
        "talks/history.json",
        "How many are there?",
    ]);
    assert_as_the_reference(&run.ended(0).json(), 3);
}

#[test]
fn a_history_may_say_its_texts_as_plain_strings() {
    let place = Place::new();
    let mut messages = reference(3)["messages"].as_array().unwrap()[..2].to_vec();
    messages[1]["content"] = "red".into();
    place.write("history.json", json!(messages).to_string());
    let run = ask(&place, &["--json", "--history", "history.json", "How many are there?"]);
    assert_as_the_reference(&run.ended(0).json(), 3);
}

#[test]
fn several_images_are_shown_in_their_order() {
    let images = ["--image", "0_60x44.png", "--image", "1_37x101.png"];
    let run = ask(&Place::new(), &[&images[..], &["--json", "How many are there?"]].concat());
    assert_as_the_reference(&run.ended(0).json(), 4);
}

#[test]
fn a_question_about_nothing_shown_is_answered() {
    let answer = ask(&Place::new(), &["--json", "How many are there?"]).ended(0).json();
    assert_as_the_reference(&answer, 5);
    assert_eq!(answer["usage"]["image_tokens"], 0);
}

#[test]
fn sampling_is_repeatable_by_its_seed() {
    let place = Place::new();
    let sample = |seed: &str| {
        let how = ["--temperature", "1.5", "--top-p", "0.95", "--seed", seed, "--json"];
        let run = ask(&place, &[&how[..], &["How many are there?"]].concat());
        run.ended(0).json()["token_ids"].clone()
    };
    let drawn = sample("7");
    assert_eq!(sample("7"), drawn);
    assert_ne!(sample("8"), drawn);
    assert_ne!(reference(5)["greedy_ids"].clone(), drawn);
}

#[test]
fn people_get_the_answer_and_its_figures_apart() {
    let place = Place::new();
    let model = place.scripted("model", "default = \"a red dot\\u001b[2J\"");
    let run = place.run(&["ask", "--model", &model, "--max-tokens", "2", "What is it?"]).ended(0);
    assert_eq!(run.stdout, "a red \n");
    assert!(run.stderr.contains("2 tokens") && run.stderr.contains("cut off by --max-tokens"));
    let run = place.run(&["ask", "--model", &model, "What is it?"]).ended(0);
    assert_eq!(run.stdout, "a red dot\\u{1b}[2J\n");
}

#[test]
fn a_broken_history_is_told_with_its_place() {
    let cases = [
        ("[{\"role\": \"user\",\n \"content\": [}]", "line 2"),
        ("{\"role\": \"user\"}", "sequence"),
        ("[{\"role\": \"robot\", \"content\": \"hi\"}]", "robot"),
        ("[{\"role\": \"user\", \"content\": [{\"type\": \"video\", \"path\": \"a\"}]}]", "video"),
        ("[{\"role\": \"user\", \"content\": [{\"type\": \"image\"}]}]", "path"),
    ];
    for (text, told) in cases {
        let place = Place::new();
        place.write("talk.json", text);
        let run = ask(&place, &["--history", "talk.json", "Why?"]).ended(2);
        let error = run.error();
        assert!(error.contains("talk.json") && error.contains(told), "{text}: {error}");
        assert_eq!(run.stdout, "");
    }
    let run = ask(&Place::new(), &["--history", "nowhere.json", "Why?"]).ended(2);
    assert!(run.error().contains("nowhere.json"), "{run:#?}");
}

#[test]
fn an_image_that_cannot_be_shown_is_a_question_that_failed() {
    let place = Place::new();
    place.write("text.png", "not an image");
    place.write("empty.png", "");
    for name in ["missing.png", "text.png", "empty.png", "."] {
        let run = ask(&place, &["--image", name, "What is it?"]).ended(1);
        assert!(run.error().contains(name), "{run:#?}");
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn a_model_that_fails_is_told_in_a_line() {
    let cases = [
        (
            "[[answer]]\ncrash = 'segv'",
            1,
            "the model's process died: segmentation fault while running the prompt (signal 11, SIGSEGV",
        ),
        ("[[answer]]\nhang = true", 1, "no answer within 1 s"),
        ("[[answer]]\nerror = 'no head'", 1, "no head"),
        ("load_error = 'no weights'", 3, "no weights"),
    ];
    for (script, status, told) in cases {
        let place = Place::new();
        let model = place.scripted("model", script);
        let run = place.run(&["ask", "--model", &model, "--timeout", "1", "--json", "Why?"]);
        let run = run.ended(status);
        // What memory looked like then follows.
        let error = run.error().split(';').next().unwrap();
        assert_eq!((error, &*run.stdout), (told, ""));
    }
}

#[test]
fn values_out_of_range_are_wrong_usage() {
    let wrong = [
        ["--temperature", "-1"],
        ["--temperature", "nan"],
        ["--top-p", "0"],
        ["--top-p", "1.1"],
        ["--max-tokens", "0"],
        ["--timeout", "0"],
        ["--seed", "x"],
        ["--logprobs", "-1"],
    ];
    for [option, value] in wrong {
        let run = Place::new().run(&["ask", &format!("{option}={value}"), "Why?"]).ended(2);
        assert!(run.error().contains(option), "{run:#?}");
    }
}
