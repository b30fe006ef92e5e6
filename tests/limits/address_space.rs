//! Processes that are refused address space, as a worker each.

use std::{
    env, fs, os::unix::fs::PermissionsExt, path::Path, process::Command, sync::atomic::AtomicBool,
    time::Duration,
};

use vlm_test::{
    backend::manifest::Manifest,
    memory::{CleanupSchedule, Level, MemoryLimits},
    vlm::LoadOptions,
    worker::{Death, DeathCause, StartError, WorkerProcess, protocol::Load},
};

/// Has this test program run its ignored test `name` as a worker with 4 GB of address space.
fn death_of(name: &str) -> Death {
    let folder = tempfile::tempdir().unwrap();
    let this = env::current_exe().unwrap();
    let script = format!(
        "#!/bin/sh\nulimit -v 4000000\nexport RUST_BACKTRACE=0\nexec '{}' --ignored --exact address_space::{name} --nocapture\n",
        this.display()
    );
    let (text, program) = (folder.path().join("text"), folder.path().join("program"));
    fs::write(&text, script).unwrap();
    fs::set_permissions(&text, fs::Permissions::from_mode(0o755)).unwrap();
    // A file that this process had open for writing may not be run while another test forks.
    assert!(Command::new("cp").arg("-p").args([&text, &program]).status().unwrap().success());
    let load = Load {
        manifest: Manifest::of_checkpoint("x"),
        path: Path::new("").to_owned(),
        options: LoadOptions::default(),
        cleanup: CleanupSchedule::Never,
        limits: MemoryLimits::default(),
        level: Level::Normal,
    };
    let (log, calm) = (folder.path().join("log"), AtomicBool::new(false));
    let error = WorkerProcess::start(&program, &log, &load, Duration::from_mins(1), &calm);
    match error.map(|_| ()) {
        Err(StartError::Crashed(death)) => death,
        other => panic!("{other:?}"),
    }
}

/// Whether the limit holds here at all.
fn is_limited() -> bool {
    let limited = Command::new("sh").args(["-c", "ulimit -v 4000000"]).status();
    let limited = limited.is_ok_and(|status| status.success());
    if !limited {
        eprintln!("SKIPPED: the address space of a process cannot be limited here");
    }
    limited
}

#[test]
#[ignore = "a part of other tests"]
fn a_process_that_asks_mlx_for_too_much() {
    let large = mlx_rs::Array::ones::<f32>(&[1 << 20, 1 << 12]).unwrap();
    large.eval().unwrap();
}

#[test]
#[ignore = "a part of other tests"]
fn a_process_that_asks_rust_for_too_much() {
    drop(std::hint::black_box(vec![1_u8; 16 << 30]));
}

#[test]
fn mlx_ends_with_a_segmentation_fault() {
    if !is_limited() {
        return;
    }
    let death = death_of("a_process_that_asks_mlx_for_too_much");
    assert_eq!((death.cause, death.signal), (DeathCause::SegmentationFault, Some(libc::SIGSEGV)));
    assert!(death.to_string().contains("while loading the model (signal 11, SIGSEGV"), "{death}");
}

#[test]
fn rust_aborts_and_its_words_tell_why() {
    if !is_limited() {
        return;
    }
    let death = death_of("a_process_that_asks_rust_for_too_much");
    assert_eq!((death.cause, death.signal), (DeathCause::AllocationFailed, Some(libc::SIGABRT)));
    assert!(death.detail.contains("memory allocation of 17179869184 bytes failed"), "{death}");
}
