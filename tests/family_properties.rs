//! Properties that every family has, on the fixtures of `tests/parity.rs`: how a prompt
//! is cut up, what was asked before and whether weights are packed must not change what
//! is computed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support_native;

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
};

use mlx_rs::{Array, Dtype, ops, ops::indexing::TryIndexOp};
use serde_json::Value;
use support_native::{Copy, Ready, architecture, ask, chat, checkpoint, fixtures, load, options};
use vlm_test::{
    native::{
        checkpoint::{Checkpoint, quantization::Quantization},
        generate::generate,
        models::Architecture,
        prefill::Prompt,
        segments::PREFILL_CHUNK,
    },
    vlm::{Chat, GenerationOptions, Unobserved},
};

/// A float32 checkpoint of each kind of prompt and decoder.
const FLOAT32: [&str; 6] = [
    "smolvlm_float32",
    "idefics3_8bit",
    "llava_float32",
    "llava_next_mistral",
    "llava_next_4bit_mixed",
    "phi3_v_float32",
];

/// A question about images.
fn question(model: &Architecture, images: &[usize]) -> Ready {
    Ready::new(model, &chat(images, "How many are there?"))
}

/// Embeddings `[1, n, hidden]` of a question about images.
fn embeddings(model: &Architecture, images: &[usize]) -> Array {
    question(model, images).embeddings(model)
}

fn logprobs(logits: &Array) -> Vec<f32> {
    let normal = logits.subtract(ops::logsumexp(logits, false).unwrap()).unwrap();
    normal.to_vec_exact().unwrap()
}

/// Log-probabilities after all of `embeddings`, run through in pieces.
fn in_pieces(model: &Architecture, embeddings: &Array, piece: i32) -> Vec<f32> {
    let length = embeddings.dim(1);
    let mut cache = model.new_cache(0, length as usize);
    let mut last = None;
    for start in (0..length).step_by(piece as usize) {
        let x = embeddings.try_index((.., start..length.min(start + piece), ..)).unwrap();
        last = Some(model.logits(x, &mut cache).unwrap());
    }
    logprobs(&last.unwrap())
}

fn in_one_pass(model: &Architecture, embeddings: &Array) -> Vec<f32> {
    in_pieces(model, embeddings, embeddings.dim(1))
}

fn assert_near(left: &[f32], right: &[f32], tolerance: f32, what: &str) {
    let worst = left.iter().zip(right).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(left.len() == right.len() && worst < tolerance, "{what}: off by {worst}");
}

#[test]
fn a_prompt_in_pieces_gives_the_logits_of_the_whole() {
    for fixture in FLOAT32 {
        let model = architecture(&checkpoint(fixture));
        let whole = embeddings(&model, &[0, 2]);
        let length = whole.dim(1);
        let expected = in_one_pass(&model, &whole);
        for piece in [7, length / 2, length - 1] {
            let found = in_pieces(&model, &whole, piece);
            assert_near(&found, &expected, 1e-4, &format!("{fixture} in pieces of {piece}"));
        }
    }
}

/// Every token of an answer of `count` tokens is what one pass over the prompt and the
/// tokens before it gives.
fn assert_decoding_equals_one_pass(model: &Architecture, prompt: Ready, count: usize, what: &str) {
    let options = GenerationOptions { logprobs: usize::MAX, ..options(count) };
    let mut so_far = prompt.embeddings(model);
    let prompt = Prompt::new(&prompt.segments, prompt.features);
    let tokens =
        generate(model, prompt, &[], &BTreeSet::new(), &options, &mut Unobserved, |_, _| {})
            .unwrap()
            .tokens;
    assert_eq!(tokens.ids.len(), count);
    for (n, (id, step)) in tokens.ids.iter().zip(&tokens.logprobs).enumerate() {
        let mut found = vec![0.0; step.top.len()];
        step.top.iter().for_each(|top| found[top.token_id as usize] = top.logprob);
        let expected = in_one_pass(model, &so_far);
        assert_near(&found, &expected, 1e-4, &format!("{what}, token {n}"));
        let next = model.embed_tokens(&Array::from_slice(&[*id], &[1])).unwrap();
        so_far = ops::concatenate(&[&so_far, &next], 1).unwrap();
    }
}

#[test]
fn prefill_in_chunks_and_decoding_equal_one_pass_over_everything() {
    for fixture in FLOAT32 {
        let model = architecture(&checkpoint(fixture));
        let mut prompts = [1, 3, 9, 27].iter().map(|count| question(&model, &[2].repeat(*count)));
        let long = prompts.find(|prompt| prompt.token_ids.len() > PREFILL_CHUNK).unwrap();
        for prompt in [question(&model, &[]), question(&model, &[1]), long] {
            let what = format!("{fixture} after {} positions", prompt.token_ids.len());
            assert_decoding_equals_one_pass(&model, prompt, 6, &what);
        }
    }
}

