//! The counters and what every call does to them, without a lock.

use std::{mem, time::Duration};

use super::{
    SimulatedDevice,
    error::{DeviceError, Refusal},
    footprint::Footprint,
    pool::Pool,
    profile::Profile,
};
use crate::memory::MemoryReading;

/// Requests below this are served from Metal's heap as long as it has room.
const SMALL_BYTES: u64 = 256;
/// How many of them it has room for.
const HEAP_BUFFERS: u64 = 4096;
/// What it takes.
const HEAP_BYTES: u64 = 1 << 20;

/// One buffer, in use or in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    /// What it counts as.
    pub(super) bytes: u64,
    /// Whether it lies on Metal's heap.
    pub(super) on_heap: bool,
}

/// An allocator.
#[derive(Debug)]
pub(super) struct State {
    pub(super) device: SimulatedDevice,
    pool: Pool,
    footprint: Footprint,
    active_bytes: u64,
    peak_bytes: u64,
    cache_limit: u64,
    memory_limit: u64,
    wired_limit: u64,
    buffers: u64,
    on_heap: u64,
    refuses_next: bool,
    in_flight: Vec<Block>,
    failed: Option<DeviceError>,
    ignores: bool,
}

impl State {
    /// As MLX starts on `device`.
    pub(super) fn new(device: SimulatedDevice) -> Self {
        let mut footprint = Footprint::new(device.footprint_lag);
        if device.profile == Profile::Metal {
            footprint.map(HEAP_BYTES);
        }
        Self {
            pool: Pool::new(device.profile.page_bytes()),
            footprint,
            active_bytes: 0,
            peak_bytes: 0,
            cache_limit: device.cache_limit(),
            memory_limit: device.memory_limit(),
            wired_limit: 0,
            buffers: 0,
            on_heap: 0,
            refuses_next: false,
            in_flight: Vec::new(),
            failed: None,
            ignores: false,
            device,
        }
    }

    pub(super) fn reading(&self) -> MemoryReading {
        MemoryReading {
            active_bytes: self.active_bytes,
            cache_bytes: self.pool.bytes(),
            peak_bytes: self.peak_bytes,
        }
    }

    pub(super) fn reset_peak(&mut self) {
        self.peak_bytes = 0;
    }

    pub(super) fn allocate(&mut self, now: Duration, asked: u64) -> Result<Block, Refusal> {
        self.check(asked)?;
        let profile = self.device.profile;
        let bytes = profile.rounded(asked);
        let block = match self.pool.take(bytes) {
            Some(block) => block,
            None => self.make(now, bytes)?,
        };
        self.active_bytes += block.bytes;
        self.peak_bytes = self.peak_bytes.max(self.active_bytes);
        if profile != Profile::Cpu {
            self.shrink_pool(now);
        }
        Ok(block)
    }

    /// What is found out about a request before anything is done.
    fn check(&mut self, asked: u64) -> Result<(), Refusal> {
        let device = &self.device;
        let largest = device.largest_buffer_bytes;
        if device.profile == Profile::Metal && asked > largest {
            return Err(Refusal::TooLarge { bytes: asked, largest_bytes: largest });
        }
        if mem::take(&mut self.refuses_next) || asked > device.memory_bytes {
            return Err(Refusal::Exhausted { bytes: asked });
        }
        Ok(())
    }

    fn make(&mut self, now: Duration, bytes: u64) -> Result<Block, Refusal> {
        let SimulatedDevice { profile, buffer_limit, memory_bytes, .. } = self.device;
        if profile != Profile::Cpu && bytes == 0 {
            return Ok(Block { bytes, on_heap: false });
        }
        let required = self.active_bytes + self.pool.bytes() + bytes;
        if let Some(excess) = self.device.reclaim_bytes(required, self.memory_limit, self.buffers) {
            let released = self.pool.release(excess);
            self.release(now, released);
        }
        if profile == Profile::Metal && self.buffers >= buffer_limit {
            return Err(Refusal::TooMany { buffers: buffer_limit });
        }
        let on_heap =
            profile == Profile::Metal && bytes < SMALL_BYTES && self.on_heap < HEAP_BUFFERS;
        let mapped = if on_heap { 0 } else { profile.mapped(bytes) };
        if self.footprint.mapped_bytes().saturating_add(mapped) > memory_bytes {
            return Err(Refusal::Exhausted { bytes });
        }
        self.footprint.map(mapped);
        self.on_heap += u64::from(on_heap);
        self.buffers += 1;
        Ok(Block { bytes, on_heap })
    }

