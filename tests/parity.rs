//! Answers of the native models beside those of the reference implementation, on
//! tiny random checkpoints in the forms that are published. The fixtures and what
//! the reference says of them come from `tests/reference/make_smolvlm.py`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use serde::Deserialize;
use vlm_test::{
    native::NativeModel,
    vlm::{Chat, Content, GenerationOptions, LoadOptions, Message, VisionLanguageModel},
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
}

fn fixture(name: &str) -> (PathBuf, Expected) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity").join(name);
    let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    (folder, serde_json::from_str(&text).unwrap())
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

/// The reference computes in float32 on the stored weights; a checkpoint in half
/// precision is run in half precision here, so that its values are near, not equal.
fn tolerance(dtype: &str) -> f32 {
    match dtype {
        "float32" => 1e-3,
        "float16" => 2e-2,
        _ => 1.5e-1,
    }
}

fn assert_equal_to_the_reference(name: &str) {
    let (folder, expected) = fixture(name);
    let mut model = NativeModel::load(&folder.join("checkpoint"), &LoadOptions::default()).unwrap();
    let exact = expected.dtype == "float32";
    for (n, case) in expected.cases.iter().enumerate() {
        let options = GenerationOptions { max_tokens: 12, logprobs: 400, ..Default::default() };
        let chat = chat(case, &folder.join("images"));
        let mut streamed = String::new();
        let answer =
            model.generate(&chat, &options, &mut |piece| streamed.push_str(piece)).unwrap();
        assert_eq!(answer.prompt, case.prompt, "case {n}");
        assert_eq!(answer.prompt_token_ids, case.prompt_token_ids, "case {n}");
        assert_eq!(streamed, answer.answer, "case {n}");
        let first = &answer.logprobs[0];
        for (id, logprob) in case.top_ids.iter().zip(&case.top_logprobs) {
            let ours = first.top.iter().find(|top| top.token_id == *id).unwrap().logprob;
            assert!(
                (ours - logprob).abs() < tolerance(&expected.dtype),
                "case {n}, token {id}: {ours} and {logprob}"
            );
        }
        if exact {
            assert_eq!(answer.token_ids, case.greedy_ids, "case {n}");
        }
    }
}

#[test]
fn smolvlm_in_float32_with_an_odd_grid_answers_as_the_reference() {
    assert_equal_to_the_reference("smolvlm_float32");
}

#[test]
fn idefics3_in_bfloat16_with_a_tied_head_and_two_shards_answers_near_the_reference() {
    assert_equal_to_the_reference("idefics3_bfloat16_tied");
}

#[test]
fn smolvlm_in_float16_under_mlx_names_without_a_template_answers_near_the_reference() {
    assert_equal_to_the_reference("smolvlm_float16_mlx");
}

#[test]
fn idefics3_in_8_bit_answers_as_the_dequantised_reference() {
    assert_equal_to_the_reference("idefics3_8bit");
}
