//! The lines that pass between the runner and a worker: JSON objects, one a line,
//! each behind [`LINE_PREFIX`] on the way back so that foreign output is told apart.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    backend::manifest::Manifest,
    memory::{
        CleanupReason, CleanupRecord, CleanupSchedule, Level, MemoryLimits, MemorySample,
        QuestionMemory, Step,
    },
    vlm::{Chat, Generation, GenerationOptions, LoadOptions, Loaded, ModelError, Phase},
};

/// Starts every protocol line on a worker's standard output.
pub const LINE_PREFIX: &str = "@vlm-test ";

/// Runner to worker. The end of the input ends the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// The first line: which model to open.
    Load(Box<Load>),
    /// One question, the conversation whole.
    Question(Box<Question>),
    /// Clean up now.
    CleanUp {
        /// Why.
        reason: CleanupReason,
    },
}

/// Which model to open and how to keep its memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// The model.
    pub manifest: Manifest,
    /// Its checkpoint folder or scripted file, resolved.
    pub path: PathBuf,
    /// How it is loaded.
    #[serde(default)]
    pub options: LoadOptions,
    /// When the worker cleans up by itself.
    pub cleanup: CleanupSchedule,
    /// What may be used of the memory.
    #[serde(default)]
    pub limits: MemoryLimits,
    /// How short memory is when it starts: what the last worker left of it.
    #[serde(default)]
    pub level: Level,
}

/// One question for the loaded model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Repeated in every reply to it.
    pub id: u64,
    /// Where in the run it stands; the worker's schedule goes by it.
    pub step: Step,
    /// The conversation.
    pub chat: Chat,
    /// How to answer.
    pub options: GenerationOptions,
    /// Whether to send [`Reply::Text`] pieces as they come.
    #[serde(default)]
    pub stream: bool,
}

/// Worker to runner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// The model is ready.
    Loaded(Loaded),
    /// It cannot be opened; the worker ends.
    LoadFailed {
        /// Why, and what to do.
        message: String,
        /// Whether it panicked, so that another attempt may go better.
        #[serde(default)]
        panicked: bool,
    },
    /// A piece of an answer.
    Text {
        /// The question.
        id: u64,
        /// Whole characters.
        piece: String,
    },
    /// What it does now, when that changes: a death is laid to it.
    Reached {
        /// That.
        phase: Phase,
    },
    /// What the memory looks like: before each question, and once a second.
    Sampled(Box<MemorySample>),
    /// A clean-up the schedule or the runner asked for.
    CleanedUp(CleanupRecord),
    /// The model computes elsewhere: there is nothing to clean up.
    NothingToCleanUp,
    /// The answer, after the barrier that makes it count.
    Answered {
        /// The question.
        id: u64,
        /// The answer.
        generation: Box<Generation>,
        /// What it cost.
        memory: QuestionMemory,
    },
    /// Memory is so short that only a new worker helps: this one ends, the question has not
    /// been begun.
    RestartWanted {
        /// The question.
        id: u64,
        /// What it saw.
        sample: Box<MemorySample>,
    },
    /// This question has no answer.
    Failed {
        /// The question.
        id: u64,
        /// Why.
        error: ModelError,
        /// Whether the worker ends with this reply, because its state may be broken.
        worker_ends: bool,
    },
}
