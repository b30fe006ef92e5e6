//! The clean-up itself: wait, clear the cache, verify that it is empty.

use std::time::Instant;

use super::{Allocator, CleanupReason, CleanupRecord, Level, MemoryError, MemoryReading};

/// Most passes of an aggressive clean-up.
const MOST_PASSES: u32 = 3;

/// Waits for all work, gives the cache back and verifies that it is empty. A second call
/// in a row frees nothing and is harmless. Whoever calls has dropped the arrays of the
/// last question; memory that an array still refers to stays.
///
/// A failure does not stop a run: it stands in [`CleanupRecord::error`] and in the log.
pub fn clear_mlx_memory(
    allocator: &dyn Allocator,
    reason: CleanupReason,
    before_question: Option<usize>,
) -> CleanupRecord {
    clear(allocator, reason, before_question, 1)
}

/// The same again while something comes free, at most three times in all: work that ends late
/// may return buffers to a cache that was cleared. Never sleeps: memory is returned at once,
/// only the system's statistics lag behind.
pub fn clear_mlx_memory_aggressively(
    allocator: &dyn Allocator,
    reason: CleanupReason,
    before_question: Option<usize>,
) -> CleanupRecord {
    clear(allocator, reason, before_question, MOST_PASSES)
}

fn clear(
    allocator: &dyn Allocator,
    reason: CleanupReason,
    before_question: Option<usize>,
    most: u32,
) -> CleanupRecord {
    let start = Instant::now();
    let mut done = pass(allocator);
    let (mut passes, mut freed_bytes) = (1, done.freed_bytes);
    while passes < most && done.freed_bytes > 0 {
        let again = pass(allocator);
        done = Pass { error: done.error.or(again.error), ..again };
        passes += 1;
        freed_bytes += done.freed_bytes;
    }
    let record = CleanupRecord {
        before_question,
        reason,
        freed_bytes,
        active_after_bytes: done.after.active_bytes,
        cache_after_bytes: done.after.cache_bytes,
        duration_ms: start.elapsed().as_secs_f64() * 1e3,
        level: Level::Normal,
        passes,
        steps: Vec::new(),
        error: done.error.map(|error| error.to_string()),
    };
    log(&record);
    record
}

struct Pass {
    freed_bytes: u64,
    after: MemoryReading,
    error: Option<MemoryError>,
}

fn pass(allocator: &dyn Allocator) -> Pass {
    let before = allocator.reading();
    // The cache is cleared even if earlier work failed: what it held is free all the same.
    let synchronized = allocator.synchronize();
    let cleared = allocator.clear_cache();
    let after = allocator.reading();
    let error = synchronized.and(cleared).and_then(|()| verify_empty(&before, &after)).err();
    let after = after.unwrap_or_default();
    let freed_bytes = total(before.unwrap_or_default()).saturating_sub(total(after));
    Pass { freed_bytes, after, error }
}

fn verify_empty(
    before: &Result<MemoryReading, MemoryError>,
    after: &Result<MemoryReading, MemoryError>,
) -> Result<(), MemoryError> {
    before.clone()?;
    match after.clone()?.cache_bytes {
        0 => Ok(()),
        bytes => Err(MemoryError::CacheRemained { bytes }),
    }
}

fn total(reading: MemoryReading) -> u64 {
    reading.active_bytes + reading.cache_bytes
}

fn log(record: &CleanupRecord) {
    let CleanupRecord { before_question, freed_bytes, cache_after_bytes, duration_ms, .. } = record;
    if let Some(error) = &record.error {
        tracing::warn!(?before_question, freed_bytes, cache_after_bytes, error, "clean-up failed");
    } else {
        tracing::debug!(?before_question, freed_bytes, duration_ms, "cleaned up");
    }
}
