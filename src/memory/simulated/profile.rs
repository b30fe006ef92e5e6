//! What tells MLX's allocators apart, and the devices they are simulated for.

use std::time::Duration;

use serde::Deserialize;

use crate::memory::DeviceMemory;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Which of MLX's allocators is simulated. Figures of MLX 0.32.2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// `backend/no_gpu`: Linux, without a GPU.
    #[default]
    Cpu,
    /// `backend/metal`.
    Metal,
    /// `backend/cuda`, without the driver's own pools.
    Cuda,
}

impl Profile {
    /// Its pages; a buffer of the pool may be two of them too large.
    pub(super) fn page_bytes(self) -> u64 {
        match self {
            Self::Cpu => 4 * KIB,
            Self::Metal | Self::Cuda => 16 * KIB,
        }
    }

    /// What a buffer of `bytes` takes.
    pub(super) fn rounded(self, bytes: u64) -> u64 {
        let page = self.page_bytes();
        match self {
            Self::Metal if bytes > page => bytes.next_multiple_of(page),
            Self::Cuda if (1..page).contains(&bytes) => bytes.next_power_of_two().max(8),
            Self::Cuda => bytes.next_multiple_of(page),
            Self::Cpu | Self::Metal => bytes,
        }
    }

    /// What of the system's memory a buffer of `bytes`, rounded, occupies.
    pub(super) fn mapped(self, bytes: u64) -> u64 {
        match self {
            Self::Metal => bytes.next_multiple_of(self.page_bytes()),
            Self::Cpu | Self::Cuda => bytes,
        }
    }
}

/// A device whose memory is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimulatedDevice {
    /// The allocator.
    pub profile: Profile,
    /// All the memory there is: allocations beyond it fail. On the CPU MLX does not look at
    /// what the C library returns, and the process would die.
    pub memory_bytes: u64,
    /// Metal's `recommendedMaxWorkingSetSize`.
    pub working_set_bytes: u64,
    /// Metal's `maxBufferLength`.
    pub largest_buffer_bytes: u64,
    /// How many buffers Metal's allocator allows, in use and in the pool.
    pub buffer_limit: u64,
    /// How long the system goes on counting memory that was given back.
    pub footprint_lag: Duration,
}

impl SimulatedDevice {
    /// A device as they are with `memory_bytes` of memory. On a Mac three quarters of it are
    /// the working set, and three quarters of that the largest buffer.
    pub fn new(profile: Profile, memory_bytes: u64) -> Self {
        let (working_set_bytes, lag_s) = match profile {
            Profile::Metal => (memory_bytes / 4 * 3, 4),
            Profile::Cpu | Profile::Cuda => (memory_bytes, 0),
        };
        Self {
            profile,
            memory_bytes,
            working_set_bytes,
            largest_buffer_bytes: working_set_bytes / 4 * 3,
            buffer_limit: 499_000,
            footprint_lag: Duration::from_secs(lag_s),
        }
    }

    /// What it says of itself: nothing, unless it is Metal.
    pub(super) fn says(&self) -> DeviceMemory {
        let metal = self.profile == Profile::Metal;
        DeviceMemory {
            working_set_bytes: metal.then_some(self.working_set_bytes),
            largest_buffer_bytes: metal.then_some(self.largest_buffer_bytes),
        }
    }

    /// MLX's default memory limit.
    pub(super) fn memory_limit(&self) -> u64 {
        match self.profile {
            Profile::Cpu => share(self.memory_bytes, 0.8),
            Profile::Metal => {
                share(self.working_set_bytes, 1.5).min(share(self.memory_bytes, 0.95))
            }
            Profile::Cuda => share(self.memory_bytes, 0.95),
        }
    }

    /// MLX's default cache limit.
    pub(super) fn cache_limit(&self) -> u64 {
        match self.profile {
            Profile::Cpu => 32 * MIB,
            Profile::Metal | Profile::Cuda => self.memory_limit(),
        }
    }

    /// What the pool has to give back before a buffer is made with which `required` bytes would
    /// be in use and in the pool, while there are `buffers` of them.
    pub(super) fn reclaim_bytes(
        &self,
        required: u64,
        memory_limit: u64,
        buffers: u64,
    ) -> Option<u64> {
        match self.profile {
            Profile::Cpu => None,
            Profile::Metal => {
                let limit = share(self.working_set_bytes, 0.95).min(memory_limit);
                // Where only the number is too large MLX's difference wraps: all is given back.
                (required >= limit || buffers >= self.buffer_limit)
                    .then(|| required.wrapping_sub(limit))
            }
            Profile::Cuda => required.checked_sub(memory_limit).filter(|&bytes| bytes > 0),
        }
    }
}

fn share(bytes: u64, factor: f64) -> u64 {
    (bytes as f64 * factor) as u64
}
