//! Phi-3-vision and Phi-3.5-vision: a CLIP tower on tiles and on the whole image, squares
//! of 2 × 2 patches side by side, learned separators, a two-layer projection and a Phi-3
//! decoder. Reference: Microsoft's `modeling_phi3_v.py` and `processing_phi3_v.py`.

use mlx_rs::{Array, error::Exception, ops};

use crate::{
    native::{
        LoadError,
        chat_template::ContentStyle,
        checkpoint::Checkpoint,
        image_processor::{ImageError, ImageLayout, Phi3vImageConfig, ProcessedImage, RgbView},
        models::{
            Architecture, Family, PromptError,
            clip::ClipTower,
            decoder::Decoder,
            frames::encode_frames,
            names,
            outline::{ConnectorShape, ImageSizes, NetworkShape, Outline},
            prompt::TokenizedChat,
            text_side::TextSide,
            vision_config::VisionConfig,
        },
        nn::{activation::Activation, linear::Linear},
        weights::{Scope, Weights, WeightsError},
    },
    vlm::{Chat, LoadOptions},
};

pub mod config;
pub mod layout;
pub mod prompt;

use config::{Phi3vConfig, ViewOrder};
use layout::ViewLayout;

struct Phi3v {
    images: Tiles,
    tower: ClipTower,
    projection: ImageProjection,
}

/// Brings the checkpoint's names to the tree used here: `vision_tower.…`,
/// `img_projection.…`, `sub_GN`, `glb_GN`, `text_model.…` and `lm_head.…`. The embedding
/// that the vision module holds once more is left out.
fn sanitize(name: &str) -> Option<String> {
    if names::is_derived(name) || name.starts_with("model.vision_embed_tokens.wte.") {
        return None;
    }
    if let Some(rest) = name.strip_prefix("model.vision_embed_tokens.") {
        return Some(match rest.strip_prefix("img_processor.") {
            None => rest.to_owned(),
            Some(rest) => {
                format!("vision_tower.{}", rest.strip_prefix("vision_model.").unwrap_or(rest))
            }
        });
    }
    Some(match name.strip_prefix("model.") {
        None => name.to_owned(),
        Some(rest) => format!("text_model.{rest}"),
    })
}

/// How an image becomes tiles, and their features positions.
struct Tiles {
    image_config: Phi3vImageConfig,
    /// Positions along the side of a frame.
    side: usize,
    order: ViewOrder,
}

impl Tiles {
    fn of(
        checkpoint: &Checkpoint,
        config: &Phi3vConfig,
        options: &LoadOptions,
    ) -> Result<Self, LoadError> {
        let image_size = config.vision.image_size;
        let mut image_config = match checkpoint.image_settings() {
            Some(settings) => Phi3vImageConfig::from_json(settings, image_size)?,
            None => Phi3vImageConfig::for_side(image_size),
        };
        if let Some(crops) = options.num_crops {
            image_config = image_config.with_num_crops(crops);
        }
        Ok(Self { image_config, side: config.side(), order: config.order })
    }

    fn views(&self, image: &ImageLayout) -> ViewLayout {
        let ImageLayout { rows, cols, .. } = *image;
        ViewLayout { rows, cols, side: self.side, order: self.order }
    }
}

impl ImageSizes for Tiles {
    fn layout(&self, width: usize, height: usize) -> Result<ImageLayout, ImageError> {
        self.image_config.layout(width, height)
    }

    fn positions(&self, image: &ImageLayout) -> usize {
        self.views(image).positions()
    }
}

/// Reads the settings of a checkpoint of `model_type` `phi3_v`.
///
/// # Errors
/// [`LoadError`] names the file or field.
pub fn outline(checkpoint: &Checkpoint, options: &LoadOptions) -> Result<Outline, LoadError> {
    let config = Phi3vConfig::from_json(&checkpoint.config)?;
    let images = Box::new(Tiles::of(checkpoint, &config, options)?);
    let Phi3vConfig { vision, features, text, .. } = config;
    let connector = ConnectorShape {
        inputs: vision.hidden_size.saturating_mul(4),
        patches_per_row: 4,
        layers: 2,
        whole_image: true,
    };
    let vision = VisionConfig { num_hidden_layers: features.layers, ..vision };
    let shape = NetworkShape { vision, class_token: true, connector, text };
    let kept = move |name: &str| {
        sanitize(name).filter(|name| !features.leaves_out_of("vision_tower.", name))
    };
    Ok(Outline { shape, images, kept: Box::new(kept) })
}

