//! What the runner says while it works: the only interface between it and whatever
//! keeps or shows results.

use serde::{Deserialize, Serialize};

use super::{ContextSettings, Outcome, Provenance, QuestionResult};
use crate::{
    memory::{CleanupRecord, CleanupSchedule, MemoryLimits, MemorySample},
    vlm::{LoadOptions, Loaded},
    worker::DeathCause,
};

/// What was asked for: the choices that decide a run's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// The suite, e.g. `vqa`.
    pub suite: String,
    /// The models in the order they run.
    pub models: Vec<String>,
    /// Questions put to each model.
    pub questions: usize,
    /// Largest number of tokens of an answer.
    pub max_tokens: usize,
    /// 0 is greedy.
    pub temperature: f32,
    /// Nucleus, in (0, 1].
    pub top_p: f32,
    /// How the models are loaded.
    #[serde(default)]
    pub load: LoadOptions,
    /// How often memory is cleaned up.
    pub cleanup: CleanupSchedule,
    /// What the run may use of it.
    #[serde(default)]
    pub limits: MemoryLimits,
    /// Time allowed for loading a model, in milliseconds.
    pub load_limit_ms: u64,
    /// Time allowed for a question, in milliseconds.
    pub question_limit_ms: u64,
    /// What a context test asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<ContextSettings>,
}

/// A model as the run knows it before it is loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelUnderTest {
    /// Its name on the command line.
    pub name: String,
    /// The published repository, `owner/name`, where known.
    pub repository: Option<String>,
    /// Branch, tag or commit of it, where known.
    pub revision: Option<String>,
    /// The checkpoint folder or scripted file.
    pub path: String,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Every model got every question.
    Completed,
    /// It was stopped, or has no end on record.
    Interrupted,
    /// It could not go on.
    Failed,
}

/// How a model's part of a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelStatus {
    /// It got every question.
    Completed,
    /// It was stopped, or has no end on record.
    Interrupted,
    /// It could not be loaded.
    Failed,
    /// It was given up because its workers kept dying.
    Quarantined,
    /// It was never started.
    Skipped,
}

/// One thing that happened; `event` in JSON names the variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first event of a run.
    RunStarted {
        /// What was asked for.
        run: Box<RunSettings>,
        /// What it runs on.
        provenance: Box<Provenance>,
    },
    /// A worker is being started for a model.
    ModelStarted {
        /// The model.
        model: ModelUnderTest,
    },
    /// The model is ready for its first question, or again after a restart.
    ModelLoaded {
        /// The model's name.
        model: String,
        /// What its worker says of it.
        loaded: Box<Loaded>,
    },
    /// A question goes out. Without its end it is the one that took the machine down.
    QuestionStarted {
        /// The model's name.
        model: String,
        /// Place among the run's questions, from 1.
        position: usize,
        /// The dataset's id of the question.
        question_id: u64,
    },
    /// A question has ended, one way or another.
    QuestionFinished {
        /// The model's name.
        model: String,
        /// What came of it.
        result: Box<QuestionResult>,
    },
    /// Memory was cleaned up.
    CleanedUp {
        /// The model's name.
        model: String,
        /// What it achieved.
        record: CleanupRecord,
    },
    /// Memory was looked at: before each question, and once a second.
    MemorySampled {
        /// The model's name.
        model: String,
        /// What was seen.
        sample: Box<MemorySample>,
    },
    /// The worker was replaced.
    WorkerRestarted {
        /// The model's name.
        model: String,
        /// What ended the old one, in words.
        reason: String,
        /// The same as a name; `None` if it ended over an error that it could report.
        #[serde(default)]
        cause: Option<DeathCause>,
    },
    /// A question is put again, to a fresh worker, because it ended for want of memory.
    QuestionRetried {
        /// The model's name.
        model: String,
        /// Place among the run's questions, from 1.
        position: usize,
        /// The dataset's id of the question.
        question_id: u64,
        /// How it ended the first time.
        outcome: Outcome,
    },
    /// No worker was started for a while, because the system was critically short of memory.
    Waited {
        /// The model's name.
        model: String,
        /// For how long, in milliseconds.
        waited_ms: f64,
        /// Whether the system is no longer critically short of it.
        relieved: bool,
    },
    /// A model's part is over.
    ModelFinished {
        /// The model's name.
        model: String,
        /// SHA-256 over its checkpoint, see [`super::checkpoint_digest`].
        checkpoint_digest: Option<String>,
        /// How it ended.
        status: ModelStatus,
        /// Why, where it did not complete.
        reason: Option<String>,
    },
    /// A model is not run at all.
    ModelSkipped {
        /// The model's name.
        model: String,
        /// Why.
        reason: String,
    },
    /// The last event of a run.
    RunFinished {
        /// How it ended.
        status: RunStatus,
    },
}

impl Event {
    /// The model it concerns, if it concerns one.
    pub fn model(&self) -> Option<&str> {
        match self {
            Self::RunStarted { .. } | Self::RunFinished { .. } => None,
            Self::ModelStarted { model } => Some(&model.name),
            Self::ModelLoaded { model, .. }
            | Self::QuestionStarted { model, .. }
            | Self::QuestionFinished { model, .. }
            | Self::CleanedUp { model, .. }
            | Self::MemorySampled { model, .. }
            | Self::WorkerRestarted { model, .. }
            | Self::QuestionRetried { model, .. }
            | Self::Waited { model, .. }
            | Self::ModelFinished { model, .. }
            | Self::ModelSkipped { model, .. } => Some(model),
        }
    }

    /// Whether it must be on the disk before the run goes on. The others follow
    /// with the next one that must.
    pub fn must_be_synced(&self) -> bool {
        !matches!(
            self,
            Self::QuestionStarted { .. } | Self::CleanedUp { .. } | Self::MemorySampled { .. }
        )
    }
}

/// An event with its place and time in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts the journal's entries from 0, without gaps.
    pub seq: u64,
    /// UTC wall-clock time, RFC 3339 with milliseconds.
    pub time: String,
    /// Milliseconds since the journal was opened, by a clock that never jumps.
    pub elapsed_ms: f64,
    /// What happened.
    pub event: Event,
}
