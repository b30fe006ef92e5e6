//! Memory discipline: when to clean up, how it is done, what a question cost.
//! Knows nothing of models or runners; MLX is one [`Allocator`] among others.

mod admission;
mod allocator;
mod budget;
mod cleanup;
mod device;
mod forecast;
pub mod leak;
mod level;
mod manager;
mod mlx;
mod platform;
mod pressure;
mod question;
mod record;
mod sample;
mod schedule;
mod scripted_signals;
mod signals;
pub mod simulated;
mod size;
mod system;
mod watch;

pub use self::{
    admission::{Decision, Refusal, Room},
    allocator::{Allocator, DeviceMemory, MemoryError, MemoryReading, NoAllocator},
    budget::{MemoryBudget, budget_bytes, cache_limit},
    cleanup::clear_mlx_memory,
    forecast::{Forecast, Forecaster},
    level::Level,
    manager::{MemoryManager, Tracked},
    mlx::MlxAllocator,
    platform::{oom_kills, process_peak, reset_process_peak, trim_heap},
    pressure::{DWELL, PressureDetector},
    question::QuestionMemory,
    record::{CleanupReason, CleanupRecord, Relief},
    sample::{MemorySample, ProcessMemory, Stall, SystemMemory, SystemPressure},
    schedule::{CleanupSchedule, Step, StepCounter},
    scripted_signals::{PressureStep, ScriptedSignals},
    signals::{MachineSignals, Signals},
    size::{SizeError, parse_size},
    watch::Watch,
};
