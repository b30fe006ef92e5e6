//! Whoever owns the memory that a model computes in.

use serde::{Deserialize, Serialize};

/// The allocator's counters at one moment, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryReading {
    /// Held by live arrays.
    pub active_bytes: u64,
    /// Kept by the allocator for reuse.
    pub cache_bytes: u64,
    /// Largest `active_bytes` since the last reset; the cache does not count.
    pub peak_bytes: u64,
}

/// What an allocator could not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// A call into MLX returned an error, possibly one of earlier work.
    #[error("{operation}: {message}")]
    Mlx {
        /// What was called for.
        operation: &'static str,
        /// What MLX said.
        message: String,
    },
    /// Clearing the cache left something in it.
    #[error("{bytes} bytes stayed in the allocator's cache after it was cleared")]
    CacheRemained {
        /// How much.
        bytes: u64,
    },
}

/// Whoever owns the memory that a model computes in. The counters are those of the
/// whole process, so one question at a time.
pub trait Allocator: Send + Sync {
    /// Whether there is anything here to measure, limit or clear. Models that compute elsewhere,
    /// behind a server, have nothing: no clean-up is made for them.
    fn is_local(&self) -> bool {
        true
    }

    /// What the device that owns the memory says it can give.
    fn device(&self) -> DeviceMemory {
        DeviceMemory::default()
    }

    /// The counters now.
    ///
    /// # Errors
    /// [`MemoryError::Mlx`] when the allocator does not answer.
    fn reading(&self) -> Result<MemoryReading, MemoryError>;

    /// Sets the peak to 0, not to what is active: read `max(peak, active)` afterwards.
    ///
    /// # Errors
    /// [`MemoryError::Mlx`] when the allocator does not answer.
    fn reset_peak(&self) -> Result<(), MemoryError>;

    /// Waits until all submitted work is done. The only true barrier: an error of work
    /// that was submitted before appears here at the latest.
    ///
    /// # Errors
    /// [`MemoryError::Mlx`] when that work failed: what it computed must not be used.
    fn synchronize(&self) -> Result<(), MemoryError>;

    /// Gives the memory kept for reuse back to the system.
    ///
    /// # Errors
    /// [`MemoryError::Mlx`] when the allocator refuses.
    fn clear_cache(&self) -> Result<(), MemoryError>;

    /// Keeps at most `bytes` for reuse from now on.
    ///
    /// # Errors
    /// [`MemoryError::Mlx`] when the allocator refuses.
    fn set_cache_limit(&self, bytes: u64) -> Result<(), MemoryError>;

    /// Lets work in flight wait while more than `bytes` are active. MLX never refuses an
    /// allocation for this limit: a budget has to be kept by whoever asks.
    ///
    /// # Errors
    /// [`MemoryError::Mlx`] when the allocator refuses.
    fn set_memory_limit(&self, bytes: u64) -> Result<(), MemoryError>;

    /// Keeps up to `bytes` resident on the GPU. Never called unless the user asks: it is the
    /// best-isolated trigger of a kernel panic of macOS (ml-explore/mlx#3186).
    ///
    /// # Errors
    /// [`MemoryError::Mlx`] when the allocator refuses.
    fn set_wired_limit(&self, bytes: u64) -> Result<(), MemoryError>;

    /// Forgets compiled graphs, one of which is kept for each shape.
    ///
    /// # Errors
    /// [`MemoryError::Mlx`] when the allocator refuses.
    fn clear_compiled(&self) -> Result<(), MemoryError>;
}

/// What a device says it can give, in bytes; `None` is what it does not say (the CPU).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceMemory {
    /// Most that it can use without getting slow: MLX's `max_recommended_working_set_size`.
    pub working_set_bytes: Option<u64>,
    /// Most that one array can take: MLX's `max_buffer_length`.
    pub largest_buffer_bytes: Option<u64>,
}

/// For models that compute outside this process's MLX: nothing to measure or clear.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAllocator;

impl Allocator for NoAllocator {
    fn is_local(&self) -> bool {
        false
    }

    fn reading(&self) -> Result<MemoryReading, MemoryError> {
        Ok(MemoryReading::default())
    }

    fn reset_peak(&self) -> Result<(), MemoryError> {
        Ok(())
    }

    fn synchronize(&self) -> Result<(), MemoryError> {
        Ok(())
    }

    fn clear_cache(&self) -> Result<(), MemoryError> {
        Ok(())
    }

    fn set_cache_limit(&self, _bytes: u64) -> Result<(), MemoryError> {
        Ok(())
    }

    fn set_memory_limit(&self, _bytes: u64) -> Result<(), MemoryError> {
        Ok(())
    }

    fn set_wired_limit(&self, _bytes: u64) -> Result<(), MemoryError> {
        Ok(())
    }

    fn clear_compiled(&self) -> Result<(), MemoryError> {
        Ok(())
    }
}
