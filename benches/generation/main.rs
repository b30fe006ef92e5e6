//! Prefill and decode of a float32 model as wide as SmolVLM-256M (hidden 576, 9 heads over
//! 3, vocabulary 49280), three layers deep, beside what the machine allows. Loading and the
//! vision towers have a bench of their own, `families`.
//!
//! Read the throughput columns. Decoding one token reads every weight once, so its floor
//! is memory bandwidth: compare its GB/s with `floor_copy`. Prefill is matrix products: an
//! item is a floating-point operation, compare with `floor_matmul`, the same BLAS on one
//! large product.
//!
//! Seen (medians, two x86-64 cores shared with other work, OpenBLAS, dev profile): decode
//! 40 ms a token, 4.0 GB/s where a copy moves 12.9; prefill 25 GFLOP/s where the large
//! product reaches 114.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

mod checkpoint;
#[path = "../checkpoints/tensors.rs"]
mod tensors;

use std::{
    collections::{BTreeSet, HashMap},
    thread,
};

use checkpoint::{HIDDEN, LAYER, LAYERS, VOCAB};
use divan::{
    Bencher, black_box,
    counter::{BytesCount, ItemsCount},
};
use mlx_rs::{Array, random};
use vlm_test::{
    native::{
        checkpoint::Checkpoint,
        generate::generate,
        models::{self, Architecture},
        prefill::Prompt,
        segments::{self, PREFILL_CHUNK},
    },
    vlm::{GenerationOptions, LoadOptions, Unobserved},
};

const PROMPT: usize = 512;
const ANSWER: usize = 64;

fn main() {
    divan::main();
}

fn model() -> Architecture {
    let checkpoint = Checkpoint::open(&checkpoint::folder()).expect("the checkpoint is complete");
    models::load(&checkpoint, &LoadOptions::default()).expect("the checkpoint loads").0
}

fn embeddings(model: &Architecture, length: usize) -> Array {
    let ids: Vec<i32> = (0..length as i32).map(|n| n * 37 % 300).collect();
    let embeddings = model.embed_prompt(&ids, None).expect("ids are embedded");
    embeddings.eval().expect("the embeddings are computed");
    embeddings
}

fn operations(rows: usize, weights: usize) -> ItemsCount {
    ItemsCount::new(2 * rows * weights)
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn floor_matmul(bencher: Bencher) {
    let side = 1024;
    let square = || random::normal::<f32>(&[side, side], None, None, None).expect("MLX draws");
    let (left, right) = (square(), square());
    bencher.counter(operations(side as usize, (side * side) as usize)).bench_local(|| {
        let product = left.matmul(&right).expect("the shapes fit");
        product.eval().expect("the product is computed");
    });
}

/// A copy of 256 MB by all cores; each byte is read and written.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn floor_copy(bencher: Bencher) {
    let from = vec![1u8; 256 << 20];
    let mut to = vec![2u8; from.len()];
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = from.len().div_ceil(threads);
    bencher.counter(BytesCount::new(2 * from.len())).bench_local(|| {
        thread::scope(|scope| {
            for (to, from) in to.chunks_mut(part).zip(from.chunks(part)) {
                scope.spawn(|| black_box(to).copy_from_slice(from));
            }
        });
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn prefill_512_tokens(bencher: Bencher) {
    let model = model();
    let prompt = embeddings(&model, PROMPT);
    let head = VOCAB * HIDDEN / PROMPT;
    bencher.counter(operations(PROMPT, LAYERS * LAYER + head)).bench_local(|| {
        let mut cache = model.new_cache(PROMPT, PROMPT);
        let logits = model.logits(prompt.clone(), &mut cache).expect("the shapes fit");
        logits.eval().expect("the logits are computed");
    });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn decode_64_tokens(bencher: Bencher) {
    let model = model();
    let start = segments::cut(&[0], PREFILL_CHUNK, &[], |_| false, |_| false);
    let options = GenerationOptions { max_tokens: ANSWER, ..Default::default() };
    let weights = 4 * (LAYERS * LAYER + VOCAB * HIDDEN);
    bencher.counter(BytesCount::new(ANSWER * weights)).bench_local(|| {
        let prompt = Prompt::new(&start, HashMap::new());
        let answer =
            generate(&model, prompt, &[], &BTreeSet::new(), &options, &mut Unobserved, |_, _| {});
        assert_eq!(answer.expect("the answer is computed").tokens.ids.len(), ANSWER);
    });
}
