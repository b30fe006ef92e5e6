//! Model families. A family turns a chat into a [`Prompt`], its images into vision
//! features and embeddings into logits; tokenising, sampling and the generation
//! loop are shared.

use mlx_rs::{Array, error::Exception};

use self::smolvlm::SmolVlm;
use crate::{
    native::{
        LoadError, chat_template::ChatTemplate, checkpoint::Checkpoint,
        image_processor::ProcessedImage, nn::kv_cache::KvCache, tokenizer::Tokenizer,
    },
    vlm::{Chat, ModelError},
};

pub mod config_fields;
pub mod decoder;
pub mod siglip;
pub mod smolvlm;
pub mod text_config;
pub mod vision_config;

/// The values of `model_type` that can be loaded.
pub const MODEL_TYPES: &[&str] = &["idefics3", "smolvlm"];

/// Loads the family that `model_type` names; also returns the precisions of its tensors.
///
/// # Errors
/// [`LoadError`] names the file, field or tensor.
pub fn load(checkpoint: &Checkpoint) -> Result<(Box<dyn Architecture>, String), LoadError> {
    match checkpoint.model_type.as_str() {
        "smolvlm" | "idefics3" => {
            let (model, precision) = SmolVlm::load(checkpoint)?;
            Ok((Box::new(model), precision))
        }
        other => {
            Err(LoadError::ModelType { found: other.to_owned(), folder: checkpoint.dir.clone() })
        }
    }
}

/// A chat as the decoder will see it.
#[derive(Debug)]
pub struct Prompt {
    /// The rendered chat template, image placeholders not expanded.
    pub text: String,
    /// The expanded token ids.
    pub token_ids: Vec<i32>,
    /// How many of them are image positions.
    pub image_tokens: usize,
    /// The images, in order of appearance.
    pub images: Vec<ProcessedImage>,
}

/// What a family supplies.
pub trait Architecture {
    /// The checkpoint's tokenizer.
    fn tokenizer(&self) -> &Tokenizer;

    /// The checkpoint's chat template.
    fn template(&self) -> &ChatTemplate;

    /// Tokens that end a turn of this family, beside those the checkpoint names.
    fn turn_ends(&self) -> &'static [&'static str];

    /// Renders, expands and tokenises `chat` and processes its images.
    ///
    /// # Errors
    /// [`ModelError::Image`] for an image, [`ModelError::Prompt`] for the rest.
    fn prompt(&self, chat: &Chat) -> Result<Prompt, ModelError>;

    /// Vision features of all images, evaluated, `[image_tokens, hidden]`; `None`
    /// when there is no image.
    ///
    /// # Errors
    /// When MLX refuses or fails the computation.
    fn vision_features(&self, images: &[ProcessedImage]) -> Result<Option<Array>, Exception>;

    /// Token embeddings with `features` in the image positions, `[1, n, hidden]`.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    fn embed_prompt(&self, token_ids: &[i32], features: Option<&Array>)
    -> Result<Array, Exception>;

    /// One token id, integer `[1]` → `[1, 1, hidden]`.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    fn embed_token(&self, token: &Array) -> Result<Array, Exception>;

    /// Runs `x` `[1, n, hidden]` after the positions in `cache`; float32 logits
    /// `[vocab]` of the last position.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    fn logits(&self, x: Array, cache: &mut [KvCache]) -> Result<Array, Exception>;

    /// An empty cache with room for `positions`.
    fn new_cache(&self, positions: usize) -> Vec<KvCache>;

    /// Most positions the decoder was made for.
    fn context_length(&self) -> usize;
}
