//! The estimate of intermediate results against the measured peak of real questions, on the CPU.
//! The counters are those of the whole process, so this file holds one test.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../examples/random_checkpoint/checkpoint/mod.rs"]
mod published;
mod support_native;

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use mlx_rs::memory;
use published::{Form, Model, Request};
use support_native::{checkpoint, options};
use vlm_test::{
    native::NativeModel,
    vlm::{Admission, Chat, LoadOptions, Message, Need, Observer, Precision, VisionLanguageModel},
};

/// Estimates of all that a question needs may be off by these factors. Small models are the worst
/// case: what is in flight is all there is, and MLX's threads decide how much that is.
const LEAST: f64 = 0.6;
const MOST: f64 = 2.2;

#[derive(Default)]
struct Needs(Option<Need>);

impl Observer for Needs {
    fn admit(&mut self, need: &Need) -> Admission {
        self.0 = Some(*need);
        Admission::Granted
    }
}

/// Estimate over measurement of all that a question about `images` takes beside the weights.
fn ratio(model: &mut NativeModel, images: &[PathBuf]) -> f64 {
    let chat = Chat { messages: vec![Message::user(images.to_vec(), "How many?")] };
    let before = memory::active_memory().unwrap();
    memory::reset_peak_memory().unwrap();
    let mut needs = Needs::default();
    model.generate(&chat, &options(4), &mut needs).unwrap();
    let grown = memory::peak_memory().unwrap() - before;
    let need = needs.0.unwrap();
    (need.kv_bytes + need.activation_bytes) as f64 / grown as f64
}

#[test]
fn estimates_of_peaks_are_within_the_stated_factors() {
    let place = tempfile::tempdir().unwrap();
    let pictures: Vec<PathBuf> = [(640, 480), (2000, 500), (300, 900)]
        .map(|(width, height)| {
            let path = place.path().join(format!("{width}.png"));
            RgbImage::from_pixel(width, height, Rgb([9, 200, 90])).save(&path).unwrap();
            path
        })
        .to_vec();
    let mut folders: Vec<(String, PathBuf)> = [
        "smolvlm_float32",
        "llava_float32",
        "llava_next_mistral",
        "phi3_v_float32",
        "llava_next_4bit_mixed",
    ]
    .map(|fixture| (fixture.to_owned(), checkpoint(fixture)))
    .to_vec();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    folders.extend(
        ["smolvlm_tiny", "llava_tiny", "phi3v_tiny"]
            .map(|name| (name.to_owned(), shipped.join(name))),
    );
    for (model, dtype) in [
        (Model::Smolvlm256m, Precision::Float32),
        (Model::Smolvlm256m, Precision::Bfloat16),
        (Model::LlavaMistral, Precision::Float32),
        (Model::LlavaMistral, Precision::Bfloat16),
    ] {
        let name = format!("{model:?} narrowed, {dtype}");
        let folder = place.path().join(&name);
        let request =
            Request { model, form: Form::Original, dtype: Some(dtype), seed: 1, shrink: true };
        request.write(&folder).unwrap();
        folders.push((name, folder));
    }
    let mut wrong = Vec::new();
    for (name, folder) in &folders {
        let options = LoadOptions { no_cache: true, ..LoadOptions::default() };
        let mut model = NativeModel::load(folder, &options).unwrap();
        let ratios: Vec<f64> = [&pictures[..0], &pictures[..1], &pictures[1..2], &pictures[2..]]
            .map(|images| ratio(&mut model, images))
            .to_vec();
        if ratios.iter().any(|ratio| !(LEAST..=MOST).contains(ratio)) {
            wrong.push(format!("{name}: {ratios:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
