//! What memory looks like in an example.

use crate::{
    memory::{
        Level, MemoryReading, MemorySample, ProcessMemory, Stall, SystemMemory, SystemPressure,
    },
    results::Event,
    vlm::Phase,
};

/// Memory of `model` as it was looked at before `question`.
pub(crate) fn sampled(model: &str, question: usize) -> Event {
    Event::MemorySampled { model: model.to_owned(), sample: Box::new(sample(question)) }
}

/// What was seen before `question`.
pub(crate) fn sample(question: usize) -> MemorySample {
    let (active_bytes, cache_bytes, peak_bytes) = (4_200_000, 600_000, 5_000_000);
    MemorySample {
        question: Some(question),
        phase: Phase::Idle,
        allocator: MemoryReading { active_bytes, cache_bytes, peak_bytes },
        held_bytes: 0,
        process: ProcessMemory {
            footprint_bytes: Some(30_000_000),
            resident_bytes: Some(60_000_000),
            threads: Some(4),
            descriptors: Some(9),
        },
        system: Some(SystemMemory {
            total_bytes: 16 << 30,
            available_bytes: 9 << 30,
            used_bytes: 7 << 30,
            swap_used_bytes: 0,
            pressure: Some(SystemPressure::Normal),
            stall: Some(Stall { some: 0.25, full: 0.0 }),
        }),
        budget_bytes: 12 << 30,
        level: Level::Normal,
    }
}
