//! Memory discipline: when to clean up, how it is done, what a question cost.
//! Knows nothing of models or runners; MLX is one [`Allocator`] among others.

mod allocator;
mod budget;
mod cleanup;
mod level;
mod manager;
mod mlx;
mod question;
mod record;
mod sample;
mod schedule;
mod scope;
pub mod simulated;
mod system;

pub use self::{
    allocator::{Allocator, DeviceMemory, MemoryError, MemoryReading, NoAllocator},
    budget::cache_limit,
    cleanup::clear_mlx_memory,
    level::Level,
    manager::{MemoryManager, Tracked},
    mlx::MlxAllocator,
    question::QuestionMemory,
    record::{CleanupReason, CleanupRecord, Relief},
    sample::{MemorySample, ProcessMemory, Stall, SystemMemory, SystemPressure},
    schedule::{CleanupSchedule, Step, StepCounter},
    scope::{ScopeError, memory_scope},
};
