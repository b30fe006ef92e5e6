//! Memory discipline: when to clean up, how it is done, what a question cost.
//! Knows nothing of models or runners; MLX is one [`Allocator`] among others.

mod adaptive;
mod admission;
mod allocator;
mod budget;
mod cleanup;
mod device;
mod failure;
mod forecast;
mod governed;
mod ladder;
pub mod leak;
mod level;
mod limits;
mod manager;
mod mlx;
mod platform;
mod pressure;
mod question;
mod record;
mod sample;
mod schedule;
mod scope;
mod scripted_signals;
mod signals;
pub mod simulated;
mod size;
mod system;
mod watch;

pub use self::{
    adaptive::AdaptiveInterval,
    admission::{Decision, Refusal, Room},
    allocator::{Allocator, DeviceMemory, MemoryError, MemoryReading, NoAllocator},
    budget::{MemoryBudget, budget_bytes, cache_limit},
    cleanup::{clear_mlx_memory, clear_mlx_memory_aggressively},
    failure::Failure,
    forecast::{Forecast, Forecaster},
    ladder::{Keep, Measures},
    level::Level,
    limits::MemoryLimits,
    manager::{MemoryManager, MemoryPolicy, Prepared, Tracked},
    mlx::MlxAllocator,
    platform::{oom_kills, process_peak, reset_process_peak, trim_heap},
    pressure::{DWELL, PressureDetector},
    question::QuestionMemory,
    record::{CleanupReason, CleanupRecord, Relief},
    sample::{MemorySample, ProcessMemory, Stall, SystemMemory, SystemPressure},
    schedule::{CleanupSchedule, Step, StepCounter},
    scope::{ScopeError, memory_scope},
    scripted_signals::{PressureStep, ScriptedSignals},
    signals::{MachineSignals, Signals},
    size::{SizeError, parse_size},
    watch::Watch,
};
