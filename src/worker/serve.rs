//! The worker's side: reads asks, answers each, one at a time, on one thread.

use std::{
    any::Any,
    io::{self, BufRead, Write},
    panic::{self, AssertUnwindSafe},
    time::Instant,
};

use super::protocol::{Ask, LINE_PREFIX, Load, Question, Reply};
use crate::{
    backend::{self, ModelInfo},
    memory::{CleanupReason, MemoryError, MemoryManager, MlxAllocator, Tracked},
    vlm::{Loaded, ModelError, OnText, VisionLanguageModel},
};

/// Why a worker ended early. A model that fails is no such reason: its runner is told.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The runner's line is not an ask.
    #[error("line {line} from the runner is not understood: {source}")]
    Ask {
        /// Its number, from 1.
        line: usize,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// Something else came before the model was loaded, or a second model after it.
    #[error("line {line} from the runner comes out of turn: the first line, and only it, loads")]
    OutOfTurn {
        /// Its number, from 1.
        line: usize,
    },
    /// The runner is gone.
    #[error("cannot talk to the runner: {0}")]
    Io(#[from] io::Error),
    /// A reply cannot be written as JSON.
    #[error("cannot write a reply as JSON: {0}")]
    Reply(#[source] serde_json::Error),
}

/// Loads the model that the first line of `input` names and answers every question that
/// follows, writing one reply a line to `output`. Returns when the input ends, or when
/// the model's state may be broken; the last reply then says so.
///
/// # Errors
/// [`ServeError`] when the runner cannot be understood or written to.
pub fn serve(input: impl BufRead, output: impl Write) -> Result<(), ServeError> {
    let mut replies = Replies { output };
    let mut asks = input.lines().enumerate().map(|(index, line)| {
        let line_number = index + 1;
        let parsed = serde_json::from_str::<Ask>(&line?);
        let ask = parsed.map_err(|source| ServeError::Ask { line: line_number, source })?;
        Ok::<_, ServeError>((line_number, ask))
    });
    let mut worker = match asks.next().transpose()? {
        None => return Ok(()),
        Some((_, Ask::Load(load))) => match Worker::open(&load) {
            Ok((worker, loaded)) => {
                replies.send(&Reply::Loaded(loaded))?;
                worker
            }
            Err(failure) => return replies.send(&failure),
        },
        Some((line, Ask::Question(_) | Ask::CleanUp { .. })) => {
            return Err(ServeError::OutOfTurn { line });
        }
    };
    for ask in asks {
        let go_on = match ask? {
            (_, Ask::Question(question)) => worker.answer(&question, &mut replies)?,
            (_, Ask::CleanUp { reason }) => worker.clean_up(reason, &mut replies)?,
            (line, Ask::Load(_)) => return Err(ServeError::OutOfTurn { line }),
        };
        if !go_on {
            break;
        }
    }
    Ok(())
}

struct Replies<W> {
    output: W,
}

impl<W: Write> Replies<W> {
    fn send(&mut self, reply: &Reply) -> Result<(), ServeError> {
        let json = serde_json::to_string(reply).map_err(ServeError::Reply)?;
        // One write, so that foreign output cannot get into the middle of a line.
        self.output.write_all(format!("{LINE_PREFIX}{json}\n").as_bytes())?;
        Ok(self.output.flush()?)
    }
}

struct Worker {
    model: Box<dyn VisionLanguageModel>,
    memory: MemoryManager,
}

impl Worker {
    /// Opens the model; an error is what the runner is told.
    fn open(load: &Load) -> Result<(Self, Loaded), Reply> {
        let start = Instant::now();
        let failed = |message, panicked| Reply::LoadFailed { message, panicked };
        match fenced(|| Self::open_at(load, start).map_err(|error| error.to_string())) {
            Ok(opened) => opened.map_err(|message| failed(message, false)),
            Err(panic) => Err(failed(format!("loading panicked: {panic}"), true)),
        }
    }

    fn open_at(load: &Load, start: Instant) -> Result<(Self, Loaded), Box<dyn std::error::Error>> {
        let uses_mlx = load.manifest.backend.uses_mlx();
        let prepared = backend::prepare(&load.manifest, &load.path)?;
        let mut memory = MemoryManager::new(prepared.allocator(), load.cleanup);
        memory.before_load(prepared.weight_bytes())?;
        let opened = prepared.load(&load.options)?;
        let baseline_bytes = memory.loaded()?;
        let ModelInfo { model_type, template_sha256, precision } = opened.info;
        let loaded = Loaded {
            model_type,
            load_ms: start.elapsed().as_secs_f64() * 1e3,
            baseline_bytes,
            mlx_version: uses_mlx.then(MlxAllocator::version).flatten(),
            device: uses_mlx.then(MlxAllocator::device).flatten(),
            template_sha256,
            precision,
        };
        Ok((Self { model: opened.model, memory }, loaded))
    }

    /// Answers one question and says whether the worker can go on.
    fn answer(
        &mut self,
        question: &Question,
        replies: &mut Replies<impl Write>,
    ) -> Result<bool, ServeError> {
        let Self { model, memory } = self;
        let id = question.id;
        let gives = model.held_bytes() > 0 && memory.is_short();
        if gives {
            model.shrink_caches(0);
        }
        if let Some(record) = memory.clean_up_if_due(question.step, gives) {
            replies.send(&Reply::CleanedUp(record))?;
        }
        let mut written = Ok(());
        let mut on_text = OnText(|piece: &str| {
            if question.stream && written.is_ok() {
                written = replies.send(&Reply::Text { id, piece: piece.to_owned() });
            }
        });
        let Question { chat, options, .. } = question;
        let tracked = memory.track(|| fenced(|| model.generate(chat, options, &mut on_text)));
        written?;
        let reply = match tracked {
            Ok(Tracked { value: Ok(Ok(generation)), mut memory }) => {
                memory.held_bytes = model.held_bytes();
                Reply::Answered { id, generation: Box::new(generation), memory }
            }
            Ok(Tracked { value: Ok(Err(error)), .. }) => {
                Reply::Failed { id, error, worker_ends: false }
            }
            Ok(Tracked { value: Err(panic), .. }) => {
                let error = ModelError::Panic(format!("the model panicked: {panic}"));
                Reply::Failed { id, error, worker_ends: true }
            }
            Err(error) => ending(id, late_failure(&error)),
        };
        replies.send(&reply)?;
        Ok(!matches!(reply, Reply::Failed { worker_ends: true, .. }))
    }

    fn clean_up(
        &mut self,
        reason: CleanupReason,
        replies: &mut Replies<impl Write>,
    ) -> Result<bool, ServeError> {
        if reason != CleanupReason::Scheduled {
            self.model.shrink_caches(0);
        }
        replies.send(&Reply::CleanedUp(self.memory.clean_up(reason, None)))?;
        Ok(true)
    }
}

fn ending(id: u64, message: String) -> Reply {
    Reply::Failed { id, error: ModelError::Compute(message), worker_ends: true }
}

fn late_failure(error: &MemoryError) -> String {
    format!("the computation behind the answer failed: {error}")
}

/// Runs `work` so that a panic is a value. The hook of the program still hears of it.
fn fenced<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|panic| text_of(&*panic))
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests;
