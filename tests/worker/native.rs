//! A worker with a real model: what it keeps, and that it gives it up.

use std::{path::Path, sync::atomic::AtomicBool};

use vlm_test::{
    backend::manifest::Manifest,
    memory::{CleanupReason, CleanupSchedule, Level, MemoryLimits},
    vlm::{Chat, GenerationOptions, LoadOptions, Message},
    worker::{
        Exchange, WorkerProcess,
        protocol::{Load, Question},
    },
};

use crate::{AMPLE, question};

/// A worker with the shipped model and a question about one of the shipped images.
fn native_worker(log: &Path, calm: &AtomicBool) -> (WorkerProcess, impl Fn(usize) -> Question) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let load = Load {
        manifest: Manifest::of_checkpoint("tiny"),
        path: root.join("models/smolvlm_tiny"),
        options: LoadOptions::default(),
        cleanup: CleanupSchedule::Never,
        limits: MemoryLimits::default(),
        level: Level::Normal,
    };
    let program = Path::new(env!("CARGO_BIN_EXE_vlm-test"));
    let (worker, _) = WorkerProcess::start(program, log, &load, AMPLE, calm).unwrap();
    let image = root.join("datasets/shapes/images/COCO_test2014_000000000001.png");
    let about_it = move |number| Question {
        chat: Chat { messages: vec![Message::user([image.clone()], "How many shapes are there?")] },
        options: GenerationOptions { logprobs: 5, ..GenerationOptions::default() },
        stream: false,
        ..question(number)
    };
    (worker, about_it)
}

#[test]
fn under_pressure_caches_are_given_up_to_the_last_byte_and_no_answer_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (log, calm) = (folder.path().join("log"), AtomicBool::new(false));
    let (mut worker, about_it) = native_worker(&log, &calm);
    let ask = |worker: &mut WorkerProcess, number| match worker.ask(
        &about_it(number),
        AMPLE,
        &calm,
        &mut |_| {},
    ) {
        Exchange::Answered { generation, memory } => (generation, memory),
        other => panic!("{other:?}"),
    };
    let (first, memory) = ask(&mut worker, 1);
    let baseline = memory.baseline_bytes;
    let (again, _) = ask(&mut worker, 2);
    assert!(again.usage.cached_tokens > again.usage.image_tokens && again.timings.vision == 0.0);
    let record = worker.clean_up(CleanupReason::Pressure, AMPLE, &mut |_| {}).unwrap();
    assert_eq!((record.active_after_bytes, record.cache_after_bytes), (baseline, 0));
    let (anew, memory) = ask(&mut worker, 3);
    assert!(anew.usage.cached_tokens == 0 && anew.timings.vision > 0.0);
    assert!(memory.held_bytes > 0);
    for other in [&again, &anew] {
        assert_eq!((&other.answer, &other.logprobs), (&first.answer, &first.logprobs));
    }
    worker.stop();
}
