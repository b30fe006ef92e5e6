//! config.json of `SmolVLM` and Idefics3 (`configuration_smolvlm.py`,
//! `configuration_idefics3.py` of transformers), sparse or complete.

use serde_json::Value;

use crate::native::models::{
    config_fields::{ConfigError, Fields},
    text_config::TextConfig,
    vision_config::VisionConfig,
};

/// Everything the network's shape depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct SmolVlmConfig {
    /// The vision tower.
    pub vision: VisionConfig,
    /// The decoder.
    pub text: TextConfig,
    /// Side of the square of patches that pixel shuffle folds into one; divides the grid.
    pub scale_factor: usize,
    /// Id of the token that vision features replace.
    pub image_token_id: u32,
    /// What the file says about sharing embedding and head: the top level, else
    /// `text_config`. A stored `lm_head.weight` overrules it.
    pub tie_word_embeddings: Option<bool>,
}

impl SmolVlmConfig {
    /// Reads a config.json; absent fields take the class defaults of transformers.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn from_json(config: &Value) -> Result<Self, ConfigError> {
        let top = Fields::top(config)?;
        let vision =
            VisionConfig::from_fields(top.section("vision_config")?, &VisionConfig::IDEFICS3)?;
        let section = top.section("text_config")?;
        let mut text = TextConfig::from_fields(section)?;
        if !section.is_present() {
            // Without one the class asks LlamaConfig for another epsilon than its own.
            text.rms_norm_eps = 1e-5;
        }
        let config = Self {
            scale_factor: top.size("scale_factor")?.unwrap_or(2),
            image_token_id: top.token_id("image_token_id")?.unwrap_or(128_257),
            tie_word_embeddings: top.flag("tie_word_embeddings")?.or(text.tie_word_embeddings),
            vision,
            text,
        };
        config.check(top)?;
        Ok(config)
    }

    /// Decoder positions that one tile or whole image fills:
    /// `(image_size / patch_size / scale_factor)²`.
    pub fn image_seq_len(&self) -> usize {
        (self.vision.grid() / self.scale_factor).pow(2)
    }

    fn check(&self, top: Fields<'_>) -> Result<(), ConfigError> {
        let grid = self.vision.grid();
        if !grid.is_multiple_of(self.scale_factor) {
            let message =
                format!("{} does not divide the {grid} patches of a side", self.scale_factor);
            return Err(top.invalid("scale_factor", message));
        }
        if self.image_token_id as usize >= self.text.vocab_size {
            let message = format!(
                "{} is outside the vocabulary of {}",
                self.image_token_id, self.text.vocab_size
            );
            return Err(top.invalid("image_token_id", message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::native::nn::activation::Activation;

    /// The fields that SmolVLM2-500M-Video-Instruct publishes, with its leftovers.
    fn published() -> Value {
        json!({
            "model_type": "smolvlm", "image_token_id": 49190, "scale_factor": 4, "pad_token_id": 128_002,
            "tie_word_embeddings": false, "torch_dtype": "float32", "use_cache": false,
            "text_config": {
                "model_type": "llama", "hidden_size": 960, "intermediate_size": 2560, "num_hidden_layers": 32,
                "num_attention_heads": 15, "num_key_value_heads": 5, "head_dim": 64, "vocab_size": 49280,
                "rms_norm_eps": 1e-5, "rope_theta": 100_000, "max_position_embeddings": 8192,
                "qk_layer_norms": false, "rope_interleaved": false, "is_llama_config": true, "pixel_shuffle_factor": 4,
                "perceiver_config": {"resampler_depth": 6}
            },
            "vision_config": {
                "model_type": "smolvlm_vision", "hidden_size": 768, "image_size": 512, "patch_size": 16,
                "num_attention_heads": 12, "max_image_size": {"longest_edge": 512}, "size": {"longest_edge": 2048}
            }
        })
    }

    #[test]
    fn the_published_sparse_config_is_filled_with_the_class_defaults() {
        let config = SmolVlmConfig::from_json(&published()).unwrap();
        assert_eq!((config.vision.num_hidden_layers, config.vision.intermediate_size), (12, 3072));
        assert_eq!(config.vision.hidden_act, Activation::GeluTanh);
        assert_eq!((config.vision.grid(), config.image_seq_len()), (32, 64));
        assert_eq!((config.text.num_key_value_heads, config.text.head_dim), (5, 64));
        assert_eq!((config.image_token_id, config.scale_factor), (49190, 4));
        assert_eq!(config.tie_word_embeddings, Some(false));
    }

    #[test]
    fn a_grid_that_leaves_pixels_unused_counts_whole_patches() {
        let mut json = published();
        json["scale_factor"] = json!(3);
        json["vision_config"]["image_size"] = json!([384, 384]);
        json["vision_config"]["patch_size"] = json!(14);
        let config = SmolVlmConfig::from_json(&json).unwrap();
        assert_eq!((config.vision.grid(), config.image_seq_len()), (27, 81));
    }

    #[test]
    fn tying_is_read_at_the_top_level_before_the_text_config() {
        let mut json = published();
        json["text_config"]["tie_word_embeddings"] = json!(true);
        assert_eq!(SmolVlmConfig::from_json(&json).unwrap().tie_word_embeddings, Some(false));
        json["tie_word_embeddings"] = Value::Null;
        assert_eq!(SmolVlmConfig::from_json(&json).unwrap().tie_word_embeddings, Some(true));
    }

    #[test]
    fn a_missing_text_config_asks_for_the_larger_epsilon() {
        let mut json = published();
        json["image_token_id"] = json!(3);
        json["text_config"] = Value::Null;
        let config = SmolVlmConfig::from_json(&json).unwrap();
        assert!((config.text.rms_norm_eps - 1e-5).abs() < 1e-12);
    }

    #[test]
    fn contradictions_are_refused_by_name() {
        let cases = [
            ("/scale_factor", json!(5), "scale_factor 5 does not divide the 32 patches"),
            ("/image_token_id", json!(49280), "image_token_id 49280 is outside the vocabulary"),
            ("/image_token_id", json!(-1), "image_token_id must be a token id, found -1"),
            (
                "/vision_config/hidden_size",
                json!(770),
                "vision_config.num_attention_heads 12 does not divide",
            ),
            (
                "/vision_config/patch_size",
                json!(600),
                "vision_config.patch_size 600 is over image_size 512",
            ),
            ("/vision_config/image_size", json!([512, 256]), "vision_config.image_size must be"),
            (
                "/vision_config",
                json!("siglip"),
                "vision_config must be an object, found \"siglip\"",
            ),
        ];
        for (pointer, value, expected) in cases {
            let mut json = published();
            *json.pointer_mut(pointer).unwrap() = value;
            let error = SmolVlmConfig::from_json(&json).unwrap_err().to_string();
            assert!(error.contains(expected), "{error:?} should contain {expected:?}");
        }
        let channels = json!({"vision_config": {"num_channels": 1}});
        let error = SmolVlmConfig::from_json(&channels).unwrap_err().to_string();
        assert!(error.contains("vision_config.num_channels = 1"), "{error}");
    }
}
