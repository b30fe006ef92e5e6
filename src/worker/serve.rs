//! The worker's side: reads asks, answers each, one at a time, on one thread.

use std::{
    any::Any,
    io::{self, BufRead, Write},
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use super::protocol::{Ask, LINE_PREFIX, Load, Question, Reply};
use crate::{
    backend::{self, ModelInfo},
    memory::{
        CleanupReason, Failure, MemoryError, MemoryManager, MemoryPolicy, MlxAllocator, Prepared,
        Tracked,
    },
    vlm::{Generation, Loaded, ModelError, Observer, Phase, VisionLanguageModel},
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
pub fn serve(input: impl BufRead, output: impl Write + Send + 'static) -> Result<(), ServeError> {
    let mut replies = Replies::to(output);
    let mut asks = input.lines().enumerate().map(|(index, line)| {
        let line_number = index + 1;
        let parsed = serde_json::from_str::<Ask>(&line?);
        let ask = parsed.map_err(|source| ServeError::Ask { line: line_number, source })?;
        Ok::<_, ServeError>((line_number, ask))
    });
    let mut worker = match asks.next().transpose()? {
        None => return Ok(()),
        Some((_, Ask::Load(load))) => match Worker::open(&load, &replies) {
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

/// Writes replies, also those of the thread that watches the memory, one whole line at a time.
struct Replies<W> {
    output: Arc<Mutex<W>>,
}

impl<W> Clone for Replies<W> {
    fn clone(&self) -> Self {
        Self { output: Arc::clone(&self.output) }
    }
}

impl<W: Write> Replies<W> {
    fn to(output: W) -> Self {
        Self { output: Arc::new(Mutex::new(output)) }
    }

    fn send(&mut self, reply: &Reply) -> Result<(), ServeError> {
        let json = serde_json::to_string(reply).map_err(ServeError::Reply)?;
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        // One write, so that foreign output cannot get into the middle of a line.
        output.write_all(format!("{LINE_PREFIX}{json}\n").as_bytes())?;
        Ok(output.flush()?)
    }
}

/// What a model returned, or the text of its panic.
type Fenced = Result<Result<Generation, ModelError>, String>;

struct Worker {
    model: Box<dyn VisionLanguageModel>,
    memory: MemoryManager,
}

impl Worker {
    /// Opens the model; an error is what the runner is told.
    fn open(
        load: &Load,
        replies: &Replies<impl Write + Send + 'static>,
    ) -> Result<(Self, Loaded), Box<Reply>> {
        let start = Instant::now();
        let failed = |message, panicked| Box::new(Reply::LoadFailed { message, panicked });
        match fenced(|| Self::open_at(load, replies, start).map_err(|error| error.to_string())) {
            Ok(opened) => opened.map_err(|message| failed(message, false)),
            Err(panic) => Err(failed(format!("loading panicked: {panic}"), true)),
        }
    }

    fn open_at(
        load: &Load,
        replies: &Replies<impl Write + Send + 'static>,
        start: Instant,
    ) -> Result<(Self, Loaded), Box<dyn std::error::Error>> {
        let uses_mlx = load.manifest.backend.uses_mlx();
        let prepared = backend::prepare(&load.manifest, &load.path)?;
        let (allocator, signals) = (prepared.allocator(), prepared.signals());
        let Load { cleanup: schedule, limits, level, .. } = *load;
        let policy = MemoryPolicy { schedule, limits, level };
        let mut replies = replies.clone();
        let mut memory = MemoryManager::new(allocator, signals, policy, move |sample| {
            // A runner that is gone ends this process anyway.
            let _ = replies.send(&Reply::Sampled(Box::new(sample.clone())));
        });
        memory.before_load(prepared.weight_bytes())?;
        let opened = prepared.load(&load.options)?;
        let baseline_bytes = memory.loaded()?;
        let ModelInfo { model_type, template_sha256, precision } = opened.info;
        let loaded = Loaded {
            model_type,
            load_ms: start.elapsed().as_secs_f64() * 1e3,
            baseline_bytes,
            budget_bytes: memory.budget_bytes(),
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
        let Question { chat, options, stream, .. } = question;
        let mut teller = Teller { replies, id, streams: *stream, sent: Ok(()) };
        match fenced(|| memory.prepare(question.step, &mut **model, &mut teller)) {
            Ok(Prepared::Ready(records)) => {
                for record in records {
                    teller.tell(&Reply::CleanedUp(record));
                }
            }
            Ok(Prepared::RestartWanted(sample)) => {
                teller.tell(&Reply::RestartWanted { id, sample });
                return teller.sent.map(|()| false);
            }
            Err(panic) => {
                teller.tell(&Reply::Failed { id, error: panicked(&panic), worker_ends: true });
                return teller.sent.map(|()| false);
            }
        }
        let tracked = memory.track(question.step.question, &mut teller, |observer| {
            fenced(|| model.generate(chat, options, observer))
        });
        teller.sent?;
        for record in tracked.iter().flat_map(|tracked| &tracked.cleanups) {
            replies.send(&Reply::CleanedUp(record.clone()))?;
        }
        let reply = self.reply_to(id, tracked);
        replies.send(&reply)?;
        Ok(!matches!(reply, Reply::Failed { worker_ends: true, .. }))
    }

    fn reply_to(&mut self, id: u64, tracked: Result<Tracked<Fenced>, MemoryError>) -> Reply {
        let failed = |error, worker_ends| Reply::Failed { id, error, worker_ends };
        match tracked {
            Ok(Tracked { value: Ok(Ok(generation)), mut memory, .. }) => {
                memory.held_bytes = self.model.held_bytes();
                Reply::Answered { id, generation: Box::new(generation), memory }
            }
            Ok(Tracked { value: Ok(Err(ModelError::Compute(message))), .. }) => {
                let failure = self.memory.failed(&message);
                failed(said_of(message, failure), failure.ends_process())
            }
            // Stopped because memory was about to run out: a new process starts with all of it.
            Ok(Tracked { value: Ok(Err(error)), stopped, .. }) => failed(error, stopped.is_some()),
            Ok(Tracked { value: Err(panic), .. }) => failed(panicked(&panic), true),
            Err(error) => {
                let message = format!("the computation behind the answer failed: {error}");
                let failure = self.memory.failed(&message);
                failed(said_of(message, failure), true)
            }
        }
    }

    fn clean_up(
        &mut self,
        reason: CleanupReason,
        replies: &mut Replies<impl Write>,
    ) -> Result<bool, ServeError> {
        let record = self.memory.clean_up(reason, &mut *self.model);
        replies.send(&record.map_or(Reply::NothingToCleanUp, Reply::CleanedUp))?;
        Ok(true)
    }
}

/// Tells the runner how far an answer is.
struct Teller<'a, W> {
    replies: &'a mut Replies<W>,
    id: u64,
    streams: bool,
    /// The first reply that could not be sent.
    sent: Result<(), ServeError>,
}

impl<W: Write> Teller<'_, W> {
    fn tell(&mut self, reply: &Reply) {
        if self.sent.is_ok() {
            self.sent = self.replies.send(reply);
        }
    }
}

impl<W: Write> Observer for Teller<'_, W> {
    fn text(&mut self, piece: &str) {
        if self.streams {
            self.tell(&Reply::Text { id: self.id, piece: piece.to_owned() });
        }
    }

    fn reached(&mut self, phase: Phase) -> Result<(), ModelError> {
        self.tell(&Reply::Reached { phase });
        Ok(())
    }
}

/// An error of the computation, which is one of memory where MLX says so.
fn said_of(message: String, failure: Failure) -> ModelError {
    if failure.is_memory() { ModelError::Memory(message) } else { ModelError::Compute(message) }
}

fn panicked(with: &str) -> ModelError {
    ModelError::Panic(format!("the model panicked: {with}"))
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
