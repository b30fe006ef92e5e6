//! A block of work that must leave nothing behind.

use super::{Allocator, MemoryError};

/// Why a block was not as if it had never run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Arrays of it are still alive: kept somewhere, or needed by work that was never run.
    #[error(
        "{name}: {bytes} bytes stayed active after it ended; drop or evaluate what refers to them"
    )]
    Stayed {
        /// The block.
        name: &'static str,
        /// How much.
        bytes: u64,
    },
    /// The allocator failed, or work of the block did.
    #[error("{name}: {source}")]
    Memory {
        /// The block.
        name: &'static str,
        /// How.
        source: MemoryError,
    },
}

/// Runs `block` and makes sure that as much is active afterwards as before, once all work is
/// done and the cache is cleared. What it returns counts: arrays in it have stayed.
///
/// ```
/// use vlm_test::memory::{ScopeError, memory_scope};
/// use vlm_test::memory::simulated::{Profile, SimulatedAllocator, SimulatedDevice};
/// let allocator = SimulatedAllocator::new(SimulatedDevice::new(Profile::Cpu, 1 << 30));
/// let clean = memory_scope(&allocator, "a sum", || allocator.allocate(100).map(drop));
/// assert!(clean.is_ok());
/// let kept = memory_scope(&allocator, "a list", || allocator.allocate(100));
/// assert_eq!(kept.unwrap_err(), ScopeError::Stayed { name: "a list", bytes: 100 });
/// ```
///
/// # Errors
/// [`ScopeError`] says how much stayed, or what failed.
pub fn memory_scope<T>(
    allocator: &dyn Allocator,
    name: &'static str,
    block: impl FnOnce() -> T,
) -> Result<T, ScopeError> {
    let failed = |source| ScopeError::Memory { name, source };
    let before = settled(allocator).map_err(failed)?;
    let value = block();
    let after = settled(allocator).map_err(failed)?;
    match after.saturating_sub(before) {
        0 => Ok(value),
        bytes => Err(ScopeError::Stayed { name, bytes }),
    }
}

/// Active bytes when nothing is in flight or cached.
fn settled(allocator: &dyn Allocator) -> Result<u64, MemoryError> {
    allocator.synchronize()?;
    allocator.clear_cache()?;
    Ok(allocator.reading()?.active_bytes)
}
