//! Memory discipline against the real MLX allocator. Its counters are those of the whole
//! process, so the tests take turns.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mlx_rs::{Array, linalg, memory, ops, transforms};
use vlm_test::{
    memory::{
        Allocator, CleanupReason, CleanupSchedule, MachineSignals, MemoryError, MemoryManager,
        MlxAllocator, Prepared, Step, Tracked, clear_mlx_memory,
    },
    vlm::{
        Chat, Generation, GenerationOptions, ModelError, Observer, Unobserved, VisionLanguageModel,
    },
};

const F32: u64 = 4;

static TURN: Mutex<()> = Mutex::new(());

fn turn() -> (MutexGuard<'static, ()>, MlxAllocator) {
    let guard = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let allocator = MlxAllocator::new().unwrap();
    allocator.set_cache_limit(1 << 30).unwrap();
    allocator.synchronize().unwrap();
    allocator.clear_cache().unwrap();
    (guard, allocator)
}

/// A model that keeps nothing.
struct Nothing;

impl VisionLanguageModel for Nothing {
    fn generate(
        &mut self,
        _chat: &Chat,
        _options: &GenerationOptions,
        _observer: &mut dyn Observer,
    ) -> Result<Generation, ModelError> {
        Err(ModelError::Prompt("nothing is asked".to_owned()))
    }
}

fn managed(allocator: MlxAllocator, schedule: CleanupSchedule) -> MemoryManager {
    MemoryManager::new(
        Arc::new(allocator),
        Box::new(MachineSignals::new()),
        schedule.into(),
        |_| {},
    )
}

fn track<T>(
    manager: &mut MemoryManager,
    run: impl FnOnce() -> T,
) -> Result<Tracked<T>, MemoryError> {
    manager.track(1, &mut Unobserved, |_| run())
}

fn step(question: usize) -> Step {
    Step { question, image: question, opens_image: true }
}

fn evaluated(rows: i32) -> Array {
    let array = ops::ones::<f32>(&[rows, 1024]).unwrap();
    // A copy, so that the array is no view of a scalar.
    let array = ops::add(&array, &array).unwrap();
    transforms::eval([&array]).unwrap();
    array
}

#[test]
fn a_clean_up_empties_the_cache_a_thousand_times() {
    let (_turn, allocator) = turn();
    for round in 0..1000 {
        drop(evaluated(1 + round % 37));
        let cached = allocator.reading().unwrap().cache_bytes;
        assert!(cached > 0, "round {round} had nothing to clean up");
        let record = clear_mlx_memory(&allocator, CleanupReason::Scheduled, Some(6));
        assert_eq!(record.error, None);
        assert_eq!(record.cache_after_bytes, 0);
        assert_eq!(allocator.reading().unwrap().cache_bytes, 0);
        assert_eq!(record.freed_bytes, cached);
    }
}

#[test]
fn a_second_clean_up_in_a_row_frees_nothing_and_keeps_live_arrays() {
    let (_turn, allocator) = turn();
    let alive = evaluated(8);
    drop(evaluated(16));
    clear_mlx_memory(&allocator, CleanupReason::Scheduled, Some(6));
    let again = clear_mlx_memory(&allocator, CleanupReason::Scheduled, Some(6));
    assert_eq!((again.freed_bytes, again.error), (0, None));
    assert!(allocator.reading().unwrap().active_bytes >= 8 * 1024 * F32);
    assert!(
        alive.try_as_slice::<f32>().unwrap().iter().all(|&value| value.to_bits() == 2f32.to_bits())
    );
}

/// On the CPU MLX counts the bytes asked for, so the figures are exact; on Metal a
/// buffer is rounded to whole pages.
#[cfg(not(target_os = "macos"))]
#[test]
fn the_peak_of_a_known_workload_is_exact_and_belongs_to_its_question_alone() {
    let (_turn, allocator) = turn();
    let weights = evaluated(1);
    let mut manager = managed(allocator, CleanupSchedule::Never);
    let baseline = manager.loaded().unwrap();
    assert_eq!(baseline, allocator.reading().unwrap().active_bytes);
    let mut delta_of = |rows: i32| {
        let tracked = track(&mut manager, || {
            let data = vec![1f32; rows as usize * 1024];
            let left = Array::from_slice(&data, &[rows, 1024]);
            let sum = ops::add(&left, &weights).unwrap();
            transforms::eval([&sum]).unwrap();
        });
        tracked.unwrap().memory.peak_delta_bytes
    };
    let (large, small) = (delta_of(600), delta_of(10));
    // The left operand and the sum live at the same time.
    assert_eq!(large, 2 * 600 * 1024 * F32);
    assert_eq!(small, 2 * 10 * 1024 * F32);
}

#[test]
fn arrays_of_a_question_are_gone_when_it_ends() {
    let (_turn, allocator) = turn();
    let mut manager = managed(allocator, CleanupSchedule::every_questions(5));
    let baseline = manager.loaded().unwrap();
    for question in 1..=12 {
        let Prepared::Ready(records) =
            manager.prepare(step(question), &mut Nothing, &mut Unobserved)
        else {
            panic!()
        };
        assert_eq!(records.len(), usize::from([6, 11].contains(&question)));
        let Tracked { value, memory, .. } =
            track(&mut manager, || evaluated(50).shape().to_vec()).unwrap();
        assert_eq!(value, [50, 1024]);
        assert_eq!(memory.active_bytes, baseline);
        assert!(memory.peak_delta_bytes >= 50 * 1024 * F32);
    }
}

#[test]
fn work_that_fails_after_it_was_submitted_makes_its_question_invalid_and_no_other() {
    let (_turn, allocator) = turn();
    let mut manager = managed(allocator, CleanupSchedule::Never);
    manager.loaded().unwrap();
    // Large enough that most inversions fail only after they were submitted. One that
    // fails at once is an error of the question itself.
    let submit = |matrix: Array| {
        move || {
            mlx_rs::with_stream(&mlx_rs::Stream::cpu(), || {
                let inverse = linalg::inv(&matrix).unwrap();
                // Nobody waits for the result, as with the last token of an answer.
                transforms::async_eval([&inverse]).map_err(|error| error.what().to_owned())
            })
        }
    };
    for round in 0..20 {
        let good = track(&mut manager, submit(ops::eye::<f32>(300, None, None).unwrap()));
        assert!(matches!(good, Ok(Tracked { value: Ok(()), .. })), "round {round}: {good:?}");
        let message = match track(&mut manager, submit(ops::ones::<f32>(&[300, 300]).unwrap())) {
            Err(MemoryError::Mlx { operation: "waiting for MLX", message })
            | Ok(Tracked { value: Err(message), .. }) => message,
            other => panic!("round {round}: the failed inversion was accepted: {other:?}"),
        };
        assert!(message.contains("Inverse"), "{message}");
    }
}

#[test]
fn errors_still_reach_mlx_rs_with_their_text() {
    let (_turn, _allocator) = turn();
    let (left, right) = (evaluated(2), evaluated(3));
    let error = ops::add(&left, &right).unwrap_err();
    assert!(error.what().contains("broadcast"), "{error}");
}

#[test]
fn the_cache_limit_holds() {
    let (_turn, allocator) = turn();
    allocator.set_cache_limit(64 * 1024).unwrap();
    for rows in 1..60 {
        drop(evaluated(rows));
    }
    // One buffer past the limit may be admitted.
    assert!(allocator.reading().unwrap().cache_bytes <= 64 * 1024 + 60 * 1024 * F32);
    assert!(memory::cache_memory().unwrap() as u64 == allocator.reading().unwrap().cache_bytes);
}
