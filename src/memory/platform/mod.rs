//! What Linux and macOS say differently, behind the same functions. No other file of the
//! memory discipline knows which system it runs on.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(target_os = "macos")]
use macos as system;

pub(super) use system::Platform;
pub use system::{oom_kills, process_peak, reset_process_peak, trim_heap};

/// What a control group may have, and what of it cannot be taken back without swapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GroupMemory {
    /// The limit in bytes.
    pub limit_bytes: u64,
    /// Anonymous and shared memory of the group in bytes. Its cached files do not count: they
    /// go when the memory is wanted.
    pub held_bytes: u64,
}
