//! The loop against scripted models, all in this process.

use std::path::PathBuf;

use super::*;
use crate::{
    backend::manifest::{BackendKind, Manifest},
    memory::{CleanupSchedule, Level, MemoryLimits, Step},
    vlm::{Chat, GenerationOptions, LoadOptions, Message},
};

/// What the worker writes, also from its watcher.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Talk {
    replies: Vec<Reply>,
    result: Result<(), ServeError>,
}

fn load(path: PathBuf) -> Ask {
    let manifest = Manifest { backend: BackendKind::Scripted, ..Manifest::of_checkpoint("fake") };
    Ask::Load(Box::new(Load {
        manifest,
        path,
        options: LoadOptions::default(),
        cleanup: CleanupSchedule::every_questions(2),
        limits: MemoryLimits::default(),
        level: Level::Normal,
    }))
}

fn question(number: usize, text: &str) -> Ask {
    Ask::Question(Box::new(Question {
        id: 100 + number as u64,
        step: Step { question: number, image: 1, opens_image: false },
        chat: Chat { messages: vec![Message::user([], text)] },
        options: GenerationOptions::default(),
        stream: text.contains("stream"),
    }))
}

fn talk_to(script: &str, asks: impl IntoIterator<Item = Ask>) -> Talk {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), script).unwrap();
    talk([load(file.path().to_owned())].into_iter().chain(asks))
}

fn talk(asks: impl IntoIterator<Item = Ask>) -> Talk {
    let lines = asks.into_iter().map(|ask| serde_json::to_string(&ask).unwrap() + "\n");
    say(&lines.collect::<String>())
}

fn say(input: &str) -> Talk {
    let output = Output::default();
    let result = serve(input.as_bytes(), output.clone());
    let output = String::from_utf8(output.0.lock().unwrap().clone()).unwrap();
    let replies = output
        .lines()
        .map(|line| serde_json::from_str(line.strip_prefix(LINE_PREFIX).unwrap()).unwrap());
    // How memory looked is another matter.
    let replies = replies.filter(|reply| !matches!(reply, Reply::Sampled(_)));
    Talk { replies: replies.collect(), result }
}

#[test]
fn a_model_is_loaded_and_every_question_answered_in_turn() {
    let asks = [question(1, "a"), question(2, "please stream"), question(3, "c")];
    let Talk { replies, result } = talk_to("default = 'a red dot'", asks);
    result.unwrap();
    let [Reply::Loaded(loaded), Reply::Answered { id: 101, generation, .. }, rest @ ..] = &*replies
    else {
        panic!("{replies:?}");
    };
    assert_eq!((loaded.model_type.as_str(), loaded.mlx_version.as_deref()), ("scripted", None));
    assert_eq!(generation.answer, "a red dot");
    let pieces: Vec<_> = rest
        .iter()
        .map_while(|reply| match reply {
            Reply::Text { id: 102, piece } => Some(piece.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(pieces, ["a ", "red ", "dot"]);
    let [
        Reply::Answered { id: 102, .. },
        Reply::CleanedUp(record),
        Reply::Answered { id: 103, .. },
    ] = &rest[3..]
    else {
        panic!("{rest:?}");
    };
    assert_eq!((record.before_question, record.reason), (Some(3), CleanupReason::Scheduled));
}

#[test]
fn errors_of_the_model_concern_their_question_alone() {
    let script = "default = 'ok'\n[[answer]]\nat = 1\nimage_error = 'not an image'";
    let Talk { replies, result } = talk_to(script, [question(1, "a"), question(2, "b")]);
    result.unwrap();
    let error = ModelError::Image("not an image".to_owned());
    assert_eq!(replies[1], Reply::Failed { id: 101, error, worker_ends: false });
    assert!(matches!(replies[2], Reply::Answered { id: 102, .. }));
}

#[test]
fn a_panic_is_the_answer_to_its_question_and_the_end_of_the_worker() {
    let script = "default = 'ok'\n[[answer]]\nat = 1\npanic = 'index out of bounds'";
    let Talk { replies, result } = talk_to(script, [question(1, "a"), question(2, "b")]);
    result.unwrap();
    let error = ModelError::Panic("the model panicked: index out of bounds".to_owned());
    assert_eq!(replies[1..], [Reply::Failed { id: 101, error, worker_ends: true }]);
}

#[test]
fn a_model_that_cannot_be_opened_says_why_and_ends() {
    for (script, why) in [
        ("load_error = 'missing tensor'", "missing tensor"),
        ("load_panic = 'oh'", "loading panicked: oh"),
        ("[[answer]]\nfoo = 1", "foo"),
    ] {
        let Talk { replies, result } = talk_to(script, [question(1, "a")]);
        result.unwrap();
        let [Reply::LoadFailed { message, .. }] = &*replies else { panic!("{replies:?}") };
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn a_clean_up_is_made_when_asked_for() {
    let Talk { replies, .. } = talk_to("", [Ask::CleanUp { reason: CleanupReason::ModelEnd }]);
    let [Reply::Loaded(_), Reply::CleanedUp(record)] = &*replies else { panic!("{replies:?}") };
    assert_eq!((record.before_question, record.reason), (None, CleanupReason::ModelEnd));
}

#[test]
fn what_comes_out_of_turn_or_is_no_ask_ends_the_worker_with_its_line() {
    assert!(say("").result.is_ok());
    assert!(matches!(talk([question(1, "a")]).result, Err(ServeError::OutOfTurn { line: 1 })));
    let second = talk_to("", [load("/no".into())]).result;
    assert!(matches!(second, Err(ServeError::OutOfTurn { line: 2 })));
    assert!(matches!(say("{\"ask\": \"dance\"}").result, Err(ServeError::Ask { line: 1, .. })));
}

#[test]
fn a_runner_that_went_away_ends_the_worker() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let ask = serde_json::to_string(&load("/no".into())).unwrap();
    assert!(matches!(serve(ask.as_bytes(), Closed), Err(ServeError::Io(_))));
}
