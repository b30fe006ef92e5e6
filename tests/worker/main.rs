//! Workers through the real binary: round trips, noise, deaths, hangs, and that nothing
//! is ever left behind.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod native;

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use vlm_test::{
    backend::manifest::{BackendKind, Manifest},
    memory::{CleanupReason, CleanupRecord, CleanupSchedule, Level, MemoryLimits, Step},
    vlm::{Chat, GenerationOptions, LoadOptions, Loaded, Message, ModelError},
    worker::{
        DeathCause, Exchange, StartError, Told, WorkerProcess,
        protocol::{Load, Question},
    },
};

/// Far longer than anything here takes; a test that waits it out fails.
const AMPLE: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(300);

/// What came of one question.
#[derive(Debug)]
struct Answer {
    cleanups: Vec<CleanupRecord>,
    pieces: String,
    exchange: Exchange,
}

fn put(worker: &mut WorkerProcess, asked: &Question, limit: Duration, calm: &AtomicBool) -> Answer {
    let (mut cleanups, mut pieces) = (Vec::new(), String::new());
    let exchange = worker.ask(asked, limit, calm, &mut |told| match told {
        Told::Text(piece) => pieces += &piece,
        Told::CleanedUp(record) => cleanups.push(record),
        Told::Sampled(_) => {}
    });
    Answer { cleanups, pieces, exchange }
}

struct Bench {
    folder: tempfile::TempDir,
    calm: AtomicBool,
}

fn bench(script: &str) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("script"), script).unwrap();
    Bench { folder, calm: AtomicBool::new(false) }
}

impl Bench {
    fn start(&self, deadline: Duration) -> Result<(WorkerProcess, Loaded), StartError> {
        start(&self.folder.path().join("script"), &self.log(), deadline, &self.calm)
    }

    fn worker(&self) -> WorkerProcess {
        self.start(AMPLE).unwrap().0
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("logs/worker.log")
    }

    fn ask(&self, worker: &mut WorkerProcess, number: usize, deadline: Duration) -> Answer {
        put(worker, &question(number), deadline, &self.calm)
    }
}

fn start(
    script: &Path,
    log: &Path,
    deadline: Duration,
    interrupt: &AtomicBool,
) -> Result<(WorkerProcess, Loaded), StartError> {
    let manifest = Manifest { backend: BackendKind::Scripted, ..Manifest::of_checkpoint("fake") };
    let cleanup = CleanupSchedule::every_questions(5);
    let options = LoadOptions::default();
    let load = Load {
        manifest,
        path: script.to_owned(),
        options,
        cleanup,
        limits: MemoryLimits::default(),
        level: Level::Normal,
    };
    WorkerProcess::start(Path::new(env!("CARGO_BIN_EXE_vlm-test")), log, &load, deadline, interrupt)
}

fn question(number: usize) -> Question {
    Question {
        id: number as u64,
        step: Step { question: number, image: 1, opens_image: number == 1 },
        chat: Chat { messages: vec![Message::user([], format!("question {number}."))] },
        options: GenerationOptions::default(),
        stream: true,
    }
}

fn text(answer: &Answer) -> &str {
    match &answer.exchange {
        Exchange::Answered { generation, .. } => &generation.answer,
        other => panic!("no answer: {other:?}"),
    }
}

/// Whether a process runs under `pid`; one that has ended but was not reaped does not.
fn runs(pid: u32) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    let state = String::from_utf8(state.stdout).unwrap();
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

