//! What is known to let memory grow or answers rot in MLX, each tried on the real thing, or on
//! the simulated allocator where only a Mac does it. MLX's counters are those of the whole
//! process, so the tests take turns.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod device;
mod layers;
mod lifetimes;
#[path = "../support_native/mod.rs"]
mod support_native;
mod threads;
mod weights;

use std::sync::{Mutex, MutexGuard, PoisonError};

use vlm_test::memory::{Allocator, MlxAllocator};

static TURN: Mutex<()> = Mutex::new(());

/// MLX with nothing in flight or cached, for one test at a time.
fn turn() -> (MutexGuard<'static, ()>, MlxAllocator) {
    let guard = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let allocator = MlxAllocator::new().unwrap();
    settle(allocator);
    (guard, allocator)
}

/// Waits for all work and clears the cache; returns what is active.
fn settle(allocator: MlxAllocator) -> u64 {
    allocator.synchronize().unwrap();
    allocator.clear_cache().unwrap();
    active(allocator)
}

fn active(allocator: MlxAllocator) -> u64 {
    allocator.reading().unwrap().active_bytes
}
