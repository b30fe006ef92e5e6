//! What the manager does as memory gets short.

use super::*;

#[test]
fn each_level_takes_its_measures_once_and_clears_before_every_question() {
    let machine = Machine::default();
    let (recorder, mut manager) = on_machine(CleanupSchedule::every_questions(5), &machine);
    let usual = manager.before_load(0).unwrap();
    let mut model = Keeping { held: 1000, chunk: 0 };
    let mut reliefs = |manager: &mut MemoryManager, number| match manager.prepare(
        step(number),
        &mut model,
        &mut Unobserved,
    ) {
        Prepared::Ready(records) => {
            let reliefs = records.iter().map(|record| record.steps.clone()).collect::<Vec<_>>();
            assert!(records.iter().all(|record| record.reason == CleanupReason::Pressure));
            (reliefs, model.held, model.chunk)
        }
        Prepared::RestartWanted(sample) => panic!("{sample:?}"),
    };
    assert_eq!(reliefs(&mut manager, 1), (vec![], 1000, 0));
    machine.0.set(BUDGET / 100 * 80);
    let elevated = vec![Relief::HalvedCacheLimit, Relief::ShrankCaches];
    assert_eq!(reliefs(&mut manager, 2), (vec![elevated], 500, 0));
    assert!(recorder.limit.get() < usual);
    assert_eq!(reliefs(&mut manager, 3), (vec![vec![]], 500, 0));
}

#[test]
fn a_worker_that_starts_at_high_keeps_nothing_and_runs_prompts_in_small_pieces() {
    let recorder = Arc::new(Recorder::default());
    let limits = MemoryLimits { budget: Some(MemoryBudget::Bytes(BUDGET)), wired_bytes: None };
    let policy = MemoryPolicy { limits, level: Level::High, schedule: CleanupSchedule::Never };
    let allocator = Arc::new(Arc::clone(&recorder));
    let machine = Machine::default();
    machine.0.set(BUDGET / 100 * 90);
    let mut manager = MemoryManager::new(allocator, Box::new(machine), policy, |_| {});
    let mut model = Keeping { held: 1000, chunk: 0 };
    let Prepared::Ready(records) = manager.prepare(step(1), &mut model, &mut Unobserved) else {
        panic!()
    };
    assert_eq!((records.len(), model.held, model.chunk), (1, 0, 256));
    assert!(recorder.taken_calls().contains(&"clear_compiled"));
}

#[test]
fn at_critical_a_used_worker_asks_for_a_successor_and_a_fresh_one_tries() {
    let machine = Machine::default();
    let (_, mut manager) = on_machine(CleanupSchedule::Never, &machine);
    machine.0.set(BUDGET);
    let mut model = Keeping::default();
    assert!(matches!(manager.prepare(step(1), &mut model, &mut Unobserved), Prepared::Ready(_)));
    let Prepared::RestartWanted(sample) = manager.prepare(step(2), &mut model, &mut Unobserved)
    else {
        panic!()
    };
    assert_eq!((sample.level, sample.question), (Level::Critical, Some(2)));
}

#[test]
fn a_question_during_which_memory_runs_out_is_stopped_with_its_numbers() {
    let machine = Machine::default();
    let (_, mut manager) = on_machine(CleanupSchedule::Never, &machine);
    let mut model = Keeping::default();
    manager.prepare(step(1), &mut model, &mut Unobserved);
    let tracked = manager.track(1, &mut Unobserved, |observer| {
        observer.reached(Phase::Prefill).unwrap();
        machine.0.set(BUDGET);
        // The watcher looks once a second.
        let until = std::time::Instant::now() + Duration::from_secs(20);
        while observer.reached(Phase::Decode).is_ok() {
            assert!(std::time::Instant::now() < until, "nobody noticed");
            std::thread::sleep(Duration::from_millis(5));
        }
        model.generate(&Chat::default(), &GenerationOptions::default(), observer)
    });
    let Tracked { value, stopped, .. } = tracked.unwrap();
    let Err(ModelError::Memory(message)) = value else { panic!("{value:?}") };
    assert!(message.contains("1073 MB of the budget of 1073 MB"), "{message}");
    assert_eq!(stopped.unwrap().level, Level::Critical);
}

#[test]
fn with_clean_ups_off_nothing_is_cleared_stopped_or_limited() {
    let machine = Machine::default();
    machine.0.set(BUDGET);
    let (recorder, mut manager) = on_machine(CleanupSchedule::Off, &machine);
    assert_eq!(manager.before_load(0), Ok(u64::MAX));
    let mut model = Keeping { held: 9, chunk: 0 };
    for number in 1..20 {
        assert_eq!(
            manager.prepare(step(number), &mut model, &mut Unobserved),
            Prepared::Ready(Vec::new())
        );
    }
    let told = manager.track(20, &mut Unobserved, |observer| observer.reached(Phase::Decode));
    assert_eq!(told.unwrap().value, Ok(()));
    assert!(!recorder.taken_calls().contains(&"clear_cache"));
    assert_eq!((model.held, model.chunk), (9, 0));
}
