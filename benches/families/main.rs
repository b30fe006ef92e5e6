//! What each family adds to the shared decoder: loading a checkpoint, and the vision tower
//! with its projector, at the published widths, beside what the machine allows. Image
//! processing has a bench of its own.
//!
//! Towers run two layers deep (published: 23 of CLIP-L, 12 and 27 of SigLIP). An item is a
//! floating-point operation: compare with `floor_matmul`, the same BLAS on one product as
//! large as those of a tower. An image of 640 × 480 is one frame for LLaVA-1.5, five for
//! LLaVA-NeXT and Phi-3.5-vision; SmolVLM gets one of 2000 × 500, five frames too.
//!
//! A load is `NativeModel::load` with MLX's cache empty; compare its GB/s with `floor_read`
//! and `floor_read_new_pages`, the same file read from the page cache by all cores.
//!
//! `tests/reference/time_mlx_vlm.py` times mlx-vlm on the same checkpoints, which lie in
//! `target/bench-checkpoints` once this ran; docs/benchmarks.md holds what was measured.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

mod checkpoint;
mod model;
#[path = "../checkpoints/tensors.rs"]
mod tensors;

use std::{fs::File, os::unix::fs::FileExt, thread};

use checkpoint::{Storage, folder, weights};
use divan::{
    Bencher,
    counter::{BytesCount, ItemsCount},
};
use mlx_rs::random;
use model::Model;
use vlm_test::{
    memory::{Allocator, MlxAllocator},
    native::{
        NativeModel,
        checkpoint::Checkpoint,
        image_processor::{ImageLayout, ProcessedImage},
        models,
    },
    vlm::LoadOptions,
};

const STORAGES: [Storage; 3] = [Storage::Float32, Storage::Bfloat16, Storage::FourBit];
const MODELS: [Model; 5] =
    [Model::Llava, Model::LlavaNext, Model::Phi3v, Model::Smolvlm512, Model::Smolvlm384];

fn main() {
    divan::main();
}

/// Into pages that are there already.
#[divan::bench(args = STORAGES, sample_count = 5, sample_size = 1)]
fn floor_read(bencher: Bencher, storage: Storage) {
    let (file, length) = open(storage);
    let mut bytes = vec![1u8; length]; // not zeros, whose pages come only when written
    bencher.counter(BytesCount::new(length)).bench_local(|| read(&file, &mut bytes));
}

/// Into pages that the kernel has to find and clear first.
#[divan::bench(args = STORAGES, sample_count = 5, sample_size = 1)]
fn floor_read_new_pages(bencher: Bencher, storage: Storage) {
    let (file, length) = open(storage);
    bencher.counter(BytesCount::new(length)).bench_local(|| {
        let mut bytes = vec![0u8; length];
        read(&file, &mut bytes);
        bytes
    });
}

fn open(storage: Storage) -> (File, usize) {
    let file = File::open(weights(&folder(Model::Llava, storage))).expect("it was written");
    let length = file.metadata().expect("the system answers").len() as usize;
    (file, length)
}

/// All of `file`, by all cores.
fn read(file: &File, bytes: &mut [u8]) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = bytes.len().div_ceil(threads);
    thread::scope(|scope| {
        for (n, bytes) in bytes.chunks_mut(part).enumerate() {
            scope.spawn(move || {
                file.read_exact_at(bytes, (n * part) as u64).expect("the file is that long");
            });
        }
    });
}

#[divan::bench(args = STORAGES, sample_count = 5, sample_size = 1)]
fn load(bencher: Bencher, storage: Storage) {
    let folder = folder(Model::Llava, storage);
    let length = weights(&folder).metadata().expect("the system answers").len();
    let allocator = MlxAllocator::new().expect("MLX answers");
    bencher
        .counter(BytesCount::new(length as usize))
        .with_inputs(|| allocator.clear_cache().expect("MLX answers"))
        .bench_local_values(|()| {
            NativeModel::load(&folder, &LoadOptions::default()).expect("the checkpoint loads")
        });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn floor_matmul(bencher: Bencher) {
    let (rows, columns) = (1024, 4096);
    let draw = |shape: [i32; 2]| {
        let array = random::normal::<f32>(&shape[..], None, None, None).expect("MLX draws");
        array.eval().expect("the numbers are drawn");
        array
    };
    let (left, right) = (draw([rows, columns]), draw([columns, rows]));
    let operations = 2 * (rows * rows) as usize * columns as usize;
    bencher.counter(ItemsCount::new(operations)).bench_local(|| {
        let product = left.matmul(&right).expect("the shapes fit");
        product.eval().expect("the product is computed");
    });
}

#[divan::bench(args = MODELS, sample_count = 3, sample_size = 1)]
fn tower_float32(bencher: Bencher, model: Model) {
    tower(bencher, model, Storage::Float32);
}

/// LLaVA-1.5's as its files have it.
#[divan::bench(args = [Storage::Bfloat16, Storage::FourBit], sample_count = 3, sample_size = 1)]
fn tower_llava(bencher: Bencher, storage: Storage) {
    tower(bencher, Model::Llava, storage);
}

fn tower(bencher: Bencher, model: Model, storage: Storage) {
    let checkpoint = Checkpoint::open(&folder(model, storage)).expect("the checkpoint is complete");
    let (architecture, _) =
        models::load(&checkpoint, &LoadOptions::default()).expect("the checkpoint loads");
    let image = image(model);
    bencher.counter(ItemsCount::new(model.operations())).bench_local(|| {
        architecture.encode(&image).expect("the shapes fit");
    });
}

fn image(model: Model) -> ProcessedImage {
    let ((rows, cols), frames, source) = model.tiles();
    let side = model.tower().image;
    let pixels = (0..frames * side * side * 3).map(|n| (n % 255) as f32 / 127.0 - 1.0).collect();
    let layout = ImageLayout { rows, cols, frames, height: side, width: side, source };
    ProcessedImage { layout, pixels }
}
