//! What only a GPU does, simulated, through the manager that every question passes.

use std::sync::Arc;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use vlm_test::{
    memory::{
        CleanupReason, CleanupRecord, CleanupSchedule, Level, MemoryLimits, MemoryManager,
        MemoryPolicy, Prepared, ScriptedSignals, Step,
        simulated::{DeviceError, Profile, SimulatedAllocator, SimulatedDevice},
    },
    vlm::{
        Chat, Generation, GenerationOptions, ModelError, Observer, Unobserved, VisionLanguageModel,
    },
};

const QUESTIONS: u64 = 20;
const OPERATIONS: u64 = 50;
const BYTES: u64 = 1 << 20;

/// A model that keeps nothing from one question to the next.
struct Forgetful;

impl VisionLanguageModel for Forgetful {
    fn generate(
        &mut self,
        _chat: &Chat,
        _options: &GenerationOptions,
        _observer: &mut dyn Observer,
    ) -> Result<Generation, ModelError> {
        Err(ModelError::Prompt("nothing is asked".to_owned()))
    }
}

fn metal(limits: MemoryLimits) -> (SimulatedAllocator, MemoryManager) {
    let allocator = SimulatedAllocator::new(SimulatedDevice::new(Profile::Metal, 16 << 30));
    let schedule = CleanupSchedule::every_questions(5);
    let policy = MemoryPolicy { schedule, limits, level: Level::Normal };
    let calm = Box::new(ScriptedSignals::new(Vec::new()));
    let manager = MemoryManager::new(Arc::new(allocator.clone()), calm, policy, |_| {});
    (allocator, manager)
}

fn prepare(manager: &mut MemoryManager, question: u64) -> Vec<CleanupRecord> {
    match manager.prepare(step(question), &mut Forgetful, &mut Unobserved) {
        Prepared::Ready(records) => records,
        Prepared::RestartWanted(sample) => panic!("{sample:?}"),
    }
}

fn step(question: u64) -> Step {
    Step { question: question as usize, image: 1, opens_image: false }
}

/// Hands over the work of a question. Nobody waits for it or looks at what comes of it.
fn answer(allocator: &SimulatedAllocator, fails_at: Option<u64>) -> &'static str {
    for operation in 0..OPERATIONS {
        let buffer = allocator.allocate(BYTES).unwrap();
        let fails = fails_at == Some(operation);
        allocator.submit([buffer], if fails { Err(DeviceError::OutOfMemory) } else { Ok(()) });
    }
    "zeros, or not"
}

#[test]
fn a_silent_failure_makes_its_question_invalid_and_no_other_at_any_of_a_hundred_positions() {
    let mut dice = ChaCha8Rng::seed_from_u64(7);
    let (mut guilty, mut neighbours) = (0, 0);
    for _ in 0..100 {
        let (allocator, mut manager) = metal(MemoryLimits::default());
        manager.before_load(0).unwrap();
        manager.loaded().unwrap();
        let bad = 1 + dice.next_u64() % QUESTIONS;
        let operation = dice.next_u64() % OPERATIONS;
        for question in 1..=QUESTIONS {
            assert!(prepare(&mut manager, question).iter().all(|it| it.error.is_none()));
            let fails_at = (question == bad).then_some(operation);
            let tracked =
                manager.track(question as usize, &mut Unobserved, |_| answer(&allocator, fails_at));
            let invalid = tracked.is_err();
            guilty += u32::from(invalid && question == bad);
            neighbours += u32::from(invalid && question != bad);
        }
    }
    assert_eq!((guilty, neighbours), (100, 0));
}

#[test]
fn counters_are_read_when_nothing_is_in_flight_any_more() {
    let (allocator, mut manager) = metal(MemoryLimits::default());
    let _weights = allocator.allocate(3 * BYTES).unwrap();
    manager.loaded().unwrap();
    let memory = manager.track(1, &mut Unobserved, |_| answer(&allocator, None));
    let memory = memory.unwrap().memory;
    // The device was done with all buffers when the counters were read.
    assert_eq!((memory.baseline_bytes, memory.active_bytes), (3 * BYTES, 3 * BYTES));
    assert_eq!(memory.peak_delta_bytes, OPERATIONS * BYTES);
}

#[test]
fn nothing_is_wired_unless_somebody_asks() {
    for asked in [None, Some(1 << 30)] {
        let limits = MemoryLimits { wired_bytes: asked, ..MemoryLimits::default() };
        let (allocator, mut manager) = metal(limits);
        manager.before_load(1 << 30).unwrap();
        manager.loaded().unwrap();
        for question in 1..=QUESTIONS {
            prepare(&mut manager, question);
            manager.track(1, &mut Unobserved, |_| answer(&allocator, None)).unwrap();
        }
        manager.clean_up(CleanupReason::ModelEnd, &mut Forgetful).unwrap();
        assert_eq!(allocator.wired_limit(), asked.unwrap_or(0));
    }
}
