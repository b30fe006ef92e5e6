//! A scripted model has memory as a real one has, and runs out of it on demand.

use std::{fs, path::PathBuf};

use super::*;
use crate::{
    memory::{
        CleanupSchedule, MachineSignals, MemoryManager, MemoryReading, Prepared, Step,
        SystemPressure,
    },
    vlm::{Message, Unobserved},
};

const MIB: u64 = 1 << 20;

/// A loaded model with its allocator; the folder holds its script.
struct Ready {
    folder: tempfile::TempDir,
    model: ScriptedModel,
}

fn script_in(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("script")
}

fn read(script: &str) -> (tempfile::TempDir, Result<ScriptedModel, ScriptError>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(script_in(&folder), script).unwrap();
    let model = ScriptedModel::read(&script_in(&folder));
    (folder, model)
}

fn ready(script: &str) -> Ready {
    let (folder, model) = read(script);
    let mut model = model.unwrap();
    model.load().unwrap();
    Ready { folder, model }
}

fn managed(ready: &Ready, schedule: CleanupSchedule) -> MemoryManager {
    let signals = Box::new(MachineSignals::new());
    MemoryManager::new(ready.model.allocator(), signals, schedule.into(), |_| {})
}

/// How many clean-ups are made before `question`.
fn prepare(manager: &mut MemoryManager, model: &mut ScriptedModel, question: usize) -> usize {
    let step = Step { question, image: 1, opens_image: false };
    match manager.prepare(step, model, &mut Unobserved) {
        Prepared::Ready(records) => records.len(),
        Prepared::RestartWanted(sample) => panic!("{sample:?}"),
    }
}

impl Ready {
    fn ask_watched(&mut self, observer: &mut dyn Observer) -> Result<String, ModelError> {
        let image = script_in(&self.folder);
        let chat = Chat { messages: vec![Message::user([image], "What is it?")] };
        let options = GenerationOptions::default();
        self.model.generate(&chat, &options, observer).map(|it| it.answer)
    }

    fn ask(&mut self) -> Result<String, ModelError> {
        self.ask_watched(&mut Unobserved)
    }

    fn reading(&self) -> MemoryReading {
        self.model.allocator().reading().unwrap()
    }
}

#[test]
fn a_question_takes_what_the_script_says_and_leaves_what_is_held_and_leaks() {
    let mut ready = ready(
        "default = 'ok'\n\
         [memory]\nprofile = 'metal'\nweights_bytes = 104_857_600\nimage_bytes = 4_194_304\n\
         kv_bytes = 1_048_576\nquestion_bytes = 2_097_152\nheld_bytes = 524_288\n\
         leak_bytes = 65_536\nleak_objects = 3\n\
         [[answer]]\nat = 2\ntext = 'large'\nquestion_bytes = 16_777_216\n",
    );
    assert_eq!(ready.model.weights_bytes(), 100 * MIB);
    assert_eq!(ready.reading().active_bytes, 100 * MIB);
    let mut peak_of_next = || {
        ready.model.allocator().reset_peak().unwrap();
        ready.ask().unwrap();
        let MemoryReading { active_bytes, peak_bytes, .. } = ready.reading();
        (active_bytes - 100 * MIB, peak_bytes - 100 * MIB)
    };
    let (leak, held) = (65_536 + 3 * 4, 524_288);
    assert_eq!(peak_of_next(), (leak + held, 4 * MIB), "the image is gone before the prompt");
    assert_eq!(peak_of_next(), (2 * leak + held, leak + held + 17 * MIB));
    assert_eq!(ready.model.held_bytes(), held);
    ready.model.shrink_caches(held);
    assert_eq!(ready.model.held_bytes(), held);
    ready.model.shrink_caches(0);
    assert_eq!((ready.model.held_bytes(), ready.reading().active_bytes), (0, 100 * MIB + 2 * leak));
}

#[test]
fn what_a_question_needs_is_announced_and_may_be_refused() {
    #[derive(Default)]
    struct Strict(Vec<Need>);
    impl Observer for Strict {
        fn admit(&mut self, need: &Need) -> Admission {
            self.0.push(*need);
            match self.0.len() {
                1 => Admission::Granted,
                2 => Admission::GiveUp,
                _ => Admission::Refused(ModelError::Memory("too large".to_owned())),
            }
        }
    }
    let mut ready = ready(
        "default = 'ok'\n[memory]\nkv_bytes = 4096\nquestion_bytes = 8192\nimage_bytes = 16_384\n\
         held_bytes = 100\n",
    );
    ready.model.limit_prefill_chunk(2);
    let mut strict = Strict::default();
    assert_eq!(ready.ask_watched(&mut strict), Ok("ok".to_owned()));
    assert_eq!(ready.ask_watched(&mut strict), Err(ModelError::Memory("too large".to_owned())));
    let held: Vec<u64> = strict.0.iter().map(|it| it.held_bytes).collect();
    assert_eq!(held, [0, 100, 0]);
    let need = strict.0[0];
    assert_eq!((need.kv_bytes, need.largest_buffer_bytes), (4096, 16_384));
    assert_eq!((need.frames, need.prompt_tokens, need.chunk), (1, 5, 2));
}

