//! What LLaVA 1.5 and LLaVA-NeXT share: the names of their tensors, tower and projector.

use mlx_rs::{Array, error::Exception};

use super::config::LlavaConfig;
use crate::native::{
    image_processor::ProcessedImage,
    models::{clip::ClipTower, frames::encode_frames, names},
    nn::{activation::Activation, linear::Linear},
    weights::{Scope, WeightsError},
};

/// Brings the spellings of the checkpoint's names to one: `vision_tower.…`,
/// `multi_modal_projector.…`, `image_newline`, `text_model.…` and `lm_head.…`. Published
/// files have `vision_tower.vision_model.` and `language_model.model.`; transformers 4.52
/// and later put `model.` before most names, transformers 5 drops `vision_model.`.
pub fn sanitize(name: &str) -> Option<String> {
    if names::is_derived(name) {
        return None;
    }
    let name = names::language_model(name);
    Some(match name.strip_prefix("vision_tower.vision_model.") {
        None => name,
        Some(rest) => format!("vision_tower.{rest}"),
    })
}

/// Vision tower and two-layer projector.
#[derive(Debug)]
pub struct VisionNetwork {
    tower: ClipTower,
    linear_1: Linear,
    activation: Activation,
    linear_2: Linear,
}

impl VisionNetwork {
    /// Takes the tensors of both from the root of a checkpoint.
    ///
    /// # Errors
    /// When one is missing or shaped otherwise.
    pub fn new(root: &Scope<'_>, config: &LlavaConfig) -> Result<Self, WeightsError> {
        let projector = root.scope("multi_modal_projector");
        let (vision, text) = (config.vision.hidden_size as i32, config.text.hidden_size as i32);
        let linear = |name: &str, inputs| {
            Linear::new(&projector.scope(name), inputs, text, config.projector_bias)
        };
        Ok(Self {
            tower: ClipTower::new(&root.scope("vision_tower"), &config.vision, config.features)?,
            linear_1: linear("linear_1", vision)?,
            activation: config.projector_act,
            linear_2: linear("linear_2", text)?,
        })
    }

    /// All frames of an image → `[frames, features, text hidden]`, evaluated.
    ///
    /// # Errors
    /// When MLX refuses or fails the computation.
    pub fn encode(&self, image: &ProcessedImage) -> Result<Array, Exception> {
        encode_frames(image, self.tower.dtype(), |frames| {
            let inner = self.linear_1.forward(&self.tower.forward(frames)?)?;
            self.linear_2.forward(&self.activation.apply(&inner)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_spelling_of_a_name_becomes_one() {
        let spellings = [
            ("vision_tower.vision_model.pre_layrnorm.bias", "vision_tower.pre_layrnorm.bias"),
            ("vision_tower.pre_layrnorm.bias", "vision_tower.pre_layrnorm.bias"),
            ("model.vision_tower.vision_model.pre_layrnorm.bias", "vision_tower.pre_layrnorm.bias"),
            ("language_model.model.norm.weight", "text_model.norm.weight"),
            ("model.language_model.norm.weight", "text_model.norm.weight"),
            ("language_model.lm_head.scales", "lm_head.scales"),
            ("lm_head.weight", "lm_head.weight"),
            ("model.image_newline", "image_newline"),
            ("model.multi_modal_projector.linear_1.bias", "multi_modal_projector.linear_1.bias"),
        ];
        for (spelled, canonical) in spellings {
            assert_eq!(sanitize(spelled).as_deref(), Some(canonical), "{spelled}");
        }
        assert_eq!(sanitize("vision_tower.vision_model.embeddings.position_ids"), None);
        assert_eq!(sanitize("language_model.model.layers.0.self_attn.rotary_emb.inv_freq"), None);
    }
}