fn soon(mut condition: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + AMPLE;
    while Instant::now() < until {
        if condition() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

#[test]
fn questions_are_answered_in_turn_with_their_clean_ups_and_pieces() {
    let bench = bench("default = 'a red dot'");
    let (mut worker, loaded) = bench.start(AMPLE).unwrap();
    assert_eq!(loaded.model_type, "scripted");
    for number in 1..=11 {
        let answer = bench.ask(&mut worker, number, AMPLE);
        assert_eq!((text(&answer), answer.pieces.as_str()), ("a red dot", "a red dot"));
        let before: Vec<_> = answer.cleanups.iter().map(|it| it.before_question).collect();
        let expected = if [6, 11].contains(&number) { vec![Some(number)] } else { vec![] };
        assert_eq!(before, expected);
    }
    let record = worker.clean_up(CleanupReason::ModelEnd, AMPLE, &mut |_| {}).unwrap();
    assert_eq!((record.before_question, record.error), (None, None));
    let pid = worker.pid();
    worker.stop();
    assert!(!runs(pid));
}

#[test]
fn foreign_output_does_not_disturb() {
    let noise = "Fetching weights: 100%\\n@vlm-test broken\\n{}\\nMLX warning without end of line";
    let bench =
        bench(&format!("default = 'ok'\n[[answer]]\nat = 2\nnoise = \"{noise}\"\ntext = 'fine'"));
    let mut worker = bench.worker();
    let answers = [1, 2, 3].map(|number| text(&bench.ask(&mut worker, number, AMPLE)).to_owned());
    assert_eq!(answers, ["ok", "fine", "ok"]);
}

#[test]
fn a_large_conversation_passes_through() {
    let bench = bench("default = 'ok'");
    let mut worker = bench.worker();
    let mut large = question(1);
    large.chat.messages.insert(0, Message::user([], "x".repeat(5_000_000)));
    let answer = put(&mut worker, &large, AMPLE, &bench.calm);
    assert_eq!(text(&answer), "ok");
}

#[test]
fn every_way_to_die_is_told_apart_and_the_next_worker_works() {
    let deaths = [
        ("segv", DeathCause::SegmentationFault, Some(libc::SIGSEGV), None),
        ("abort", DeathCause::Aborted, Some(libc::SIGABRT), None),
        ("kill", DeathCause::Killed, Some(libc::SIGKILL), None),
        ("exit255", DeathCause::HandlerMissing, None, Some(255)),
    ];
    for (crash, cause, signal, exit_code) in deaths {
        let bench = bench(&format!(
            "default = 'ok'\n[[answer]]\nquestion = 'question 6.'\ncrash = '{crash}'"
        ));
        let mut worker = bench.worker();
        let pid = worker.pid();
        assert_eq!(text(&bench.ask(&mut worker, 5, AMPLE)), "ok");
        let answer = bench.ask(&mut worker, 6, AMPLE);
        let Exchange::Crashed(death) = &answer.exchange else { panic!("{crash}: {answer:?}") };
        assert_eq!(
            (death.cause, death.signal, death.exit_code),
            (cause, signal, exit_code),
            "{death}"
        );
        assert_eq!(answer.cleanups.len(), 1, "the clean-up before the crash was made");
        assert!(answer.exchange.ended_worker() && !runs(pid));
        // Asking a dead worker is pointless but harmless.
        let again = bench.ask(&mut worker, 7, AMPLE).exchange;
        assert_eq!(again, answer.exchange);
        assert_eq!(text(&bench.ask(&mut bench.worker(), 7, AMPLE)), "ok");
    }
}

#[test]
fn a_panic_is_an_error_with_its_text_and_leaves_a_trace_in_the_log() {
    let bench = bench("[[answer]]\npanic = 'index out of bounds'");
    let mut worker = bench.worker();
    let exchange = bench.ask(&mut worker, 1, AMPLE).exchange;
    let error = ModelError::Panic("the model panicked: index out of bounds".to_owned());
    assert_eq!(exchange, Exchange::Failed { error, worker_ended: true });
    assert!(fs::read_to_string(bench.log()).unwrap().contains("index out of bounds"));
}

#[test]
fn a_question_that_hangs_ends_in_time_and_so_does_its_worker() {
    let bench = bench("default = 'ok'\n[[answer]]\nquestion = 'question 2.'\nhang = true");
    let mut worker = bench.worker();
    assert_eq!(text(&bench.ask(&mut worker, 1, AMPLE)), "ok");
    let pid = worker.pid();
    let exchange = bench.ask(&mut worker, 2, SHORT).exchange;
    assert_eq!(exchange, Exchange::TimedOut { limit: SHORT });
    assert!(!runs(pid));
}

#[test]
fn an_interruption_ends_a_hanging_question() {
    let bench = bench("[[answer]]\nhang = true");
    let mut worker = bench.worker();
    let pid = worker.pid();
    let exchange = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(SHORT);
            bench.calm.store(true, Ordering::Relaxed);
        });
        bench.ask(&mut worker, 1, AMPLE).exchange
    });
    assert_eq!(exchange, Exchange::Interrupted);
    assert!(!runs(pid));
}

#[test]
fn a_model_that_cannot_be_loaded_says_why() {
    let failure = |script: &str, deadline| bench(script).start(deadline).unwrap_err();
    let refused = failure("load_error = 'missing tensor lm_head'", AMPLE);
    assert!(
        matches!(&refused, StartError::LoadFailed { message } if message == "missing tensor lm_head")
    );
    let panicked = failure("load_panic = 'oh'", AMPLE).to_string();
    assert_eq!(panicked, "loading panicked: oh");
    let hung = failure("load_hang = true", SHORT);
    assert!(matches!(hung, StartError::TimedOut { limit: SHORT }));
    let crashed = failure("load_crash = 'segv'", AMPLE);
    assert!(matches!(&crashed, StartError::Crashed(death) if death.signal == Some(libc::SIGSEGV)));
    assert!(crashed.to_string().contains("SIGSEGV"), "{crashed}");
}

