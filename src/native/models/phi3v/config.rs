//! config.json of Phi-3-vision and Phi-3.5-vision (Microsoft's `configuration_phi3_v.py`).

use serde_json::Value;

use crate::native::models::{
    clip::FeatureSelection,
    config_fields::{ConfigError, Fields},
    text_config::TextConfig,
    vision_config::VisionConfig,
};

/// Everything the network's shape depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Phi3vConfig {
    /// The vision tower. The published models say nothing of it: theirs is CLIP-L for
    /// 336 pixels. Smaller ones may state their sizes in `img_processor`.
    pub vision: VisionConfig,
    /// The hidden states that become features.
    pub features: FeatureSelection,
    /// The decoder, at the top level of the file.
    pub text: TextConfig,
    /// The order of the two views.
    pub order: ViewOrder,
}

/// `hd_transform_order`: which view the decoder sees first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewOrder {
    /// The tiles, then the whole view (`sub_glb`).
    TilesFirst,
    /// The whole view, then the tiles (`glb_sub`).
    WholeFirst,
}

impl Phi3vConfig {
    /// Reads a config.json; absent fields take the defaults of the published class.
    /// `text_config` and `vision_config`, which old conversions left behind, are ignored.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn from_json(config: &Value) -> Result<Self, ConfigError> {
        let top = Fields::top(config)?;
        let tower = top.section("img_processor")?;
        let vision = vision(tower)?;
        let features = FeatureSelection::of_layer(tower, "layer_idx", &vision, false)?;
        let text = TextConfig::from_fields(top)?;
        let order = view_order(top.section("embd_layer")?)?;
        Ok(Self { vision, features, text, order })
    }

    /// Decoder positions along the side of a frame: each is a square of 2 × 2 patches.
    pub fn side(&self) -> usize {
        self.vision.grid() / 2
    }
}

fn vision(tower: Fields<'_>) -> Result<VisionConfig, ConfigError> {
    match tower.text("name")?.unwrap_or("clip_vision_model") {
        "clip_vision_model" => {}
        other => return Err(tower.unsupported("name", other, "clip_vision_model")),
    }
    match tower.text("type_feature")?.unwrap_or("patch") {
        "patch" => {}
        other => return Err(tower.unsupported("type_feature", other, "patch")),
    }
    let width = tower.size("image_dim_out")?.unwrap_or(VisionConfig::CLIP_L_336.hidden_size);
    let defaults = VisionConfig { hidden_size: width, ..VisionConfig::CLIP_L_336 };
    let vision = VisionConfig::from_fields(tower, &defaults)?;
    let grid = vision.grid();
    if vision.hidden_size != width {
        let message = format!("{width} is not hidden_size {}", vision.hidden_size);
        return Err(tower.invalid("image_dim_out", message));
    }
    if !grid.is_multiple_of(2) {
        let message = format!("gives {grid} patches along a side, which cannot be paired");
        return Err(tower.invalid("image_size", message));
    }
    match tower.size("num_img_tokens")? {
        Some(tokens) if tokens != (grid / 2).pow(2) => {
            let message = format!("{tokens} is not {}, what the tower gives", (grid / 2).pow(2));
            Err(tower.invalid("num_img_tokens", message))
        }
        _ => Ok(vision),
    }
}

fn view_order(layer: Fields<'_>) -> Result<ViewOrder, ConfigError> {
    for name in ["use_hd_transform", "with_learnable_separator"] {
        if layer.flag(name)? == Some(false) {
            return Err(layer.unsupported(name, "false", "true"));
        }
    }
    match layer.text("projection_cls")?.unwrap_or("mlp") {
        "mlp" => {}
        other => return Err(layer.unsupported("projection_cls", other, "mlp")),
    }
    match layer.text("hd_transform_order")?.unwrap_or("glb_sub") {
        "sub_glb" => Ok(ViewOrder::TilesFirst),
        "glb_sub" => Ok(ViewOrder::WholeFirst),
        other => Err(layer.unsupported("hd_transform_order", other, "sub_glb or glb_sub")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::native::models::rope_config::RopeConfig;

    /// The fields that Phi-3.5-vision-instruct publishes, with an old conversion's leftovers.
    fn published() -> Value {
        json!({
            "model_type": "phi3_v", "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32,
            "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32064, "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0, "max_position_embeddings": 131_072, "original_max_position_embeddings": 4096,
            "rope_scaling": {"type": "su", "long_factor": vec![2.0; 48], "short_factor": vec![1.0; 48]},
            "sliding_window": 262_144, "tie_word_embeddings": false, "eos_token_id": 2,
            "img_processor": {
                "image_dim_out": 1024, "model_name": "openai/clip-vit-large-patch14-336",
                "name": "clip_vision_model", "num_img_tokens": 144
            },
            "embd_layer": {
                "embedding_cls": "image", "hd_transform_order": "sub_glb", "projection_cls": "mlp",
                "use_hd_transform": true, "with_learnable_separator": true
            },
            "text_config": {}, "vision_config": {"model_name": "openai/clip-vit-large-patch14-336", "hidden_size": 5}
        })
    }

    #[test]
    fn the_published_config_means_clip_l_and_phi_3() {
        let config = Phi3vConfig::from_json(&published()).unwrap();
        assert_eq!(config.vision, VisionConfig::CLIP_L_336);
        assert_eq!(config.features, FeatureSelection { layers: 23, depth: 24, class_token: false });
        assert_eq!((config.side(), config.order), (12, ViewOrder::TilesFirst));
        assert!(config.text.fused_projections);
        assert_eq!((config.text.head_dim, config.text.max_position_embeddings), (96, 131_072));
        let RopeConfig::Long(rope) = config.text.rope else { panic!("a plain rope") };
        assert_eq!(rope.original_length, 4096);
    }

    #[test]
    fn a_smaller_tower_states_its_sizes() {
        let mut json = published();
        json["img_processor"] = json!({
            "name": "clip_vision_model", "image_dim_out": 64, "num_img_tokens": 16, "image_size": 64,
            "patch_size": 8, "hidden_size": 64, "num_attention_heads": 4
        });
        let config = Phi3vConfig::from_json(&json).unwrap();
        assert_eq!((config.vision.hidden_size, config.vision.grid(), config.side()), (64, 8, 4));
    }

    #[test]
    fn what_is_not_implemented_is_refused_by_name() {
        let cases = [
            ("/img_processor/name", json!("siglip"), "img_processor.name = siglip"),
            ("/img_processor/num_img_tokens", json!(100), "num_img_tokens 100 is not 144"),
            ("/img_processor/image_dim_out", json!(100), "num_attention_heads 16 does not divide"),
            ("/embd_layer/projection_cls", json!("linear"), "embd_layer.projection_cls = linear"),
            ("/embd_layer/use_hd_transform", json!(false), "use_hd_transform = false"),
            ("/embd_layer/hd_transform_order", json!("mixed"), "hd_transform_order = mixed"),
            ("/rope_scaling/type", json!("yarn"), "rope_scaling.rope_type = yarn"),
        ];
        for (pointer, value, expected) in cases {
            let mut json = published();
            *json.pointer_mut(pointer).unwrap() = value;
            let error = Phi3vConfig::from_json(&json).unwrap_err().to_string();
            assert!(error.contains(expected), "{error:?} should contain {expected:?}");
        }
    }
}
