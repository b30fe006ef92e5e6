//! Five questions about one image beside the first of them alone: a model of SmolVLM2-256M's
//! shape with random weights in float32, an image of 640 × 480 (13 frames, 832 positions).
//!
//! A question encodes the image, prefills some 900 tokens and writes ten, about as many as a
//! short answer has. The four that follow find features, keys and values kept and cost their
//! own tokens only. One run is one sample, and each takes a minute or more, so this is no
//! divan bench: it prints where the time of every question went, twice.
//!
//! The checkpoint is written to `target/bench-checkpoints` once (1 GB); docs/benchmarks.md
//! holds what was measured.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]
#![expect(clippy::print_stdout, reason = "what was measured")]

#[path = "../examples/random_checkpoint/checkpoint/mod.rs"]
mod checkpoint;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use image::{Rgb, RgbImage};
use vlm_test::{
    native::NativeModel,
    vlm::{
        Chat, Generation, GenerationOptions, LoadOptions, Message, Precision, Unobserved,
        VisionLanguageModel,
    },
};

use crate::checkpoint::{Form, Model, Request};

const ROUNDS: usize = 2;
const QUESTIONS: [&str; 5] = [
    "What colour is the background?",
    "How many people are there?",
    "Is there a dog in the picture?",
    "What is written on the sign?",
    "What time of day is it?",
];

fn main() {
    let mut model = model();
    let image = image();
    // A question about no image first, so that all weights have been touched.
    ask(&mut model, None, QUESTIONS[0]);
    for _ in 0..ROUNDS {
        model.shrink_caches(0);
        let seconds = QUESTIONS.map(|question| {
            let started = Instant::now();
            let Generation { timings, usage, .. } = ask(&mut model, Some(&image), question);
            let total = started.elapsed().as_secs_f64();
            println!(
                "{total:6.2} s: vision {:8.1} ms, prefill {:7.1} ms, decode {:7.1} ms, {} of {} tokens cached",
                timings.vision,
                timings.prefill,
                timings.decode,
                usage.cached_tokens,
                usage.prompt_tokens,
            );
            total
        });
        let together: f64 = seconds.iter().sum();
        println!("together {:.3} times the first\n", together / seconds[0]);
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-checkpoints")
}

fn model() -> NativeModel {
    let folder = folder().join("smolvlm_256m_shape");
    if !folder.join("config.json").is_file() {
        let (model, dtype) = (Model::Smolvlm256m, Some(Precision::Float32));
        let request = Request { model, form: Form::Original, dtype, seed: 1, shrink: false };
        request.write(&folder).expect("target is writable");
    }
    NativeModel::load(&folder, &LoadOptions::default()).expect("the checkpoint loads")
}

fn image() -> PathBuf {
    let path = folder().join("640x480.png");
    if !path.is_file() {
        let colour = |x: u32, y: u32| Rgb([(x / 3) as u8, (y / 2) as u8, ((x ^ y) % 256) as u8]);
        RgbImage::from_fn(640, 480, colour).save(&path).expect("target is writable");
    }
    path
}

fn ask(model: &mut NativeModel, image: Option<&Path>, question: &str) -> Generation {
    let chat = Chat { messages: vec![Message::user(image.map(Path::to_owned), question)] };
    let options = GenerationOptions { max_tokens: 10, ..Default::default() };
    model.generate(&chat, &options, &mut Unobserved).expect("the model answers")
}