    pub(super) fn free(&mut self, now: Duration, block: Block) {
        self.active_bytes -= block.bytes;
        let cached = self.pool.bytes();
        let keeps = match self.device.profile {
            Profile::Cpu => cached + block.bytes <= self.cache_limit,
            // One buffer past the limit is let in.
            Profile::Metal | Profile::Cuda => cached < self.cache_limit,
        };
        if block.bytes > 0 && keeps {
            self.pool.put(block);
        } else if block.bytes > 0 || self.device.profile == Profile::Cpu {
            self.release(now, vec![block]);
        }
    }

    /// Gives buffers back to the system.
    fn release(&mut self, now: Duration, blocks: Vec<Block>) {
        let mut unmapped = 0;
        for block in blocks {
            self.buffers -= 1;
            self.on_heap -= u64::from(block.on_heap);
            if !block.on_heap {
                unmapped += self.device.profile.mapped(block.bytes);
            }
        }
        self.footprint.unmap(now, unmapped);
    }

    fn shrink_pool(&mut self, now: Duration) {
        let excess = self.pool.bytes().saturating_sub(self.cache_limit);
        if excess > 0 {
            let released = self.pool.release(excess);
            self.release(now, released);
        }
    }

    /// Hands work over that reads `blocks`, which are freed when it is waited for.
    pub(super) fn submit(&mut self, blocks: Vec<Block>, outcome: Result<(), DeviceError>) {
        self.in_flight.extend(blocks);
        if let Err(error) = outcome {
            self.ignores |= error == DeviceError::SubmissionsIgnored;
            self.failed.get_or_insert(error);
        }
    }

    /// Waits for all work. Its error is told once, unless the system has had enough.
    pub(super) fn synchronize(&mut self, now: Duration) -> Result<(), DeviceError> {
        for block in mem::take(&mut self.in_flight) {
            self.free(now, block);
        }
        let failed = self.failed.take();
        if self.ignores {
            return Err(DeviceError::SubmissionsIgnored);
        }
        failed.map_or(Ok(()), Err)
    }

    pub(super) fn clear_cache(&mut self, now: Duration) -> Result<(), DeviceError> {
        if self.device.profile == Profile::Cpu && self.pool.bytes() > 0 {
            self.synchronize(now)?;
        }
        let released = self.pool.clear();
        self.release(now, released);
        Ok(())
    }

    pub(super) fn set_cache_limit(&mut self, now: Duration, bytes: u64) -> Result<(), DeviceError> {
        if self.device.profile == Profile::Cpu {
            self.synchronize(now)?;
        }
        self.cache_limit = bytes;
        // Elsewhere the next allocation does it.
        if self.device.profile == Profile::Cpu {
            self.shrink_pool(now);
        }
        Ok(())
    }

    pub(super) fn set_memory_limit(&mut self, bytes: u64) {
        self.memory_limit = bytes;
    }

    pub(super) fn set_wired_limit(&mut self, bytes: u64) -> Result<(), Refusal> {
        let SimulatedDevice { profile, working_set_bytes, .. } = self.device;
        if profile != Profile::Metal {
            return Ok(());
        }
        if bytes > working_set_bytes {
            return Err(Refusal::TooMuchWired);
        }
        self.wired_limit = bytes;
        Ok(())
    }

    pub(super) fn wired_limit(&self) -> u64 {
        self.wired_limit
    }

    pub(super) fn buffers(&self) -> u64 {
        self.buffers
    }

    pub(super) fn seen_bytes(&mut self, now: Duration) -> u64 {
        self.footprint.seen_bytes(now)
    }

    pub(super) fn refuse_next(&mut self) {
        self.refuses_next = true;
    }
}
