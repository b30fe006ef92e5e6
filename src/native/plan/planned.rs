//! A checkpoint that is planned: its settings and headers read, and questions put to them.

use std::path::Path;

use serde::Serialize;

use super::{Activations, Form, Numerics, WeightPlan, Work};
use crate::{
    native::{
        LoadError,
        checkpoint::Checkpoint,
        content_hash::ContentHash,
        generate::reserve,
        image_processor::ImageError,
        models::{self, Outline},
        segments::{self, PREFILL_CHUNK, ShownImage},
    },
    vlm::LoadOptions,
};

/// A question as far as memory goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedQuestion {
    /// Width and height of its image in pixels.
    pub image: (usize, usize),
    /// Tokens of everything else in the prompt.
    pub text_tokens: usize,
    /// Most tokens of the answer.
    pub max_tokens: usize,
}

impl Default for PlannedQuestion {
    /// About a photo of the size that datasets have, with some text and a short description.
    fn default() -> Self {
        Self { image: (640, 480), text_tokens: 64, max_tokens: 100 }
    }
}

/// What becomes of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PlannedPrompt {
    /// Frames that the tower encodes.
    pub frames: usize,
    /// Positions of the image.
    pub vision_tokens: usize,
    /// All positions of the prompt.
    pub prompt_tokens: usize,
}

/// What a question needs in one form of the weights, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PlannedBytes {
    /// The weights.
    pub weight_bytes: u64,
    /// Keys and values.
    pub kv_bytes: u64,
    /// Intermediate results at their largest: an estimate.
    pub activation_bytes: u64,
    /// All of it.
    pub peak_bytes: u64,
    /// The largest single array, weights included.
    pub largest_array_bytes: u64,
}

/// A checkpoint whose settings and headers have been read.
pub struct PlannedModel {
    outline: Outline,
    weights: WeightPlan,
    on_cpu: bool,
}

impl PlannedModel {
    /// Reads the settings and headers of the checkpoint in `folder`, to be run on the CPU or on
    /// a GPU.
    ///
    /// # Errors
    /// [`LoadError`] names the file, field or tensor.
    pub fn open(folder: &Path, options: &LoadOptions, on_cpu: bool) -> Result<Self, LoadError> {
        let checkpoint = Checkpoint::open(folder)?;
        let outline = models::outline(&checkpoint, options)?;
        let weights = WeightPlan::of(&checkpoint, &outline)?;
        Ok(Self { outline, weights, on_cpu })
    }

    /// Whether it is stored quantised: it cannot be converted when it is loaded.
    pub fn is_packed(&self) -> bool {
        self.weights.packed
    }

    /// Bytes of a number between two layers, as it is stored.
    pub fn stored_number_bytes(&self) -> u64 {
        self.weights.stored_number_bytes
    }

    /// What becomes of `question`.
    ///
    /// # Errors
    /// When the image cannot be brought to the sizes the model needs.
    pub fn prompt(&self, question: &PlannedQuestion) -> Result<PlannedPrompt, ImageError> {
        let layout = self.outline.images.layout(question.image.0, question.image.1)?;
        let vision_tokens = self.outline.images.positions(&layout);
        let prompt_tokens = vision_tokens + question.text_tokens;
        Ok(PlannedPrompt { frames: layout.frames, vision_tokens, prompt_tokens })
    }

    /// What a question that became `prompt`, with an answer of at most `max_tokens`, needs with
    /// the weights in this form.
    pub fn bytes(&self, prompt: &PlannedPrompt, max_tokens: usize, form: Form) -> PlannedBytes {
        let numerics = Numerics {
            number_bytes: match form {
                Form::Stored => self.weights.stored_number_bytes,
                Form::Floats(bytes) => bytes,
                Form::Bits(_) => 2,
            },
            packed: match form {
                Form::Stored => self.weights.packed,
                Form::Floats(_) => false,
                Form::Bits(_) => true,
            },
            on_cpu: self.on_cpu,
        };
        let shape = &self.outline.shape;
        let room = prompt.prompt_tokens + reserve(max_tokens).max(max_tokens.saturating_sub(1));
        let kv_bytes = shape.text.kv_bytes(room, numerics.number_bytes);
        let work = Work {
            frames: prompt.frames,
            image_tokens: prompt.vision_tokens,
            pieces: pieces(prompt),
        };
        let activations = Activations::of(shape, numerics, &work);
        let weight_bytes = self.weights.bytes(form);
        let layer_bytes = kv_bytes / (2 * shape.text.num_hidden_layers.max(1)) as u64;
        let arrays = [activations.largest_buffer_bytes, layer_bytes, self.weights.largest(form)];
        let activation_bytes = activations.bytes();
        Self::sum(weight_bytes, kv_bytes, activation_bytes, arrays)
    }

    fn sum(
        weight_bytes: u64,
        kv_bytes: u64,
        activation_bytes: u64,
        arrays: [u64; 3],
    ) -> PlannedBytes {
        let peak_bytes = weight_bytes.saturating_add(kv_bytes).saturating_add(activation_bytes);
        let largest_array_bytes = arrays.into_iter().max().unwrap_or_default();
        PlannedBytes { weight_bytes, kv_bytes, activation_bytes, peak_bytes, largest_array_bytes }
    }
}

/// The pieces that a prompt with one image is run in: cut as a real one is, with half of its text
/// before the image.
fn pieces(prompt: &PlannedPrompt) -> Vec<(usize, usize)> {
    const TEXT: i32 = 0;
    const IMAGE: i32 = 1;
    let text = prompt.prompt_tokens - prompt.vision_tokens.min(prompt.prompt_tokens);
    let mut ids = vec![TEXT; text / 2];
    ids.resize(ids.len() + prompt.vision_tokens, IMAGE);
    ids.resize(prompt.prompt_tokens, TEXT);
    let image = ShownImage { content: ContentHash::of(&[]), positions: prompt.vision_tokens };
    let segments = segments::cut(&ids, PREFILL_CHUNK, &[image], |id| id == IMAGE, |_| false);
    segments::pieces(&segments).collect()
}
