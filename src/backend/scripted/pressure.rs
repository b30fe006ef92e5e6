//! What a script says of the machine and the process: data alone, for whoever plays it.

use serde::{Deserialize, Serialize};

use crate::memory::SystemPressure;

/// From some moment on: what the system is to say. What is not given is calm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PressureStep {
    /// From this question on, counted from 1.
    pub from_question: Option<usize>,
    /// And not before so many milliseconds after the worker began.
    pub from_ms: Option<u64>,
    /// Physical memory of the machine.
    pub total_bytes: Option<u64>,
    /// Of it, what programs can have; what is left of the total is in use.
    pub available_bytes: Option<u64>,
    /// Of the swap space, what is in use.
    pub swap_used_bytes: Option<u64>,
    /// The system's own word.
    pub pressure: Option<SystemPressure>,
    /// Percent of the last ten seconds in which a process waited for memory.
    pub stall_some: Option<f64>,
    /// The same of all of them.
    pub stall_full: Option<f64>,
    /// What it would cost to keep the process.
    pub footprint_bytes: Option<u64>,
    /// What of the process is in physical memory.
    pub resident_bytes: Option<u64>,
    /// Its threads.
    pub threads: Option<u64>,
    /// Its open file descriptors.
    pub descriptors: Option<u64>,
}
