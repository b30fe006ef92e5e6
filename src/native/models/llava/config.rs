//! config.json of LLaVA 1.5 and LLaVA-NeXT (`configuration_llava.py`,
//! `configuration_llava_next.py` of transformers), sparse or complete.

use serde_json::Value;

use crate::native::{
    models::{
        clip::FeatureSelection,
        config_fields::{ConfigError, Fields},
        text_config::TextConfig,
        vision_config::VisionConfig,
    },
    nn::activation::Activation,
};

/// Everything the network's shape depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct LlavaConfig {
    /// The vision tower.
    pub vision: VisionConfig,
    /// The hidden states that become features.
    pub features: FeatureSelection,
    /// The decoder.
    pub text: TextConfig,
    /// Id of the token that vision features replace.
    pub image_token_id: u32,
    /// Between the projector's layers.
    pub projector_act: Activation,
    /// Whether the projector's layers have biases.
    pub projector_bias: bool,
    /// What the file says about sharing embedding and head: the top level, else
    /// `text_config`. A stored head overrules it.
    pub tie_word_embeddings: Option<bool>,
    /// (height, width) in pixels of the canvases that LLaVA-NeXT chooses from.
    pub image_grid_pinpoints: Vec<(usize, usize)>,
}

impl LlavaConfig {
    /// Reads a config.json; absent fields take the class defaults of transformers.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn from_json(config: &Value) -> Result<Self, ConfigError> {
        let top = Fields::top(config)?;
        let vision = vision(top)?;
        let text = TextConfig::from_fields(top.section("text_config")?)?;
        let image_token = match top.token_id("image_token_index")? {
            Some(id) => Some(id),
            None => top.token_id("image_token_id")?,
        };
        let tie = top.flag("tie_word_embeddings")?.or(text.tie_word_embeddings);
        let pinpoints = top.pairs("image_grid_pinpoints")?;
        Ok(Self {
            features: features(top, &vision)?,
            vision,
            text,
            image_token_id: image_token.unwrap_or(32000),
            projector_act: top.activation("projector_hidden_act")?.unwrap_or(Activation::Gelu),
            projector_bias: top.flag("multimodal_projector_bias")?.unwrap_or(true),
            tie_word_embeddings: tie,
            image_grid_pinpoints: pinpoints.unwrap_or_else(|| {
                vec![(336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008)]
            }),
        })
    }

    /// Features of one frame: its patches, and the class token where it is kept.
    pub fn features_per_frame(&self) -> usize {
        self.vision.grid().pow(2) + usize::from(self.features.class_token)
    }
}

fn vision(top: Fields<'_>) -> Result<VisionConfig, ConfigError> {
    let section = top.section("vision_config")?;
    match section.text("model_type")?.unwrap_or("clip_vision_model") {
        "clip_vision_model" => {}
        other => return Err(section.unsupported("model_type", other, "clip_vision_model")),
    }
    // Without the section LlavaConfig asks for CLIP-L, with it for CLIP's own defaults.
    let defaults =
        if section.is_present() { &VisionConfig::CLIP } else { &VisionConfig::CLIP_L_336 };
    VisionConfig::from_fields(section, defaults)
}

fn features(top: Fields<'_>, vision: &VisionConfig) -> Result<FeatureSelection, ConfigError> {
    let name = "vision_feature_select_strategy";
    let class_token = match top.text(name)?.unwrap_or("default") {
        "default" => false,
        "full" => true,
        other => return Err(top.unsupported(name, other, "default or full")),
    };
    let name = "vision_feature_layer";
    if let Some(list @ Value::Array(_)) = top.get(name) {
        return Err(top.unsupported(name, list, "one layer"));
    }
    FeatureSelection::of_layer(top, name, vision, class_token)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The fields that llava-1.5-7b-hf publishes.
    fn published() -> Value {
        json!({
            "model_type": "llava", "ignore_index": -100, "image_token_index": 32000, "pad_token_id": 32001,
            "projector_hidden_act": "gelu", "vision_feature_layer": -2, "tie_word_embeddings": false,
            "vision_feature_select_strategy": "default", "vocab_size": 32064, "torch_dtype": "float16",
            "text_config": {
                "_name_or_path": "lmsys/vicuna-7b-v1.5", "model_type": "llama",
                "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "vocab_size": 32064
            },
            "vision_config": {
                "model_type": "clip_vision_model", "hidden_size": 1024, "image_size": 336, "intermediate_size": 4096,
                "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14, "projection_dim": 768,
                "vocab_size": 32000
            }
        })
    }

    #[test]
    fn the_published_sparse_config_is_filled_with_the_class_defaults() {
        let config = LlavaConfig::from_json(&published()).unwrap();
        assert_eq!(config.vision, VisionConfig::CLIP_L_336);
        assert_eq!(config.features, FeatureSelection { layers: 23, depth: 24, class_token: false });
        assert_eq!(config.features_per_frame(), 576);
        let text = &config.text;
        assert_eq!((text.hidden_size, text.intermediate_size), (4096, 11008));
        assert_eq!((text.num_hidden_layers, text.num_key_value_heads), (32, 32));
        assert_eq!((config.image_token_id, config.tie_word_embeddings), (32000, Some(false)));
        assert_eq!(config.image_grid_pinpoints[2], (672, 672));
    }

    #[test]
    fn the_alias_of_the_image_token_and_an_absent_tower_are_read() {
        let config = LlavaConfig::from_json(&json!({"image_token_id": 7})).unwrap();
        assert_eq!((config.image_token_id, config.vision), (7, VisionConfig::CLIP_L_336));
    }

    #[test]
    fn layers_count_from_either_end_and_the_class_token_may_stay() {
        for (layer, layers) in [(json!(-1), 24), (json!(0), 0), (json!(5), 5), (json!(-25), 0)] {
            let mut json = published();
            json["vision_feature_layer"] = layer;
            json["vision_feature_select_strategy"] = json!("full");
            let config = LlavaConfig::from_json(&json).unwrap();
            assert_eq!(config.features, FeatureSelection { layers, depth: 24, class_token: true });
            assert_eq!(config.features_per_frame(), 577);
        }
    }

    #[test]
    fn what_is_not_implemented_is_refused_by_name() {
        let cases = [
            (
                "vision_feature_layer",
                json!(-26),
                "vision_feature_layer -26 is none of the tower's 24",
            ),
            ("vision_feature_layer", json!(25), "vision_feature_layer 25 is none"),
            ("vision_feature_layer", json!([-2, -5]), "vision_feature_layer = [-2,-5] is not"),
            ("vision_feature_select_strategy", json!("cls"), "strategy = cls is not supported"),
            ("projector_hidden_act", json!("relu"), "projector_hidden_act = relu"),
            (
                "vision_config",
                json!({"model_type": "siglip_vision_model"}),
                "vision_config.model_type = siglip",
            ),
            (
                "image_grid_pinpoints",
                json!([[336]]),
                "image_grid_pinpoints must be a list of [height",
            ),
        ];
        for (field, value, expected) in cases {
            let mut json = published();
            json[field] = value;
            let error = LlavaConfig::from_json(&json).unwrap_err().to_string();
            assert!(error.contains(expected), "{error:?} should contain {expected:?}");
        }
    }
}
