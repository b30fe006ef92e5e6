//! LLaVA 1.5: a CLIP tower on one square crop, a two-layer projector and a Llama decoder.
//! Reference: transformers 5.23, `modeling_llava.py` and `processing_llava.py`.

use mlx_rs::{Array, error::Exception};

use crate::{
    native::{
        LoadError,
        chat_template::ContentStyle,
        checkpoint::Checkpoint,
        image_processor::{ClipImageConfig, ImageError, ProcessedImage, RgbView},
        models::{
            Architecture, Family, PromptError,
            decoder::Decoder,
            prompt::{TokenizedChat, repeat_placeholders},
            text_side::{TextSide, special_token},
        },
        weights::Weights,
    },
    vlm::{Chat, LoadOptions},
};

pub mod config;
pub mod network;
pub mod next;
pub mod unpad;

use config::LlavaConfig;
use network::{VisionNetwork, sanitize};

struct Llava {
    image_config: ClipImageConfig,
    image_token: String,
    image_token_id: u32,
    features_per_frame: usize,
    network: VisionNetwork,
}

/// Loads a checkpoint of `model_type` `llava`; also returns the precisions of its tensors.
///
/// # Errors
/// [`LoadError`] names the file, field or tensor.
pub fn load(
    checkpoint: &Checkpoint,
    options: &LoadOptions,
) -> Result<(Architecture, String), LoadError> {
    let config = LlavaConfig::from_json(&checkpoint.config)?;
    let side = config.vision.image_size;
    let image_config = match checkpoint.image_settings() {
        Some(settings) => ClipImageConfig::from_json(settings)?,
        None => ClipImageConfig::for_side(side),
    };
    if image_config.frame() != (side, side) {
        return Err(LoadError::FrameSize { frame: image_config.frame(), image_size: side });
    }
    let text = TextSide::open(checkpoint)?;
    let image_token = special_token(checkpoint, "image_token", "<image>");
    text.check_image_token(&image_token, config.image_token_id)?;
    let weights = Weights::of(checkpoint, options, sanitize)?;
    let root = weights.root();
    let network = VisionNetwork::new(&root, &config)?;
    let (model, head) = (root.scope("text_model"), root.scope("lm_head"));
    let decoder = Decoder::new(&model, &head, &config.text, config.tie_word_embeddings)?;
    let precision = weights.finish()?;
    let family = Llava {
        image_config,
        image_token,
        image_token_id: config.image_token_id,
        features_per_frame: config.features_per_frame(),
        network,
    };
    Ok((Architecture::new(family, text, decoder), precision))
}

impl Family for Llava {
    fn turn_ends(&self) -> &'static [&'static str] {
        &["</s>"]
    }

    fn process(&self, image: RgbView<'_>) -> Result<ProcessedImage, ImageError> {
        self.image_config.process(image)
    }

    fn tokenize(
        &self,
        text: &TextSide,
        chat: &Chat,
        images: &[ProcessedImage],
    ) -> Result<TokenizedChat, PromptError> {
        let rendered = text.render(chat, ContentStyle::Parts)?;
        let positions = vec![self.features_per_frame; images.len()];
        let expanded = repeat_placeholders(&rendered, &self.image_token, &positions)?;
        Ok(TokenizedChat { token_ids: text.encode(&expanded)?, text: rendered })
    }

    fn is_image_position(&self, id: i32) -> bool {
        u32::try_from(id) == Ok(self.image_token_id)
    }

    fn encode(&self, image: &ProcessedImage) -> Result<Array, Exception> {
        let features = self.network.encode(image)?;
        features.reshape(&[-1, features.dim(2)])
    }
}
