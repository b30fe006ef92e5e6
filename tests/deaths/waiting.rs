//! Before a worker is replaced for want of memory, the runner waits for the system.

use std::{
    cell::Cell,
    fs,
    path::Path,
    rc::Rc,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use vlm_test::{
    backend::{
        manifest::{BackendKind, Manifest},
        resolved::{Location, ResolvedModel},
    },
    memory::{CleanupSchedule, MemoryLimits, SystemMemory, SystemPressure},
    results::{
        About, AboutVqa, DatasetProvenance, Event, Outcome, Provenance, Recorder, RunDir,
        RunSettings, RunStatus, read_journal,
    },
    runner::{self, Patience, Plan, PlannedModel},
    suites::{Item, Prompt, Replies, Suite},
    vlm::{Chat, Generation, GenerationOptions, LoadOptions, Message},
};

/// Questions that any answer answers.
struct Questions(Vec<Item>);

impl Suite for Questions {
    fn name(&self) -> &'static str {
        "vqa"
    }

    fn items(&self) -> &[Item] {
        &self.0
    }

    fn about(&self, _item: usize, suffix: &str) -> About {
        About::Vqa(AboutVqa {
            image_id: 1,
            prompt_suffix: suffix.to_owned(),
            question_type: String::new(),
            answer_type: String::new(),
            references: Vec::new(),
        })
    }

    fn prompt(&self, item: usize, _: &str, _: &Replies) -> Result<Prompt, Box<Outcome>> {
        let chat = Chat { messages: vec![Message::user([], self.0[item].question.clone())] };
        Ok(Prompt { chat, options: GenerationOptions::default() })
    }

    fn judge(&self, _: usize, _: &str, reply: &Generation, _: &Replies) -> Outcome {
        Outcome::Empty { raw: reply.answer.clone() }
    }
}

fn item(id: u64) -> Item {
    Item { id, image: None, group: id, question: format!("question {id}") }
}

fn settings() -> RunSettings {
    RunSettings {
        suite: "vqa".to_owned(),
        models: vec!["model".to_owned()],
        questions: 2,
        max_tokens: 8,
        temperature: 0.0,
        top_p: 1.0,
        load: LoadOptions::default(),
        cleanup: CleanupSchedule::Never,
        limits: MemoryLimits::default(),
        max_growth_bytes: None,
        load_limit_ms: 60_000,
        question_limit_ms: 60_000,
        context: None,
    }
}

fn provenance() -> Provenance {
    let dataset = DatasetProvenance {
        name: "none".to_owned(),
        root: String::new(),
        split: String::new(),
        total_questions: 2,
        selected_questions: 2,
        questions_sha256: None,
        annotations_sha256: None,
    };
    Provenance::collect(Vec::new(), 0, dataset)
}

/// Runs two questions, the first of which is refused memory once; the events of the run.
fn run_with(folder: &Path, patience: Patience, interrupt: &AtomicBool) -> (RunStatus, Vec<Event>) {
    let script = folder.join("script");
    let fault = "[[answer]]\nat = 1\nonce = true\ncrash = 'abort'\nnoise = \"std::bad_alloc\\n\"";
    fs::write(&script, format!("default = 'yes'\n{fault}")).unwrap();
    let manifest = Manifest { backend: BackendKind::Scripted, ..Manifest::of_checkpoint("model") };
    let model = ResolvedModel { manifest, location: Location::Present(script) };
    let run_folder = RunDir::create(Some(&folder.join("out")), "vqa").unwrap();
    let plan = Plan {
        settings: settings(),
        provenance: provenance(),
        models: vec![PlannedModel { model, prompt_suffix: String::new() }],
        suite: Box::new(Questions(vec![item(1), item(2)])),
        program: env!("CARGO_BIN_EXE_vlm-test").into(),
        log: run_folder.debug_log_path(),
        patience,
    };
    let mut recorder = Recorder::new(run_folder.clone(), |_| {}).unwrap();
    let status = runner::run(&plan, &mut recorder, interrupt).unwrap();
    let entries = read_journal(&run_folder.events_path()).unwrap().entries;
    (status, entries.into_iter().map(|entry| entry.event).collect())
}

/// A system that is critical for so many looks; the looks are counted.
fn critical_for(looks: usize) -> (Patience, Rc<Cell<usize>>) {
    let looked = Rc::new(Cell::new(0));
    let counted = Rc::clone(&looked);
    let system = move || {
        counted.set(counted.get() + 1);
        let critical = counted.get() <= looks;
        let pressure = if critical { SystemPressure::Critical } else { SystemPressure::Normal };
        Some(SystemMemory { pressure: Some(pressure), ..SystemMemory::default() })
    };
    let patience = Patience {
        system: Box::new(system),
        poll: Duration::from_millis(5),
        ..Patience::default()
    };
    (patience, looked)
}

fn waits(events: &[Event]) -> Vec<bool> {
    let waits = events.iter().filter_map(|event| match event {
        Event::Waited { relieved, .. } => Some(*relieved),
        _ => None,
    });
    waits.collect()
}

fn finished(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::QuestionFinished { .. })).count()
}

#[test]
fn until_the_system_is_better_and_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (patience, looked) = critical_for(20);
    let (status, events) = run_with(folder.path(), patience, &AtomicBool::new(false));
    assert_eq!((status, finished(&events), looked.get()), (RunStatus::Completed, 2, 21));
    assert_eq!(waits(&events), [true]);
}

#[test]
fn not_at_all_if_nothing_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (patience, looked) = critical_for(0);
    let (status, events) = run_with(folder.path(), patience, &AtomicBool::new(false));
    assert_eq!((status, finished(&events), looked.get()), (RunStatus::Completed, 2, 1));
    assert!(waits(&events).is_empty());
}

#[test]
fn no_longer_than_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let (patience, _) = critical_for(usize::MAX);
    let patience = Patience { limit: Duration::from_millis(100), ..patience };
    let (status, events) = run_with(folder.path(), patience, &AtomicBool::new(false));
    assert_eq!((status, finished(&events)), (RunStatus::Completed, 2));
    assert_eq!(waits(&events), [false]);
}

#[test]
fn not_after_an_interruption_and_the_question_stays_unfinished() {
    static INTERRUPT: AtomicBool = AtomicBool::new(false);
    let folder = tempfile::tempdir().unwrap();
    let (patience, looked) = critical_for(usize::MAX);
    let system = patience.system;
    let interrupting = move || {
        INTERRUPT.store(looked.get() == 3, Ordering::Relaxed);
        system()
    };
    let patience = Patience { system: Box::new(interrupting), ..patience };
    let (status, events) = run_with(folder.path(), patience, &INTERRUPT);
    assert_eq!((status, finished(&events)), (RunStatus::Interrupted, 0));
    assert_eq!(waits(&events), [false]);
    assert!(events.iter().any(|event| matches!(event, Event::QuestionRetried { .. })));
}
