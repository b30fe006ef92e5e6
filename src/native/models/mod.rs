//! Model families. A family turns a chat into token ids and an image into vision features;
//! tokenising, embedding, the decoder, sampling and the generation loop are shared.

use crate::{
    native::{LoadError, checkpoint::Checkpoint},
    vlm::LoadOptions,
};

pub mod architecture;
pub mod clip;
pub mod config_fields;
pub mod decoder;
pub mod frames;
pub mod llava;
pub mod names;
pub mod outline;
pub mod phi3v;
pub mod prompt;
pub mod rope_config;
pub mod siglip;
pub mod smolvlm;
pub mod text_config;
pub mod text_side;
pub mod vision_config;

pub use self::{
    architecture::{Architecture, Family},
    outline::{NetworkShape, Outline},
    prompt::PromptError,
};

/// The values of `model_type` that can be loaded.
pub const MODEL_TYPES: &[&str] = &["idefics3", "llava", "llava_next", "phi3_v", "smolvlm"];

/// Reads the settings of the family that `model_type` names.
///
/// # Errors
/// [`LoadError`] names the file or field.
pub fn outline(checkpoint: &Checkpoint, options: &LoadOptions) -> Result<Outline, LoadError> {
    match checkpoint.model_type.as_str() {
        "smolvlm" | "idefics3" => smolvlm::outline(checkpoint),
        "llava" | "llava_next" => llava::outline(checkpoint),
        "phi3_v" => phi3v::outline(checkpoint, options),
        other => Err(not_built(other, checkpoint)),
    }
}

/// Loads the family that `model_type` names; also returns the precisions of its tensors.
///
/// # Errors
/// [`LoadError`] names the file, field or tensor.
pub fn load(
    checkpoint: &Checkpoint,
    options: &LoadOptions,
) -> Result<(Architecture, String), LoadError> {
    let load = match checkpoint.model_type.as_str() {
        "smolvlm" | "idefics3" => smolvlm::load,
        "llava" | "llava_next" => llava::load,
        "phi3_v" => phi3v::load,
        other => return Err(not_built(other, checkpoint)),
    };
    load(checkpoint, options)
}

fn not_built(model_type: &str, checkpoint: &Checkpoint) -> LoadError {
    LoadError::ModelType { found: model_type.to_owned(), folder: checkpoint.dir.clone() }
}
