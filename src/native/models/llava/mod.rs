//! LLaVA 1.5 and LLaVA-NeXT (1.6): a CLIP tower on one square crop, or on the whole image
//! and its tiles, a two-layer projector and a Llama or Mistral decoder. LLaVA-NeXT leaves
//! out the features of the padding and closes each row of patches with a newline.
//! Reference: transformers 5.23, `modeling_llava.py`, `modeling_llava_next.py` and their
//! processors.

use mlx_rs::{Array, error::Exception, ops};

use crate::{
    native::{
        LoadError,
        chat_template::ContentStyle,
        checkpoint::Checkpoint,
        image_processor::{ImageError, ImageLayout, ProcessedImage, RgbView},
        models::{
            Architecture, Family, PromptError,
            decoder::Decoder,
            outline::{ConnectorShape, ImageSizes as _, NetworkShape, Outline},
            prompt::{TokenizedChat, repeat_placeholders},
            text_side::{TextSide, special_token},
            vision_config::VisionConfig,
        },
        weights::Weights,
    },
    vlm::{Chat, LoadOptions},
};

pub mod config;
pub mod network;
pub mod unpad;
pub mod views;

use config::LlavaConfig;
use network::{VisionNetwork, sanitize};
use views::Views;

struct Llava {
    views: Views,
    image_token: String,
    image_token_id: u32,
    network: VisionNetwork,
    /// `[1, text hidden]`; LLaVA-NeXT's.
    image_newline: Option<Array>,
}

/// Reads the settings of a checkpoint of `model_type` `llava` or `llava_next`.
///
/// # Errors
/// [`LoadError`] names the file or field.
pub fn outline(checkpoint: &Checkpoint) -> Result<Outline, LoadError> {
    let config = LlavaConfig::from_json(&checkpoint.config)?;
    let images = Box::new(Views::of(checkpoint, &config)?);
    let LlavaConfig { vision, features, text, .. } = config;
    let connector = ConnectorShape {
        inputs: vision.hidden_size,
        patches_per_row: 1,
        layers: 2,
        whole_image: false,
    };
    let vision = VisionConfig { num_hidden_layers: features.layers, ..vision };
    let kept = move |name: &str| {
        sanitize(name).filter(|name| !features.leaves_out_of("vision_tower.", name))
    };
    let shape = NetworkShape { vision, class_token: true, connector, text };
    Ok(Outline { shape, images, kept: Box::new(kept) })
}

/// Loads a checkpoint of `model_type` `llava` or `llava_next`; also returns the precisions
/// of its tensors.
///
/// # Errors
/// [`LoadError`] names the file, field or tensor.
pub fn load(
    checkpoint: &Checkpoint,
    options: &LoadOptions,
) -> Result<(Architecture, String), LoadError> {
    let config = LlavaConfig::from_json(&checkpoint.config)?;
    let is_next = checkpoint.model_type == "llava_next";
    let views = Views::of(checkpoint, &config)?;
    let text = TextSide::open(checkpoint)?;
    let image_token = special_token(checkpoint, "image_token", "<image>");
    text.check_image_token(&image_token, config.image_token_id)?;
    let weights = Weights::of(checkpoint, options, sanitize)?;
    let root = weights.root();
    let network = VisionNetwork::new(&root, &config)?;
    let image_newline = if is_next {
        let newline = root.tensor("image_newline", &[config.text.hidden_size as i32])?;
        Some(root.compute(|| newline.expand_dims(0))?)
    } else {
        None
    };
    let (model, head) = (root.scope("text_model"), root.scope("lm_head"));
    let decoder = Decoder::new(&model, &head, &config.text, config.tie_word_embeddings)?;
    let precision = weights.finish()?;
    let image_token_id = config.image_token_id;
    let family = Llava { views, image_token, image_token_id, network, image_newline };
    Ok((Architecture::new(family, text, decoder), precision))
}

impl Family for Llava {
    fn turn_ends(&self) -> &'static [&'static str] {
        &["</s>"]
    }

    fn process(&self, image: RgbView<'_>) -> Result<ProcessedImage, ImageError> {
        self.views.process(image)
    }

    fn positions(&self, image: &ImageLayout) -> usize {
        self.views.positions(image)
    }

    fn tokenize(
        &self,
        text: &TextSide,
        chat: &Chat,
        images: &[ImageLayout],
        add_generation_prompt: bool,
    ) -> Result<TokenizedChat, PromptError> {
        let rendered = text.render(chat, ContentStyle::Parts, add_generation_prompt)?;
        let positions: Vec<_> = images.iter().map(|image| self.positions(image)).collect();
        let expanded = repeat_placeholders(&rendered, &self.image_token, &positions)?;
        Ok(TokenizedChat { token_ids: text.encode(&expanded)?, text: rendered })
    }

    fn is_image_position(&self, id: i32) -> bool {
        u32::try_from(id) == Ok(self.image_token_id)
    }

    fn encode(&self, image: &ProcessedImage) -> Result<Array, Exception> {
        let features = self.network.encode(image)?; // [frames, patches, text hidden]
        let features = features.reshape(&[-1, features.dim(2)])?;
        let (Some(rows), Some(newline)) = (self.views.rows(&image.layout), &self.image_newline)
        else {
            return Ok(features);
        };
        let table = ops::concatenate(&[&features, &newline.as_dtype(features.dtype())?], 0)?;
        let packed = table.take_axis(Array::from_slice(&rows, &[rows.len() as i32]), 0)?;
        packed.eval()?;
        Ok(packed)
    }
}
