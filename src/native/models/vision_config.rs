//! The vision tower's configuration, shared by SigLIP-like and CLIP towers; names are
//! those of transformers' `vision_config`.

use super::config_fields::{ConfigError, Fields};
use crate::native::nn::{activation::Activation, vit::EncoderShape};

/// Sizes and constants of a vision transformer.
#[derive(Debug, Clone, PartialEq)]
pub struct VisionConfig {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the MLP.
    pub intermediate_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Colour channels; always 3.
    pub num_channels: usize,
    /// Side of the square input, in pixels.
    pub image_size: usize,
    /// Side of a patch, in pixels. What is left over at the right and bottom is unused.
    pub patch_size: usize,
    /// Epsilon of the layer norms.
    pub layer_norm_eps: f32,
    /// Non-linearity of the MLPs.
    pub hidden_act: Activation,
}

impl VisionConfig {
    /// Class defaults of `Idefics3VisionConfig` and `SmolVLMVisionConfig`.
    pub const IDEFICS3: Self = Self {
        hidden_size: 1152,
        intermediate_size: 3072,
        num_hidden_layers: 12,
        num_attention_heads: 16,
        num_channels: 3,
        image_size: 224,
        patch_size: 32,
        layer_norm_eps: 1e-6,
        hidden_act: Activation::GeluTanh,
    };

    /// Class defaults of `CLIPVisionConfig`.
    pub const CLIP: Self = Self {
        hidden_size: 768,
        intermediate_size: 3072,
        num_hidden_layers: 12,
        num_attention_heads: 12,
        num_channels: 3,
        image_size: 224,
        patch_size: 32,
        layer_norm_eps: 1e-5,
        hidden_act: Activation::QuickGelu,
    };

    /// CLIP ViT-L/14 for 336 pixels: what `LlavaConfig` defaults to, and what
    /// Phi-3-vision is built on.
    pub const CLIP_L_336: Self = Self {
        hidden_size: 1024,
        intermediate_size: 4096,
        num_hidden_layers: 24,
        num_attention_heads: 16,
        num_channels: 3,
        image_size: 336,
        patch_size: 14,
        layer_norm_eps: 1e-5,
        hidden_act: Activation::QuickGelu,
    };

    /// Reads a `vision_config` section over the class defaults.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn from_fields(fields: Fields<'_>, defaults: &Self) -> Result<Self, ConfigError> {
        let size = |name, default| Ok(fields.size(name)?.unwrap_or(default));
        let config = Self {
            hidden_size: size("hidden_size", defaults.hidden_size)?,
            intermediate_size: size("intermediate_size", defaults.intermediate_size)?,
            num_hidden_layers: size("num_hidden_layers", defaults.num_hidden_layers)?,
            num_attention_heads: size("num_attention_heads", defaults.num_attention_heads)?,
            num_channels: size("num_channels", defaults.num_channels)?,
            image_size: fields.square("image_size")?.unwrap_or(defaults.image_size),
            patch_size: fields.square("patch_size")?.unwrap_or(defaults.patch_size),
            layer_norm_eps: fields.positive("layer_norm_eps")?.unwrap_or(defaults.layer_norm_eps),
            hidden_act: fields.activation("hidden_act")?.unwrap_or(defaults.hidden_act),
        };
        config.check(fields)?;
        Ok(config)
    }

    /// Patches along one side of the image.
    pub fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Width of an attention head.
    pub fn head_dim(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }

    fn check(&self, fields: Fields<'_>) -> Result<(), ConfigError> {
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let message = format!(
                "{} does not divide hidden_size {}",
                self.num_attention_heads, self.hidden_size
            );
            return Err(fields.invalid("num_attention_heads", message));
        }
        if self.patch_size > self.image_size {
            let message = format!("{} is over image_size {}", self.patch_size, self.image_size);
            return Err(fields.invalid("patch_size", message));
        }
        if self.num_channels != 3 {
            return Err(fields.unsupported("num_channels", &self.num_channels, "3"));
        }
        Ok(())
    }
}

impl From<&VisionConfig> for EncoderShape {
    fn from(config: &VisionConfig) -> Self {
        Self {
            hidden: config.hidden_size as i32,
            intermediate: config.intermediate_size as i32,
            layers: config.num_hidden_layers,
            heads: config.num_attention_heads as i32,
            eps: config.layer_norm_eps,
            activation: config.hidden_act,
        }
    }
}
