//! Memory discipline: when to clean up, how it is done, what a question cost.
//! Knows nothing of models or runners; MLX is one [`Allocator`] among others.

mod admission;
mod allocator;
mod budget;
mod cleanup;
mod forecast;
mod level;
mod manager;
mod mlx;
mod question;
mod record;
mod sample;
mod schedule;
mod system;

pub use self::{
    admission::{Decision, Refusal, Room},
    allocator::{Allocator, DeviceMemory, MemoryError, MemoryReading, NoAllocator},
    budget::cache_limit,
    cleanup::clear_mlx_memory,
    forecast::{Forecast, Forecaster},
    level::Level,
    manager::{MemoryManager, Tracked},
    mlx::MlxAllocator,
    question::QuestionMemory,
    record::{CleanupReason, CleanupRecord, Relief},
    sample::{MemorySample, ProcessMemory, Stall, SystemMemory, SystemPressure},
    schedule::{CleanupSchedule, Step, StepCounter},
};
