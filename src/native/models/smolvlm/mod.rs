//! `SmolVLM`, `SmolVLM2` and Idefics3: `SigLIP` tower, pixel shuffle, one linear
//! projection, Llama decoder. Reference: transformers 5.23, `modeling_smolvlm.py`
//! and `modeling_idefics3.py`, which differ in placeholder checks only.

use mlx_rs::{Array, error::Exception};

use crate::{
    native::{
        LoadError,
        chat_template::ContentStyle,
        checkpoint::Checkpoint,
        image_processor::{Idefics3ImageConfig, ImageError, ImageLayout, ProcessedImage, RgbView},
        models::{
            Architecture, Family, PromptError,
            decoder::Decoder,
            frames::encode_frames,
            names,
            outline::{ConnectorShape, ImageSizes, NetworkShape, Outline},
            prompt::TokenizedChat,
            siglip::SiglipTower,
            text_side::TextSide,
        },
        nn::linear::Linear,
        weights::{Scope, Weights, WeightsError},
    },
    vlm::{Chat, LoadOptions},
};

pub mod config;
pub mod prompt;

use config::SmolVlmConfig;
use prompt::{ImageTokens, TileGrid};

struct SmolVlm {
    images: Frames,
    image_tokens: ImageTokens,
    image_token_id: u32,
    vision_model: SiglipTower,
    connector: Connector,
}

/// Brings both spellings of the checkpoint's names to one: `vision_model.…`,
/// `connector.…`, `text_model.…` and `lm_head.…`. Original files put `model.`
/// before most names; MLX conversions call the text model `language_model`.
fn sanitize(name: &str) -> Option<String> {
    (!names::is_derived(name)).then(|| names::language_model(name))
}

/// How an image becomes frames of equally many positions.
struct Frames {
    image_config: Idefics3ImageConfig,
    /// Positions of one frame.
    seq_len: usize,
}

impl Frames {
    fn of(checkpoint: &Checkpoint, config: &SmolVlmConfig) -> Result<Self, LoadError> {
        let image_size = config.vision.image_size;
        let image_config = match checkpoint.image_settings() {
            Some(settings) => Idefics3ImageConfig::from_json(settings)?,
            None => Idefics3ImageConfig::for_tile(image_size),
        };
        if image_config.tile != image_size {
            return Err(LoadError::TileSize { tile: image_config.tile, image_size });
        }
        Ok(Self { image_config, seq_len: config.image_seq_len() })
    }
}

impl ImageSizes for Frames {
    fn layout(&self, width: usize, height: usize) -> Result<ImageLayout, ImageError> {
        Ok(self.image_config.layout(width, height))
    }

    fn positions(&self, image: &ImageLayout) -> usize {
        image.frames * self.seq_len
    }
}

/// Reads the settings of a checkpoint of `model_type` `smolvlm` or `idefics3`.
///
/// # Errors
/// [`LoadError`] names the file or field.
pub fn outline(checkpoint: &Checkpoint) -> Result<Outline, LoadError> {
    let config = SmolVlmConfig::from_json(&checkpoint.config)?;
    let images = Box::new(Frames::of(checkpoint, &config)?);
    let patches_per_row = config.scale_factor.saturating_pow(2);
    let connector = ConnectorShape {
        inputs: config.vision.hidden_size.saturating_mul(patches_per_row),
        patches_per_row,
        layers: 1,
        whole_image: false,
    };
    let SmolVlmConfig { vision, text, .. } = config;
    let shape = NetworkShape { vision, class_token: false, connector, text };
    Ok(Outline { shape, images, kept: Box::new(sanitize) })
}

/// Loads a checkpoint of `model_type` `smolvlm` or `idefics3`; also returns the precisions
/// of its tensors.
///
/// # Errors
/// [`LoadError`] names the file, field or tensor.
pub fn load(
    checkpoint: &Checkpoint,
    options: &LoadOptions,
) -> Result<(Architecture, String), LoadError> {
    let config = SmolVlmConfig::from_json(&checkpoint.config)?;
    let images = Frames::of(checkpoint, &config)?;
    let text = TextSide::open(checkpoint)?;
    let image_tokens = ImageTokens::of(checkpoint);
    text.check_image_token(&image_tokens.image, config.image_token_id)?;
    let weights = Weights::of(checkpoint, options, sanitize)?;
    let root = weights.root();
    let vision_model = SiglipTower::new(&root.scope("vision_model"), &config.vision)?;
    let connector = Connector::new(&root.scope("connector.modality_projection"), &config)?;
    let (model, head) = (root.scope("text_model"), root.scope("lm_head"));
    let decoder = Decoder::new(&model, &head, &config.text, config.tie_word_embeddings)?;
    let precision = weights.finish()?;
    let family = SmolVlm {
        images,
        image_tokens,
        image_token_id: config.image_token_id,
        vision_model,
        connector,
    };
    Ok((Architecture::new(family, text, decoder), precision))
}

impl Family for SmolVlm {
    fn turn_ends(&self) -> &'static [&'static str] {
        &["<end_of_utterance>"]
    }

    fn process(&self, image: RgbView<'_>) -> Result<ProcessedImage, ImageError> {
        self.images.image_config.process(image)
    }

    fn positions(&self, image: &ImageLayout) -> usize {
        self.images.positions(image)
    }

    fn tokenize(
        &self,
        text: &TextSide,
        chat: &Chat,
        images: &[ImageLayout],
        add_generation_prompt: bool,
    ) -> Result<TokenizedChat, PromptError> {
        let grids: Vec<_> =
            images.iter().map(|image| TileGrid { rows: image.rows, cols: image.cols }).collect();
        let rendered = text.render(chat, ContentStyle::Parts, add_generation_prompt)?;
        let expanded = self.image_tokens.expand(&rendered, &grids, self.images.seq_len)?;
        Ok(TokenizedChat { token_ids: text.encode(&expanded)?, text: rendered })
    }

    fn is_image_position(&self, id: i32) -> bool {
        u32::try_from(id) == Ok(self.image_token_id)
    }

    fn encode(&self, image: &ProcessedImage) -> Result<Array, Exception> {
        encode_frames(image, self.vision_model.dtype(), |frames| {
            let hidden = self.vision_model.forward(frames)?;
            self.connector.forward(&hidden, self.vision_model.side())
        })
    }
}

/// Pixel shuffle and projection into the decoder's width.
#[derive(Debug)]
struct Connector {
    proj: Linear,
    scale: i32,
}

impl Connector {
    fn new(scope: &Scope<'_>, config: &SmolVlmConfig) -> Result<Self, WeightsError> {
        let scale = config.scale_factor as i32;
        let square = scale.saturating_mul(scale);
        let inputs = (config.vision.hidden_size as i32).saturating_mul(square);
        let outputs = config.text.hidden_size as i32;
        Ok(Self { proj: Linear::new(&scope.scope("proj"), inputs, outputs, false)?, scale })
    }

    /// `hidden` `[frames, side², d]` → `[frames · (side / scale)², text hidden]`:
    /// each scale × scale square of patches becomes one vector, its rows after one
    /// another.
    fn forward(&self, hidden: &Array, side: i32) -> Result<Array, Exception> {
        let (frames, width, s) = (hidden.dim(0), hidden.dim(2), self.scale);
        let grid = side / s;
        let squares = hidden
            .reshape(&[frames, grid, s, grid, s, width])?
            .transpose_axes(&[0, 1, 3, 2, 4, 5])?
            .reshape(&[frames * grid * grid, s * s * width])?;
        self.proj.forward(&squares)
    }
}