#[test]
fn an_answer_that_outgrows_the_rotary_regime_equals_one_pass_over_everything() {
    let fixture = "phi3_v_float32";
    let model = architecture(&checkpoint(fixture));
    let prompt = question(&model, &[0]);
    let length = prompt.token_ids.len();
    let (before, after) = (model.regime(length + 6), model.regime(length + 11));
    assert_ne!(before, after, "{length} is not near the change");
    assert_decoding_equals_one_pass(&model, prompt, 12, fixture);
}

/// Token ids of each answer, in the order of `order`.
fn answers(fixture: &str, chats: &[Chat], order: &[usize]) -> Vec<(usize, Vec<u32>)> {
    let mut model = load(fixture);
    let mut answers: Vec<_> = order
        .iter()
        .map(|&number| (number, ask(&mut model, &chats[number], &options(10)).token_ids))
        .collect();
    answers.sort();
    answers
}

#[test]
fn the_order_of_questions_changes_no_answer() {
    let chats = [
        chat(&[0], "How many are there?"),
        chat(&[], "What colour is the shape?"),
        chat(&[1, 2], "What colour is the shape?"),
    ];
    // Sixteen crops cost four times what four do, and are asked by the same code.
    for fixture in fixtures().into_iter().filter(|name| !name.ends_with("16_crops")) {
        let expected = answers(&fixture, &chats, &[0, 1, 2]);
        assert_eq!(answers(&fixture, &chats, &[2, 1, 0]), expected, "{fixture}");
        // A text question that no image question preceded.
        assert_eq!(answers(&fixture, &chats, &[1])[0], expected[1], "{fixture}");
    }
}

fn is_packed(fixture: &str) -> bool {
    let config = Checkpoint::open(&checkpoint(fixture)).unwrap().config;
    ["quantization", "quantization_config"].iter().any(|block| config.get(block).is_some())
}

/// The tensors with every packed weight unpacked.
fn unpacked(mut tensors: HashMap<String, Array>, config: &Value) -> HashMap<String, Array> {
    let quantization = Quantization::from_config(Path::new("config.json"), config).unwrap();
    let quantization = quantization.unwrap();
    let paths: Vec<_> =
        tensors.keys().filter_map(|name| name.strip_suffix(".scales")).map(str::to_owned).collect();
    assert!(!paths.is_empty());
    for path in paths {
        let format = quantization.for_module(&path).unwrap();
        let mut take = |suffix| tensors.remove(&format!("{path}.{suffix}")).unwrap();
        let (weight, scales, biases) = (take("weight"), take("scales"), take("biases"));
        let (group, bits) = (format.group_size as i32, format.bits as i32);
        let dense = ops::dequantize(&weight, &scales, &biases, group, bits).unwrap();
        tensors.insert(format!("{path}.weight"), dense);
    }
    tensors
}

#[test]
fn packed_weights_compute_what_their_unpacked_values_do() {
    let packed: Vec<_> = fixtures().into_iter().filter(|fixture| is_packed(fixture)).collect();
    assert!(packed.len() >= 5, "{packed:?}");
    for fixture in packed {
        let copy = Copy::of(&fixture);
        if fixture.ends_with("16_crops") {
            copy.edit_json("preprocessor_config.json", |json| json["num_crops"] = 1.into());
        }
        // In float32 throughout, so that nothing but the packing differs.
        let widened = copy.tensors().into_iter().map(|(name, array)| {
            let dtype = if array.dtype() == Dtype::Uint32 { Dtype::Uint32 } else { Dtype::Float32 };
            (name, array.as_dtype(dtype).unwrap())
        });
        copy.store(widened.collect());
        let left = architecture(copy.path());
        let expected = [&[][..], &[0], &[1, 2]].map(|i| in_one_pass(&left, &embeddings(&left, i)));

        let config = Checkpoint::open(copy.path()).unwrap().config;
        copy.store(unpacked(copy.tensors(), &config));
        copy.edit_json("config.json", |json| {
            for block in ["quantization", "quantization_config"] {
                json.as_object_mut().unwrap().remove(block);
            }
        });
        let right = architecture(copy.path());
        let found = [&[][..], &[0], &[1, 2]].map(|i| in_one_pass(&right, &embeddings(&right, i)));
        for (found, expected) in found.iter().zip(&expected) {
            assert_near(found, expected, 1e-4, &fixture);
        }
    }
}