#[test]
fn a_program_or_log_that_is_not_there_is_named() {
    let bench = bench("");
    let no_program = start_program(&bench, Path::new("/no/program")).to_string();
    assert!(no_program.contains("/no/program"), "{no_program}");
    let bench = self::bench("");
    fs::write(bench.folder.path().join("logs"), "a file").unwrap();
    let no_log = start_program(&bench, Path::new(env!("CARGO_BIN_EXE_vlm-test"))).to_string();
    assert!(no_log.contains("logs/worker.log"), "{no_log}");
}

#[test]
fn what_a_dying_worker_wrote_last_is_part_of_its_death() {
    let bench = bench("");
    let script = "echo hello\necho first >&2\necho 'libmlx not found' >&2\nexit 127\n";
    let error = start_program(&bench, &program(&bench, script)).to_string();
    assert!(error.ends_with("(exit code 127): first | libmlx not found"), "{error}");
}

/// What a worker started lives in its group, and may hold its pipes open.
#[test]
fn a_death_is_noticed_and_the_group_ended_though_a_grandchild_keeps_the_pipes() {
    let bench = bench("");
    let pid_file = bench.folder.path().join("pid");
    let script = format!("sleep 600 &\necho $! > '{}'\nexit 9\n", pid_file.display());
    let error = start_program(&bench, &program(&bench, &script));
    assert!(matches!(error, StartError::Crashed(death) if death.exit_code == Some(9)));
    let grandchild = fs::read_to_string(pid_file).unwrap().trim().parse().unwrap();
    assert!(soon(|| !runs(grandchild)));
}

/// Makes a program of a shell script. The copy is written by another process: a file that
/// this one had open for writing may not be run while a parallel test starts a worker.
fn program(bench: &Bench, script: &str) -> PathBuf {
    let (text, program) = (bench.folder.path().join("text"), bench.folder.path().join("program"));
    fs::write(
        &text,
        format!(
            "#!/bin/sh
{script}"
        ),
    )
    .unwrap();
    fs::set_permissions(&text, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(Command::new("cp").arg("-p").args([&text, &program]).status().unwrap().success());
    program
}

fn start_program(bench: &Bench, program: &Path) -> StartError {
    let load = Load {
        manifest: Manifest::of_checkpoint("x"),
        path: PathBuf::new(),
        options: LoadOptions::default(),
        cleanup: CleanupSchedule::Never,
        limits: MemoryLimits::default(),
        level: Level::Normal,
    };
    WorkerProcess::start(program, &bench.log(), &load, AMPLE, &bench.calm).unwrap_err()
}

#[test]
fn dropping_a_worker_ends_it() {
    let bench = bench("");
    let worker = bench.worker();
    let pid = worker.pid();
    assert!(runs(pid));
    drop(worker);
    assert!(!runs(pid));
}

/// Started by the tests below as a process of its own, to be killed there.
#[test]
#[ignore = "a part of other tests"]
fn a_runner_that_waits_for_a_worker() {
    let Some(folder) = env::var_os("RUNNER_FOLDER").map(PathBuf::from) else { return };
    let calm = AtomicBool::new(false);
    let (mut worker, _) = start(&folder.join("script"), &folder.join("log"), AMPLE, &calm).unwrap();
    fs::write(folder.join("pid.new"), worker.pid().to_string()).unwrap();
    fs::rename(folder.join("pid.new"), folder.join("pid")).unwrap();
    worker.ask(&question(1), Duration::from_mins(10), &calm, &mut |_| {});
}

fn runner_in(folder: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "a_runner_that_waits_for_a_worker", "--ignored"])
        .env("RUNNER_FOLDER", folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_worker_deep_in_a_question_does_not_outlive_a_killed_runner() {
    let bench = bench("[[answer]]\nhang = true");
    let mut runner = runner_in(bench.folder.path());
    let mut pid = None;
    assert!(soon(|| {
        pid = fs::read_to_string(bench.folder.path().join("pid")).ok();
        pid.is_some()
    }));
    let pid: u32 = pid.unwrap().parse().unwrap();
    assert!(runs(pid));
    runner.kill().unwrap();
    runner.wait().unwrap();
    assert!(soon(|| !runs(pid)), "worker {pid} is still there");
}
