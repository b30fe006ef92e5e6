//! Everything that can be wrong with a checkpoint, in one type.

use std::path::PathBuf;

use super::{
    chat_template::ChatTemplateError,
    checkpoint::CheckpointError,
    image_processor::ImageError,
    models::{MODEL_TYPES, config_fields::ConfigError},
    tokenizer::TokenizerError,
    weights::WeightsError,
};

/// Why a checkpoint cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file of the checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A field of config.json.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A setting of the image processor.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The chat template.
    #[error(transparent)]
    ChatTemplate(#[from] ChatTemplateError),
    /// The tensors.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A family that is not built.
    #[error("{}: model_type `{found}` is not built yet; built are {}", folder.display(), MODEL_TYPES.join(", "))]
    ModelType {
        /// What config.json says.
        found: String,
        /// The checkpoint.
        folder: PathBuf,
    },
    /// The image processor makes frames of another size than the tower reads.
    #[error(
        "preprocessor_config.json: max_image_size is {tile}, but vision_config.image_size in config.json is {image_size}"
    )]
    TileSize {
        /// Side of a frame.
        tile: usize,
        /// What the tower reads.
        image_size: usize,
    },
    /// The image processor makes frames of another size than the tower reads.
    #[error(
        "preprocessor_config.json: size and crop_size make frames of {}×{} pixels, but the vision tower in config.json reads {image_size}×{image_size}", frame.0, frame.1
    )]
    FrameSize {
        /// Width and height of a frame.
        frame: (usize, usize),
        /// What the tower reads.
        image_size: usize,
    },
    /// Tiles cannot be put together with a class token in each.
    #[error(
        "config.json: vision_feature_select_strategy = full is not supported for llava_next, default is"
    )]
    ClassToken,
    /// Two files disagree about the canvases.
    #[error("image_grid_pinpoints differ between config.json and preprocessor_config.json")]
    Pinpoints,
    /// Config and tokenizer disagree about the image token.
    #[error("config.json: image_token_id is {config}, but tokenizer.json has `{token}` at {found}")]
    ImageToken {
        /// Its spelling.
        token: String,
        /// The id in config.json.
        config: u32,
        /// The id in tokenizer.json.
        found: u32,
    },
}
