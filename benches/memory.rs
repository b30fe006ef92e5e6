//! What one `clear_mlx_memory` costs: with nothing to free, and with 64 MB cached in
//! blocks of 4 MB, as a question with an image leaves behind.
//!
//! The floor is the system's own price for giving pages back, shown by `floor_unmap`:
//! the same 64 MB, allocated in one block and touched outside MLX, then dropped.
//!
//! Seen (medians, machine shared): 5 µs, 49 µs, and 3 µs for the floor.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

use divan::Bencher;
use mlx_rs::{Array, transforms};
use vlm_test::memory::{Allocator, CleanupReason, MlxAllocator, clear_mlx_memory};

const BLOCKS: i32 = 16;
const FLOATS: i32 = 1 << 20;

fn main() {
    divan::main();
}

fn allocator() -> MlxAllocator {
    let allocator = MlxAllocator::new().expect("MLX answers");
    allocator.set_cache_limit(1 << 30).expect("the limit is accepted");
    allocator
}

/// Leaves [`BLOCKS`] buffers in the cache.
fn fill_cache() {
    let blocks: Vec<Array> = (0..BLOCKS)
        .map(|n| {
            let row = Array::from_slice(&vec![n as f32; FLOATS as usize], &[FLOATS]);
            row.add(&row).expect("the shapes are equal")
        })
        .collect();
    transforms::eval(&blocks).expect("the sums are computed");
}

#[divan::bench(sample_count = 200)]
fn clear_nothing(bencher: Bencher) {
    let allocator = allocator();
    clear_mlx_memory(&allocator, CleanupReason::Scheduled, None);
    bencher.bench_local(|| clear_mlx_memory(&allocator, CleanupReason::Scheduled, None));
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn clear_64_mb(bencher: Bencher) {
    let allocator = allocator();
    bencher.with_inputs(fill_cache).bench_local_values(|()| {
        let record = clear_mlx_memory(&allocator, CleanupReason::Scheduled, None);
        assert!(record.freed_bytes >= (BLOCKS * FLOATS * 4) as u64 && record.error.is_none());
    });
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn floor_unmap(bencher: Bencher) {
    let block = || vec![1f32; (BLOCKS * FLOATS) as usize];
    bencher.with_inputs(block).bench_local_values(drop);
}
