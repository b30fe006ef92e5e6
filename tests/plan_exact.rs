//! What is planned from the files of a checkpoint against what it has once it is loaded: weights,
//! keys and values to the byte, positions of images to the token. The counters are those of the
//! whole process, so this file holds one test.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../examples/random_checkpoint/checkpoint/mod.rs"]
mod published;
mod support_native;

use std::path::Path;

use published::{Model, Request};
use support_native::{chat, checkpoint, fixtures, options};
use vlm_test::{
    memory::{Allocator as _, MlxAllocator},
    native::{
        NativeModel,
        image_processor::load_rgb,
        plan::{Form, PlannedModel, PlannedQuestion},
    },
    vlm::{LoadOptions, Precision, Unobserved, VisionLanguageModel},
};

fn active() -> u64 {
    let mlx = MlxAllocator::new().unwrap();
    // What a worker thread of MLX still holds of work that is done goes with the barrier.
    mlx.synchronize().unwrap();
    mlx.reading().unwrap().active_bytes
}

fn plan(folder: &Path, dtype: Option<Precision>) -> PlannedModel {
    PlannedModel::open(folder, &LoadOptions { dtype, ..LoadOptions::default() }, true).unwrap()
}

/// Bytes that loading the checkpoint makes active, and the model.
fn loaded(folder: &Path, dtype: Option<Precision>) -> (u64, NativeModel) {
    let before = active();
    let options = LoadOptions { dtype, ..LoadOptions::default() };
    let model = NativeModel::load(folder, &options).unwrap();
    (active() - before, model)
}

fn questions_are_planned_exactly(fixture: &str, plan: &PlannedModel, model: &mut NativeModel) {
    model.limit_features(0);
    for number in 0..3 {
        let image = load_rgb(&support_native::image(number)).unwrap();
        let size = (image.view().width(), image.view().height());
        let chat = chat(&[number], "How many?");
        let usage = model.generate(&chat, &options(40), &mut Unobserved).unwrap().usage;
        let text_tokens = usage.prompt_tokens - usage.image_tokens;
        let question = PlannedQuestion { image: size, text_tokens, max_tokens: 40 };
        let prompt = plan.prompt(&question).unwrap();
        assert_eq!(prompt.vision_tokens, usage.image_tokens, "{fixture} {size:?}");
        assert_eq!(prompt.prompt_tokens, usage.prompt_tokens, "{fixture} {size:?}");
        let kv_bytes = plan.bytes(&prompt, 40, Form::Stored).kv_bytes;
        // Of a prompt whose answer outgrows its rotary regime nothing is kept.
        let held = model.held_bytes();
        assert!(
            held == kv_bytes || (held == 0 && fixture.starts_with("phi3")),
            "{fixture} {size:?}: {held}, {kv_bytes}"
        );
    }
}

/// The periods of a rotary embedding for long sequences are no tensors of the file: two of half a
/// head each, in float32.
fn computed_bytes(folder: &Path) -> u64 {
    let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    let factors = config["rope_scaling"]["short_factor"].as_array().map_or(0, Vec::len);
    2 * 4 * factors as u64
}

#[test]
fn weights_keys_values_and_positions_are_those_of_the_loaded_model() {
    // A buffer that is used again counts with its own size, which may be a little larger.
    MlxAllocator::new().unwrap().set_cache_limit(0).unwrap();
    for fixture in fixtures() {
        let folder = checkpoint(&fixture);
        let plan = plan(&folder, None);
        let (bytes, mut model) = loaded(&folder, None);
        let weights = WeightsOf(&plan);
        let planned = weights.bytes(Form::Stored) + computed_bytes(&folder);
        if plan.is_packed() {
            // Of packed tensors some are unpacked once, and both forms may stay for a while.
            let most = planned + planned / 50;
            assert!((planned..=most).contains(&bytes), "{fixture}: {planned}, {bytes}");
        } else {
            assert_eq!(planned, bytes, "{fixture}");
        }
        questions_are_planned_exactly(&fixture, &plan, &mut model);
        drop(model);
        if !plan.is_packed() {
            for (dtype, size) in [(Precision::Float32, 4), (Precision::Float16, 2)] {
                let (bytes, model) = loaded(&folder, Some(dtype));
                let planned = weights.bytes(Form::Floats(size)) + computed_bytes(&folder);
                assert_eq!(planned, bytes, "{fixture} {dtype}");
                drop(model);
            }
        }
    }
    conversions_weigh_what_their_originals_say();
}

struct WeightsOf<'a>(&'a PlannedModel);

impl WeightsOf<'_> {
    fn bytes(&self, form: Form) -> u64 {
        let question = PlannedQuestion { image: (64, 64), text_tokens: 9, max_tokens: 1 };
        self.0.bytes(&self.0.prompt(&question).unwrap(), 1, form).weight_bytes
    }
}

/// The usual conversion of a published model, narrowed.
fn conversions_weigh_what_their_originals_say() {
    let place = tempfile::tempdir().unwrap();
    for model in [Model::Smolvlm256m, Model::LlavaMistral, Model::Phi35Vision] {
        let write = |form, name: &str| {
            let folder = place.path().join(format!("{model:?} {name}"));
            let request = Request { model, form, dtype: None, seed: 1, shrink: true };
            request.write(&folder).unwrap();
            folder
        };
        let original = plan(&write(published::Form::Original, "original"), None);
        for (form, bits) in [(published::Form::FourBit, 4), (published::Form::EightBit, 8)] {
            let folder = write(form, &bits.to_string());
            let estimate = WeightsOf(&original).bytes(Form::Bits(bits));
            let (bytes, model) = loaded(&folder, None);
            let planned = estimate + computed_bytes(&folder);
            // What is unpacked while it is loaded is not freed to the last page.
            let close = (planned..=planned + planned / 1000).contains(&bytes);
            assert!(close, "{}: {planned}, {bytes}", folder.display());
            let stored = WeightsOf(&plan(&folder, None)).bytes(Form::Stored);
            assert!(stored.abs_diff(estimate) <= estimate / 1000, "{stored}, {estimate}");
            drop(model);
        }
    }
}