#[test]
fn memory_that_runs_out_is_told_as_such_and_the_next_question_has_it_again() {
    let mut ready = ready(
        "default = 'ok'\n[memory]\nprofile = 'metal'\ndevice_bytes = 1_073_741_824\n\
         [[answer]]\nat = 1\nallocation_error = true\n\
         [[answer]]\nat = 2\nquestion_bytes = 805_306_368\n",
    );
    let error = ready.ask().unwrap_err();
    assert!(matches!(&error, ModelError::Compute(text) if text.contains("Unable to allocate")));
    let error = ready.ask().unwrap_err();
    assert!(matches!(&error, ModelError::Compute(text) if text.contains("maximum allowed buffer")));
    assert_eq!(ready.ask(), Ok("ok".to_owned()));
}

#[test]
fn a_late_error_spoils_its_own_question_and_no_other() {
    let mut ready = ready(
        "default = 'ok'\n[[answer]]\nat = 2\ntext = 'zeros'\nlate_error = true\nphase = 'decode'\n",
    );
    let mut manager = managed(&ready, CleanupSchedule::Never);
    manager.loaded().unwrap();
    let answers = [1, 2, 3].map(|_| manager.track(1, &mut Unobserved, |_| ready.ask()));
    assert!(answers[0].is_ok() && answers[2].is_ok());
    let error = answers[1].as_ref().unwrap_err().to_string();
    assert!(error.contains("OutOfMemory"), "{error}");
}

#[test]
fn a_device_that_ignores_submissions_never_answers_again() {
    let mut ready = ready("default = 'ok'\n[[answer]]\nat = 2\nsubmissions_ignored = true\n");
    let mut manager = managed(&ready, CleanupSchedule::Never);
    manager.loaded().unwrap();
    let good = [1, 2, 3, 4].map(|_| manager.track(1, &mut Unobserved, |_| ready.ask()).is_ok());
    assert_eq!(good, [true, false, false, false]);
}

#[test]
fn a_fault_of_a_clean_up_happens_in_the_first_one_after_its_answer() {
    let mut ready = ready(
        "default = 'ok'\n[[answer]]\nat = 2\ntext = 'armed'\npanic = 'oh'\nphase = 'clean_up'\n",
    );
    let mut manager = managed(&ready, CleanupSchedule::every_questions(2));
    manager.loaded().unwrap();
    for question in 1..=2 {
        assert_eq!(prepare(&mut manager, &mut ready.model, question), 0);
        ready.ask().unwrap();
    }
    let third = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        prepare(&mut manager, &mut ready.model, 3)
    }));
    assert_eq!(third.unwrap_err().downcast_ref::<String>().unwrap(), "oh");
    assert_eq!(prepare(&mut manager, &mut ready.model, 5), 1);
    assert_eq!(manager.failed_cleanups(), 0);
}

#[test]
fn what_happens_once_happens_to_the_first_worker_alone() {
    let script = "default = 'ok'\n\
        [[answer]]\nonce = true\nerror = 'out of luck'\n\
        [[answer]]\nonce = true\nphase = 'load'\nerror = 'bad start'\n";
    let (folder, model) = read(script);
    assert_eq!(model.unwrap().load().unwrap_err().to_string(), "bad start");
    let again = || {
        let mut model = ScriptedModel::read(&script_in(&folder)).unwrap();
        model.load().unwrap();
        let chat = Chat { messages: vec![Message::user([], "What?")] };
        model.generate(&chat, &GenerationOptions::default(), &mut Unobserved).map(|it| it.answer)
    };
    assert_eq!(again(), Err(ModelError::Compute("out of luck".to_owned())));
    assert_eq!(again(), Ok("ok".to_owned()));
}

#[test]
fn a_model_that_computes_elsewhere_has_no_memory_here() {
    let ready = ready("[memory]\nremote = true\nweights_bytes = 1000\n");
    assert!(!ready.model.allocator().is_local());
    assert_eq!(ready.reading(), MemoryReading::default());
    assert!(self::ready("").model.allocator().is_local());
}

#[test]
fn what_cannot_happen_is_refused_with_the_answer_named() {
    let remote = "[memory]\nremote = true\n[[answer]]\n";
    for (script, said) in [
        (format!("{remote}late_error = true"), "answer 1: a model with `remote = true`"),
        (format!("{remote}phase = 'clean_up'\nhang = true"), "is not cleaned up"),
        ("[[answer]]\n[[answer]]\nphase = 'idle'".to_owned(), "answer 2: nothing happens"),
        ("[[answer]]\nphase = 'clean_up'\nerror = 'x'".to_owned(), "a clean-up can only"),
    ] {
        let error = read(&script).1.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_script_says_how_short_the_machine_is() {
    let (_folder, model) = read(
        "[[pressure]]\nfrom_question = 3\npressure = 'critical'\n\
         [[pressure]]\nfrom_ms = 1500\navailable_bytes = 7\n",
    );
    let model = model.unwrap();
    let [first, second] = model.pressure() else { panic!("{:?}", model.pressure()) };
    assert_eq!((first.from_question, first.pressure), (Some(3), Some(SystemPressure::Critical)));
    assert_eq!((second.from_ms, second.available_bytes), (Some(1500), Some(7)));
}
