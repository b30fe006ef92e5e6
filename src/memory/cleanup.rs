//! The clean-up itself: wait, clear the cache, verify that it is empty.

use std::time::Instant;

use super::{Allocator, CleanupReason, CleanupRecord, Level, MemoryError, MemoryReading};

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
    let start = Instant::now();
    let before = allocator.reading();
    // The cache is cleared even if earlier work failed: what it held is free all the same.
    let synchronized = allocator.synchronize();
    let cleared = allocator.clear_cache();
    let after = allocator.reading();
    let duration_ms = start.elapsed().as_secs_f64() * 1e3;

    let error = synchronized.and(cleared).and_then(|()| verify_empty(&before, &after)).err();
    let after = after.unwrap_or_default();
    let record = CleanupRecord {
        before_question,
        reason,
        freed_bytes: total(before.unwrap_or_default()).saturating_sub(total(after)),
        active_after_bytes: after.active_bytes,
        cache_after_bytes: after.cache_bytes,
        duration_ms,
        level: Level::Normal,
        steps: Vec::new(),
        error: error.map(|error| error.to_string()),
    };
    log(&record);
    record
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
