//! What a user says of memory.

use clap::{Args, ValueEnum};

use super::VqaArgs;
use crate::memory::{CleanupSchedule, MemoryBudget, MemoryLimits, parse_size};

/// What a user says of memory.
#[derive(Debug, Clone, Copy, Args)]
pub struct MemoryArgs {
    /// When to give memory back: as --cleanup-every says (periodic), when growth asks for it
    /// (adaptive), both also when memory gets short; or never, and watch nothing (off)
    /// [default: periodic]
    #[arg(long, value_enum, value_name = "off|periodic|adaptive", hide_possible_values = true, help_heading = HEADING)]
    pub cleanup: Option<Cleanup>,
    /// Most memory to use, e.g. 8GB or 75% of the machine's [default: what device and machine
    /// leave to one program]
    #[arg(long, value_name = "SIZE|PERCENT", help_heading = HEADING)]
    pub memory_budget: Option<MemoryBudget>,
    /// Fail when a model's memory is sure to grow by more than this per question, e.g. 100kB
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = HEADING)]
    pub max_growth: Option<u64>,
    /// Keep the model resident on the GPU up to this size. Has crashed macOS itself on some
    /// machines: leave it alone unless you measure a gain [default: nothing is]
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = HEADING)]
    pub wired_limit: Option<u64>,
}

/// Where these options stand in the help.
const HEADING: &str = "Memory";

/// When memory is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Cleanup {
    /// Never, and nothing is limited or watched for: MLX left to itself
    Off,
    /// Every so many questions or images, and when memory gets short
    Periodic,
    /// As often as what questions leave behind asks for, and when memory gets short
    Adaptive,
}

impl MemoryArgs {
    /// When to clean up, where `periodic` is the interval asked for.
    pub fn schedule(&self, periodic: CleanupSchedule) -> CleanupSchedule {
        match self.cleanup.unwrap_or(Cleanup::Periodic) {
            Cleanup::Off => CleanupSchedule::Off,
            Cleanup::Periodic => periodic,
            Cleanup::Adaptive => CleanupSchedule::Adaptive,
        }
    }

    /// What may be used.
    pub fn limits(&self) -> MemoryLimits {
        MemoryLimits { budget: self.memory_budget, wired_bytes: self.wired_limit }
    }
}

/// `vlm-test memory`.
#[derive(Debug, Args)]
pub struct MemoryCommandArgs {
    /// Policies to compare, in this order: off (MLX left to itself), periodic (as --cleanup-every
    /// says), each (before each question), adaptive; several separated by commas
    #[arg(long, value_enum, value_name = "POLICY", hide_possible_values = true, value_delimiter = ',', num_args = 1.., default_value = "off,periodic,each,adaptive", help_heading = HEADING)]
    pub policies: Vec<Policy>,
    /// What is asked.
    #[command(flatten)]
    pub vqa: VqaArgs,
}

/// A way to keep memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// MLX left to itself
    Off,
    /// Every --cleanup-every questions
    Periodic,
    /// Before each question
    Each,
    /// As growth and pressure ask for it
    Adaptive,
}

impl Policy {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Periodic => "periodic",
            Self::Each => "each",
            Self::Adaptive => "adaptive",
        }
    }
}
