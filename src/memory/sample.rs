//! MLX, the process and the machine at one moment.

use serde::{Deserialize, Serialize};

use super::{Level, MemoryReading};
use crate::vlm::Phase;

/// MLX, the process and the machine at one moment, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MemorySample {
    /// The question that is asked or about to be, counted from 1 in the order they were asked;
    /// `None` while the model is loaded and at its end.
    pub question: Option<usize>,
    /// What the worker was doing.
    pub phase: Phase,
    /// MLX's counters.
    #[serde(flatten)]
    pub allocator: MemoryReading,
    /// Of the active bytes: kept by the model for later questions.
    pub held_bytes: u64,
    /// The worker as the system sees it.
    pub process: ProcessMemory,
    /// The machine; `None` where the system does not say.
    pub system: Option<SystemMemory>,
    /// What the run may use.
    pub budget_bytes: u64,
    /// How short memory is by all of this.
    pub level: Level,
}

impl MemorySample {
    /// What is used of the budget: MLX's arrays and cache, or the process's footprint if that
    /// is larger.
    pub fn used_bytes(&self) -> u64 {
        let MemoryReading { active_bytes, cache_bytes, .. } = self.allocator;
        (active_bytes + cache_bytes).max(self.process.footprint_bytes.unwrap_or_default())
    }

    /// Of it, what clearing the cache cannot return.
    pub fn fixed_bytes(&self) -> u64 {
        let MemoryReading { active_bytes, cache_bytes, .. } = self.allocator;
        let footprint = self.process.footprint_bytes.unwrap_or_default();
        active_bytes.max(footprint.saturating_sub(cache_bytes))
    }

    /// What a question may need on top of that.
    pub fn headroom_bytes(&self) -> u64 {
        self.budget_bytes.saturating_sub(self.fixed_bytes())
    }
}

/// A process as the system sees it; `None` is what the system does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMemory {
    /// What it would cost to keep it: macOS `phys_footprint` (what Activity Monitor shows, GPU
    /// memory included), Linux anonymous memory and its swap.
    pub footprint_bytes: Option<u64>,
    /// What of it is in physical memory. On macOS GPU memory is missing from it.
    pub resident_bytes: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open file descriptors.
    pub descriptors: Option<u64>,
}

/// The machine, or the control group where that is smaller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct SystemMemory {
    /// Physical memory in bytes, or the limit of the control group if that is smaller.
    pub total_bytes: u64,
    /// Of it, what programs can have without others being swapped out.
    pub available_bytes: u64,
    /// Of it, what programs hold.
    pub used_bytes: u64,
    /// Of the swap space, what is in use.
    pub swap_used_bytes: u64,
    /// The system's own word.
    pub pressure: Option<SystemPressure>,
    /// How long processes waited for memory.
    pub stall: Option<Stall>,
}

/// The system's own word for how short memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SystemPressure {
    /// macOS level 1.
    Normal,
    /// macOS level 2; Linux: less than a sixteenth of the memory is available.
    Warning,
    /// macOS level 4; Linux: less than a sixty-fourth is.
    Critical,
}

/// Linux's pressure stall information: the share of the last ten seconds, in percent, that
/// processes waited for memory.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stall {
    /// At least one of them did.
    pub some: f64,
    /// All of them did.
    pub full: f64,
}
