//! LLaVA-NeXT (1.6): the image also in tiles, without the features of its padding, each
//! row of patches closed by a newline.
//! Reference: transformers 5.23, `modeling_llava_next.py` and `processing_llava_next.py`.

use mlx_rs::{Array, error::Exception, ops};

use super::{
    config::LlavaConfig,
    network::{VisionNetwork, sanitize},
    unpad::TiledFeatures,
};
use crate::{
    native::{
        LoadError,
        chat_template::ContentStyle,
        checkpoint::Checkpoint,
        image_processor::{ImageError, LlavaNextImageConfig, ProcessedImage, RgbView},
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

struct LlavaNext {
    image_config: LlavaNextImageConfig,
    image_token: String,
    image_token_id: u32,
    /// Patches along the side of a frame.
    side: usize,
    network: VisionNetwork,
    /// `[1, text hidden]`.
    image_newline: Array,
}

/// Loads a checkpoint of `model_type` `llava_next`; also returns the precisions of its
/// tensors.
///
/// # Errors
/// [`LoadError`] names the file, field or tensor.
pub fn load(
    checkpoint: &Checkpoint,
    options: &LoadOptions,
) -> Result<(Architecture, String), LoadError> {
    let config = LlavaConfig::from_json(&checkpoint.config)?;
    let image_config = image_config(checkpoint, &config)?;
    let text = TextSide::open(checkpoint)?;
    let image_token = special_token(checkpoint, "image_token", "<image>");
    text.check_image_token(&image_token, config.image_token_id)?;
    let weights = Weights::of(checkpoint, options, sanitize)?;
    let root = weights.root();
    let network = VisionNetwork::new(&root, &config)?;
    let newline = root.tensor("image_newline", &[config.text.hidden_size as i32])?;
    let image_newline = root.compute(|| newline.expand_dims(0))?;
    let (model, head) = (root.scope("text_model"), root.scope("lm_head"));
    let decoder = Decoder::new(&model, &head, &config.text, config.tie_word_embeddings)?;
    let precision = weights.finish()?;
    let family = LlavaNext {
        image_config,
        image_token,
        image_token_id: config.image_token_id,
        side: config.vision.grid(),
        network,
        image_newline,
    };
    Ok((Architecture::new(family, text, decoder), precision))
}

fn image_config(
    checkpoint: &Checkpoint,
    config: &LlavaConfig,
) -> Result<LlavaNextImageConfig, LoadError> {
    if config.features.class_token {
        return Err(LoadError::ClassToken);
    }
    let (side, pinpoints) = (config.vision.image_size, &config.image_grid_pinpoints);
    let settings = match checkpoint.image_settings() {
        Some(settings) => LlavaNextImageConfig::from_json(settings)?,
        None => LlavaNextImageConfig::for_side(side, pinpoints.clone()),
    };
    if settings.frame() != (side, side) {
        return Err(LoadError::FrameSize { frame: settings.frame(), image_size: side });
    }
    // The processor cuts by its own list, the model puts together by config.json's.
    if settings.pinpoints() != pinpoints.as_slice() {
        return Err(LoadError::Pinpoints);
    }
    Ok(settings)
}

impl LlavaNext {
    fn tiled(&self, image: &ProcessedImage) -> TiledFeatures {
        let ProcessedImage { rows, cols, source, .. } = *image;
        TiledFeatures { rows, cols, side: self.side, source }
    }
}

impl Family for LlavaNext {
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
        let positions: Vec<_> = images.iter().map(|image| self.tiled(image).positions()).collect();
        let expanded = repeat_placeholders(&rendered, &self.image_token, &positions)?;
        Ok(TokenizedChat { token_ids: text.encode(&expanded)?, text: rendered })
    }

    fn is_image_position(&self, id: i32) -> bool {
        u32::try_from(id) == Ok(self.image_token_id)
    }

    fn encode(&self, image: &ProcessedImage) -> Result<Array, Exception> {
        let features = self.network.encode(image)?;
        let features = features.reshape(&[-1, features.dim(2)])?;
        let newline = self.image_newline.as_dtype(features.dtype())?;
        let table = ops::concatenate(&[&features, &newline], 0)?;
        let rows = self.tiled(image).rows();
        let packed = table.take_axis(Array::from_slice(&rows, &[rows.len() as i32]), 0)?;
        packed.eval()?;
        Ok(packed)
    }
}