/// Loads a checkpoint of `model_type` `phi3_v`; also returns the precisions of its tensors.
///
/// # Errors
/// [`LoadError`] names the file, field or tensor.
pub fn load(
    checkpoint: &Checkpoint,
    options: &LoadOptions,
) -> Result<(Architecture, String), LoadError> {
    let config = Phi3vConfig::from_json(&checkpoint.config)?;
    let images = Tiles::of(checkpoint, &config, options)?;
    let text = TextSide::open(checkpoint)?;
    let weights = Weights::of(checkpoint, options, sanitize)?;
    let root = weights.root();
    let tower = ClipTower::new(&root.scope("vision_tower"), &config.vision, config.features)?;
    let projection = ImageProjection::new(&root, &config)?;
    let (model, head) = (root.scope("text_model"), root.scope("lm_head"));
    let decoder = Decoder::new(&model, &head, &config.text, config.text.tie_word_embeddings)?;
    let precision = weights.finish()?;
    let family = Phi3v { images, tower, projection };
    Ok((Architecture::new(family, text, decoder), precision))
}

impl Family for Phi3v {
    fn turn_ends(&self) -> &'static [&'static str] {
        // The published configuration names `</s>` alone, which the model never writes.
        &["<|end|>", "<|endoftext|>", "<|assistant|>", "</s>"]
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
        let style = ContentStyle::Flat { image: prompt::placeholder };
        let rendered = text.render(chat, style, add_generation_prompt)?;
        let positions: Vec<_> = images.iter().map(|image| self.positions(image)).collect();
        let token_ids = prompt::token_ids(&rendered, &positions, |piece| {
            Ok(text.tokenizer.encode(piece, true)?)
        })?;
        Ok(TokenizedChat { text: rendered, token_ids })
    }

    fn is_image_position(&self, id: i32) -> bool {
        id < 0
    }

    fn encode(&self, image: &ProcessedImage) -> Result<Array, Exception> {
        let patches = encode_frames(image, self.tower.dtype(), |x| self.tower.forward(x))?;
        let features = self.projection.forward(&patches, &self.images.views(&image.layout))?;
        features.eval()?;
        Ok(features)
    }
}

/// Separators and projection into the decoder's width.
#[derive(Debug)]
struct ImageProjection {
    /// `[2, 4 · vision hidden]`: `sub_GN`, then `glb_GN`.
    separators: Array,
    linear_0: Linear,
    linear_2: Linear,
}

impl ImageProjection {
    fn new(root: &Scope<'_>, config: &Phi3vConfig) -> Result<Self, WeightsError> {
        let width = (config.vision.hidden_size as i32).saturating_mul(4);
        let text = config.text.hidden_size as i32;
        let end_of_row = root.tensor("sub_GN", &[1, 1, 1, width])?;
        let between_views = root.tensor("glb_GN", &[1, 1, width])?;
        let separators = root.compute(|| {
            let rows = [end_of_row.reshape(&[1, width])?, between_views.reshape(&[1, width])?];
            ops::concatenate(&rows, 0)
        })?;
        let layers = root.scope("img_projection");
        Ok(Self {
            separators,
            linear_0: Linear::new(&layers.scope(0), width, text, true)?,
            linear_2: Linear::new(&layers.scope(2), text, text, true)?,
        })
    }

    /// `patches` `[frames, (2 · side)², d]` → `[positions, text hidden]`: squares of 2 × 2
    /// patches become one vector each, their rows after one another; the separators go
    /// through the projection like every position.
    fn forward(&self, patches: &Array, layout: &ViewLayout) -> Result<Array, Exception> {
        let (frames, width, side) = (patches.dim(0), patches.dim(2), layout.side as i32);
        let squares = patches
            .reshape(&[frames, side, 2, side, 2, width])?
            .transpose_axes(&[0, 1, 3, 2, 4, 5])?
            .reshape(&[frames * side * side, 4 * width])?;
        let table = ops::concatenate(&[&squares, &self.separators.as_dtype(squares.dtype())?], 0)?;
        let rows = layout.table_rows();
        let x = table.take_axis(Array::from_slice(&rows, &[rows.len() as i32]), 0)?;
        self.linear_2.forward(&Activation::Gelu.apply(&self.linear_0.forward(&x)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_names_become_those_of_the_tree() {
        let spellings = [
            (
                "model.vision_embed_tokens.img_processor.vision_model.pre_layrnorm.bias",
                "vision_tower.pre_layrnorm.bias",
            ),
            ("model.vision_embed_tokens.img_projection.0.scales", "img_projection.0.scales"),
            ("model.vision_embed_tokens.glb_GN", "glb_GN"),
            ("model.embed_tokens.weight", "text_model.embed_tokens.weight"),
            ("lm_head.weight", "lm_head.weight"),
        ];
        for (spelled, canonical) in spellings {
            assert_eq!(sanitize(spelled).as_deref(), Some(canonical));
        }
        assert_eq!(sanitize("model.vision_embed_tokens.wte.weight"), None);
    }
}
