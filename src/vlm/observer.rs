//! Who looks on while an answer is made, and may stop it.

use serde::{Deserialize, Serialize};

use super::ModelError;

/// What a worker is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing: it waits for a question.
    #[default]
    Idle,
    /// Reading and evaluating the weights.
    Load,
    /// Giving memory back.
    CleanUp,
    /// Reading the images, rendering and tokenising the prompt.
    Preprocess,
    /// Vision tower and projector.
    Vision,
    /// The prompt through the decoder.
    Prefill,
    /// Token by token.
    Decode,
}

impl Phase {
    /// All of them, in the order of a question.
    pub const ALL: [Self; 7] = [
        Self::Idle,
        Self::Load,
        Self::CleanUp,
        Self::Preprocess,
        Self::Vision,
        Self::Prefill,
        Self::Decode,
    ];

    /// What the worker was doing, after "while".
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "waiting for a question",
            Self::Load => "loading the model",
            Self::CleanUp => "cleaning up",
            Self::Preprocess => "preparing the prompt",
            Self::Vision => "encoding images",
            Self::Prefill => "running the prompt",
            Self::Decode => "writing the answer",
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What a question needs of memory, as far as it is known before anything is computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// Positions of the prompt.
    pub prompt_tokens: usize,
    /// Of those, positions of images.
    pub image_tokens: usize,
    /// Of the prompt, positions that have to be run.
    pub run_tokens: usize,
    /// Frames (whole images or tiles) that the vision tower has to encode.
    pub frames: usize,
    /// Most positions that are run at once.
    pub chunk: usize,
    /// Bytes of keys and values that will be allocated, exactly; 0 where those of an earlier
    /// question are used and have room.
    pub kv_bytes: u64,
    /// Bytes of the intermediate results that exist at once, estimated from the shape of the
    /// model; 0 where nothing is known.
    pub activation_bytes: u64,
    /// Bytes of the largest single array, estimated likewise.
    pub largest_buffer_bytes: u64,
    /// Bytes kept from earlier questions that could be given up for this one.
    pub held_bytes: u64,
}

/// Whether a question may be computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Granted,
    /// Not before the model has given up all it keeps from earlier questions.
    GiveUp,
    /// It may not; the error says why.
    Refused(ModelError),
}

/// Looks on while an answer is made.
pub trait Observer {
    /// The next piece of the answer, whole characters only; the pieces join to
    /// [`Generation::answer`](super::Generation::answer).
    fn text(&mut self, piece: &str) {
        let _ = piece;
    }

    /// Called once before anything is computed, and again after the model gave up what it kept.
    fn admit(&mut self, need: &Need) -> Admission {
        let _ = need;
        Admission::Granted
    }

    /// Work of `phase` begins or goes on: called at least before each image and each chunk of a
    /// prompt, and after each token. Nothing that was computed before is still in flight but
    /// the next token.
    ///
    /// # Errors
    /// What the question is to end with; the model stops at once.
    fn reached(&mut self, phase: Phase) -> Result<(), ModelError> {
        let _ = phase;
        Ok(())
    }
}

/// Looks on and does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// Takes the pieces of the answer and nothing else.
#[derive(Debug)]
pub struct OnText<F>(
    /// Gets each piece.
    pub F,
);

impl<F: FnMut(&str)> Observer for OnText<F> {
    fn text(&mut self, piece: &str) {
        (self.0)(piece);
    }
}
