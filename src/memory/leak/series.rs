//! What is followed from question to question, and where in the samples it stands.

use serde::{Deserialize, Serialize};

use super::ranks::Point;
use crate::{memory::MemorySample, vlm::Phase};

/// Bytes that may come and stay in the course of a run before it counts as a leak.
const LEAST_BYTES: f64 = 8e6;
/// Threads or descriptors that may.
const LEAST_COUNT: f64 = 8.0;

/// What is followed from question to question: what should not be there any more when the next
/// question is about to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Series {
    /// Bytes of MLX's live arrays, without what the model keeps on purpose.
    Active,
    /// Bytes of the process that are not MLX's: its footprint less MLX's arrays and cache.
    Other,
    /// Bytes in physical memory.
    Resident,
    /// Threads.
    Threads,
    /// Open file descriptors.
    Descriptors,
}

impl Series {
    /// All of them; the first that grows tells most.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Other, Self::Resident, Self::Threads, Self::Descriptors];

    /// Its value in `sample`, where the system says what it needs.
    pub fn value(self, sample: &MemorySample) -> Option<f64> {
        let (allocator, process) = (sample.allocator, sample.process);
        let active = allocator.active_bytes as f64;
        match self {
            Self::Active => Some(active - sample.held_bytes as f64),
            Self::Other => {
                Some(process.footprint_bytes? as f64 - active - allocator.cache_bytes as f64)
            }
            Self::Resident => process.resident_bytes.map(|bytes| bytes as f64),
            Self::Threads => process.threads.map(|count| count as f64),
            Self::Descriptors => process.descriptors.map(|count| count as f64),
        }
    }

    /// Whether its unit is the byte.
    pub fn is_bytes(self) -> bool {
        matches!(self, Self::Active | Self::Other | Self::Resident)
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active memory",
            Self::Other => "memory outside MLX",
            Self::Resident => "resident memory",
            Self::Threads => "threads",
            Self::Descriptors => "descriptors",
        }
    }

    /// What may come and stay over a run, in its unit, where it varies by `noise` anyway.
    pub(super) fn tolerance(self, noise: f64) -> f64 {
        let least = if self.is_bytes() { LEAST_BYTES } else { LEAST_COUNT };
        least.max(2.0 * noise)
    }
}

/// The number of the question that `sample` was taken before; `None` of one taken during a
/// question, while loading or at the end.
pub(super) fn boundary(sample: &MemorySample) -> Option<usize> {
    sample.question.filter(|_| sample.phase == Phase::Idle)
}

/// The course of `series` over `samples`: the first one taken before each question.
pub(super) fn course(series: Series, samples: &[MemorySample]) -> Vec<Point> {
    let mut latest = 0;
    let points = samples.iter().filter_map(|sample| {
        let question = boundary(sample).filter(|question| *question > latest)?;
        latest = question;
        Some((question as f64, series.value(sample)?))
    });
    points.collect()
}
