//! MLX's allocators without MLX: every rule that decides what is active, cached or refused, for
//! the CPU, Metal and CUDA, so that what a run does on a Mac can be tried anywhere. Nothing is
//! allocated but the figures. On the CPU they are MLX's own, step for step
//! (`tests/allocator_fidelity.rs`); Metal and CUDA follow its source.
//!
//! ```
//! use vlm_test::memory::{Allocator, simulated::{Profile, SimulatedAllocator, SimulatedDevice}};
//! let allocator = SimulatedAllocator::new(SimulatedDevice::new(Profile::Metal, 16 << 30));
//! drop(allocator.allocate(100_000)?);
//! // Whole pages of 16 KiB.
//! assert_eq!(allocator.reading()?.cache_bytes, 7 * 16_384);
//! # Ok::<(), vlm_test::memory::MemoryError>(())
//! ```

mod error;
mod footprint;
mod pool;
mod profile;
mod state;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use self::state::{Block, State};
use super::{Allocator, DeviceMemory, MemoryError, MemoryReading};

pub use self::{
    error::DeviceError,
    profile::{Profile, SimulatedDevice},
};

type Clock = Box<dyn Fn() -> Duration + Send + Sync>;
type Act = Box<dyn FnOnce() + Send>;

/// A simulated allocator. Its clones are handles of the same one.
#[derive(Clone)]
pub struct SimulatedAllocator {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    at_clear: Mutex<Option<Act>>,
    clock: Clock,
}

/// A buffer in use, freed when dropped.
#[derive(Debug)]
pub struct Buffer {
    allocator: SimulatedAllocator,
    block: Option<Block>,
}

impl SimulatedAllocator {
    /// An allocator as MLX has it on `device` when a process begins.
    pub fn new(device: SimulatedDevice) -> Self {
        let start = Instant::now();
        Self::with_clock(device, move || start.elapsed())
    }

    /// As [`new`](Self::new), with the time since the beginning from `clock`.
    pub fn with_clock(
        device: SimulatedDevice,
        clock: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        let state = Mutex::new(State::new(device));
        let shared = Shared { state, at_clear: Mutex::new(None), clock: Box::new(clock) };
        Self { shared: Arc::new(shared) }
    }

    /// Makes a buffer of `bytes`, or takes one of the pool.
    ///
    /// # Errors
    /// [`MemoryError::Mlx`] with MLX's words when the device does not allow it.
    pub fn allocate(&self, bytes: u64) -> Result<Buffer, MemoryError> {
        let block = self.state().allocate(self.now(), bytes).map_err(failed("allocating"))?;
        Ok(Buffer { allocator: self.clone(), block: Some(block) })
    }

    /// Hands work over that reads `buffers` and ends with `outcome`. Both are only seen when it
    /// is waited for: the buffers stay active until then.
    pub fn submit(
        &self,
        buffers: impl IntoIterator<Item = Buffer>,
        outcome: Result<(), DeviceError>,
    ) {
        let blocks = buffers.into_iter().filter_map(|mut buffer| buffer.block.take()).collect();
        self.state().submit(blocks, outcome);
    }

    /// Refuses the next allocation, as if no memory were left.
    pub fn refuse_next(&self) {
        self.state().refuse_next();
    }

    /// Does `act` when the cache is to be cleared next, before it is.
    pub fn at_next_clear(&self, act: impl FnOnce() + Send + 'static) {
        *unpoisoned(&self.shared.at_clear) = Some(Box::new(act));
    }

    /// What the system counts of it: whole pages, the pool, and for a while what was given back.
    pub fn footprint_bytes(&self) -> u64 {
        self.state().seen_bytes(self.now())
    }

    /// How many buffers there are, in use and in the pool.
    pub fn buffers(&self) -> u64 {
        self.state().buffers()
    }

    /// The wired limit that was set: 0 unless somebody did.
    pub fn wired_limit(&self) -> u64 {
        self.state().wired_limit()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        unpoisoned(&self.shared.state)
    }

    fn now(&self) -> Duration {
        (self.shared.clock)()
    }
}

impl Allocator for SimulatedAllocator {
    fn device(&self) -> DeviceMemory {
        self.state().device.says()
    }

    fn reading(&self) -> Result<MemoryReading, MemoryError> {
        Ok(self.state().reading())
    }

    fn reset_peak(&self) -> Result<(), MemoryError> {
        self.state().reset_peak();
        Ok(())
    }

    fn synchronize(&self) -> Result<(), MemoryError> {
        self.state().synchronize(self.now()).map_err(failed("waiting for MLX"))
    }

    fn clear_cache(&self) -> Result<(), MemoryError> {
        let act = unpoisoned(&self.shared.at_clear).take();
        if let Some(act) = act {
            act();
        }
        self.state().clear_cache(self.now()).map_err(failed("clearing the allocator's cache"))
    }

    fn set_cache_limit(&self, bytes: u64) -> Result<(), MemoryError> {
        self.state().set_cache_limit(self.now(), bytes).map_err(failed("setting the cache limit"))
    }

    fn set_memory_limit(&self, bytes: u64) -> Result<(), MemoryError> {
        self.state().set_memory_limit(bytes);
        Ok(())
    }

    fn set_wired_limit(&self, bytes: u64) -> Result<(), MemoryError> {
        self.state().set_wired_limit(bytes).map_err(failed("setting the wired limit"))
    }

    fn clear_compiled(&self) -> Result<(), MemoryError> {
        Ok(())
    }
}

impl fmt::Debug for SimulatedAllocator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(formatter)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(block) = self.block {
            self.allocator.state().free(self.allocator.now(), block);
        }
    }
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed<E: fmt::Display>(operation: &'static str) -> impl Fn(E) -> MemoryError {
    move |error| MemoryError::Mlx { operation, message: error.to_string() }
}

#[cfg(test)]
mod tests;
