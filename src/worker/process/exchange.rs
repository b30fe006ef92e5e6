//! What asking a worker can lead to.

use std::{io, path::PathBuf, time::Duration};

use crate::{
    memory::{CleanupRecord, MemorySample, QuestionMemory},
    vlm::{Generation, ModelError},
    worker::Death,
};

/// Why there is no worker.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The program cannot be run.
    #[error("cannot start {} as a worker: {source}", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The log cannot be written.
    #[error("cannot write the worker's log {}: {source}", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The model cannot be opened.
    #[error("{message}")]
    LoadFailed {
        /// Why, and what to do.
        message: String,
    },
    /// Opening the model panicked; the worker is gone.
    #[error("{message}")]
    Panicked {
        /// With what.
        message: String,
    },
    /// The model was not ready in time; the worker is gone.
    #[error("the model was not loaded within {} s", limit.as_secs_f64())]
    TimedOut {
        /// The time it had.
        limit: Duration,
    },
    /// The worker died while loading.
    #[error("{0}")]
    Crashed(Death),
    /// The run was interrupted; the worker is gone.
    #[error("interrupted while loading the model")]
    Interrupted,
}

/// What a worker tells while it is busy.
#[derive(Debug)]
pub enum Told {
    /// A piece of the answer, if the question asks for them.
    Text(String),
    /// A clean-up it made.
    CleanedUp(CleanupRecord),
    /// What its memory looks like.
    Sampled(Box<MemorySample>),
}

/// How one question ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Exchange {
    /// With an answer.
    Answered {
        /// The answer.
        generation: Box<Generation>,
        /// What it cost.
        memory: QuestionMemory,
    },
    /// With an error of the model.
    Failed {
        /// Why.
        error: ModelError,
        /// Whether the worker ended with it.
        worker_ended: bool,
    },
    /// Not in time; the worker is gone.
    TimedOut {
        /// The time it had.
        limit: Duration,
    },
    /// Not begun: the worker ended because memory is short, and asks for another one.
    RestartWanted(Box<MemorySample>),
    /// With the worker's death.
    Crashed(Death),
    /// By the user; the worker is gone.
    Interrupted,
}

impl Exchange {
    /// Whether the next question needs a new worker.
    pub fn ended_worker(&self) -> bool {
        match self {
            Self::Answered { .. } => false,
            Self::Failed { worker_ended, .. } => *worker_ended,
            Self::RestartWanted(_)
            | Self::TimedOut { .. }
            | Self::Crashed(_)
            | Self::Interrupted => true,
        }
    }
}
