//! Answers of the native models beside those of the reference implementation, on
//! tiny random checkpoints in the forms that are published: every folder of
//! `tests/fixtures/parity`, made by the scripts of `tests/reference`. The variable
//! `PARITY_FIXTURES` names another folder of such fixtures, made with another seed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use vlm_test::{
    native::{NativeModel, checkpoint::Checkpoint, models::MODEL_TYPES},
    vlm::{
        Chat, Content, Generation, GenerationOptions, LoadOptions, Message, OnText, Precision,
        VisionLanguageModel,
    },
};

#[derive(Deserialize)]
struct Expected {
    dtype: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    messages: Vec<Message>,
    prompt: String,
    prompt_token_ids: Vec<i32>,
    top_ids: Vec<u32>,
    top_logprobs: Vec<f32>,
    greedy_ids: Vec<u32>,
    greedy_logprobs: Vec<f32>,
}

/// The reference computes in float32 on the stored weights; a checkpoint in half
/// precision is run in half precision here, so that its values are near, not equal.
fn tolerance(dtype: &str) -> f32 {
    match dtype {
        "float32" => 1e-3,
        "float16" => 2e-2,
        _ => 1.5e-1,
    }
}

fn chat(case: &Case, images: &Path) -> Chat {
    let mut messages = case.messages.clone();
    for part in messages.iter_mut().flat_map(|message| &mut message.content) {
        if let Content::Image { path } = part {
            *path = images.join(&*path);
        }
    }
    Chat { messages }
}

/// What a fixture's answers were found to be.
#[derive(Default)]
struct Comparison {
    /// Largest difference of a log-probability of the first token.
    first: f32,
    /// The same over the greedy tokens, as far as these are equal.
    greedy: f32,
    equal_tokens: usize,
    tokens: usize,
    disagreements: Vec<String>,
}

impl Comparison {
    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, ours: &T, reference: &T) {
        if ours != reference {
            self.disagreements.push(format!("{what}: {ours:?}, the reference has {reference:?}"));
        }
    }

    fn first_token(&mut self, what: &str, case: &Case, ours: &Generation) {
        for (id, expected) in case.top_ids.iter().zip(&case.top_logprobs) {
            let found = ours.logprobs[0].top.iter().find(|top| top.token_id == *id).unwrap();
            self.first = self.first.max(difference(found.logprob, *expected));
        }
        self.equal(&format!("{what}: prompt"), &ours.prompt, &case.prompt);
        self.equal(&format!("{what}: prompt ids"), &ours.prompt_token_ids, &case.prompt_token_ids);
    }

    fn further_tokens(&mut self, case: &Case, ours: &Generation) {
        let equal = ours.token_ids.iter().zip(&case.greedy_ids).take_while(|(a, b)| a == b).count();
        for (step, expected) in ours.logprobs.iter().zip(&case.greedy_logprobs).take(equal) {
            self.greedy = self.greedy.max(difference(step.logprob, *expected));
        }
        self.equal_tokens += equal;
        self.tokens += case.greedy_ids.len();
    }
}

/// Infinite where a value is not a number.
fn difference(a: f32, b: f32) -> f32 {
    Some((a - b).abs()).filter(|d| !d.is_nan()).unwrap_or(f32::INFINITY)
}

/// Asks a fixture's questions of its checkpoint, converted to `dtype` if one is given.
fn compare(folder: &Path, dtype: Option<Precision>) -> Comparison {
    let expected = expected(folder);
    let mut found = Comparison::default();
    let options = LoadOptions { dtype, ..Default::default() };
    let mut model = match NativeModel::load(&folder.join("checkpoint"), &options) {
        Ok(model) => model,
        Err(error) => {
            found.disagreements.push(format!("does not load: {error}"));
            return found;
        }
    };
    let dtype = dtype.map_or(expected.dtype.as_str(), |dtype| dtype.name());
    for (n, case) in expected.cases.iter().enumerate() {
        let what = format!("case {n}");
        let options = GenerationOptions { max_tokens: 12, logprobs: 400, ..Default::default() };
        let chat = chat(case, &folder.join("images"));
        let mut streamed = String::new();
        match model.generate(&chat, &options, &mut OnText(|piece: &str| streamed.push_str(piece))) {
            Ok(ours) => {
                found.first_token(&what, case, &ours);
                found.further_tokens(case, &ours);
                found.equal(&format!("{what}: streamed text"), &streamed, &ours.answer);
                if dtype == "float32" {
                    found.equal(&format!("{what}: answer"), &ours.token_ids, &case.greedy_ids);
                }
            }
            Err(error) => found.disagreements.push(format!("{what}: {error}")),
        }
    }
    let tolerance = tolerance(dtype);
    for (what, worst) in [("first", found.first), ("greedy", found.greedy)] {
        if worst >= tolerance {
            found.disagreements.push(format!("{what} log-probabilities are off by {worst}"));
        }
    }
    found
}

fn expected(folder: &Path) -> Expected {
    let text = fs::read_to_string(folder.join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn fixtures() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity");
    let root = env::var_os("PARITY_FIXTURES").map_or(own, PathBuf::from);
    let mut folders: Vec<_> =
        fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

#[expect(clippy::print_stdout, reason = "the differences that docs/parity.md tells of")]
fn assert_as_the_reference(folders: &[PathBuf], dtype: Option<Precision>) {
    let mut disagreements = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy();
        let found = compare(folder, dtype);
        println!(
            "{name}: first token within {:.1e}, all tokens within {:.1e}, {} of {} tokens equal",
            found.first, found.greedy, found.equal_tokens, found.tokens
        );
        disagreements.extend(found.disagreements.iter().map(|line| format!("{name}, {line}")));
    }
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
}

#[test]
fn every_fixture_is_answered_as_by_the_reference() {
    assert_as_the_reference(&fixtures(), None);
}

#[test]
fn half_precision_weights_widened_to_float32_are_answered_exactly_so() {
    let mut folders = fixtures();
    folders.retain(|folder| {
        let config = Checkpoint::open(&folder.join("checkpoint")).unwrap().config;
        let packed = ["quantization", "quantization_config"].iter().any(|b| !config[b].is_null());
        !packed && expected(folder).dtype != "float32"
    });
    assert_as_the_reference(&folders, Some(Precision::Float32));
}

#[test]
fn every_family_has_a_fixture() {
    let folders = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/parity"));
    let checkpoints = folders.unwrap().map(|folder| folder.unwrap().path().join("checkpoint"));
    let families: BTreeSet<_> =
        checkpoints.map(|folder| Checkpoint::open(&folder).unwrap().model_type).collect();
    assert!(MODEL_TYPES.iter().all(|family| families.contains(*family)), "only {families:?}");
}
