//! The decoder's configuration: Llama and its relatives, as transformers'
//! `configuration_llama.py`, `configuration_mistral.py` and `configuration_phi3.py` define
//! and default it.

use super::{
    config_fields::{ConfigError, Fields},
    rope_config::{RopeConfig, RopeContext},
};
use crate::native::nn::kv_cache::capacity;

/// Sizes and constants of a decoder of the Llama kind.
#[derive(Debug, Clone, PartialEq)]
pub struct TextConfig {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the MLP.
    pub intermediate_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads; divides the query heads.
    pub num_key_value_heads: usize,
    /// Width of a head; even.
    pub head_dim: usize,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Epsilon of the `RMSNorm`s.
    pub rms_norm_eps: f32,
    /// The rotary embedding.
    pub rope: RopeConfig,
    /// Longest sequence the model was made for, in tokens.
    pub max_position_embeddings: usize,
    /// Tokens an attention layer looks back; `None` is all.
    pub sliding_window: Option<usize>,
    /// What the file says about sharing embedding and head; the tensors decide.
    pub tie_word_embeddings: Option<bool>,
    /// Whether the attention projections have biases.
    pub attention_bias: bool,
    /// Whether the MLP projections have biases.
    pub mlp_bias: bool,
    /// Whether query, key and value are one projection, and gate and up another (Phi-3).
    pub fused_projections: bool,
}

/// Class defaults in which the families differ.
#[derive(Clone, Copy)]
struct ClassDefaults {
    hidden_size: usize,
    intermediate_size: usize,
    key_value_heads: Option<usize>,
    vocab_size: usize,
    rms_norm_eps: f32,
    max_position_embeddings: usize,
    sliding_window: Option<usize>,
    fused_projections: bool,
}

impl ClassDefaults {
    const LLAMA: Self = Self {
        hidden_size: 4096,
        intermediate_size: 11008,
        key_value_heads: None,
        vocab_size: 32000,
        rms_norm_eps: 1e-6,
        max_position_embeddings: 2048,
        sliding_window: None,
        fused_projections: false,
    };

    fn of(fields: Fields<'_>) -> Result<Self, ConfigError> {
        match fields.text("model_type")?.unwrap_or("llama") {
            "llama" => Ok(Self::LLAMA),
            "mistral" => Ok(Self {
                intermediate_size: 14336,
                key_value_heads: Some(8),
                max_position_embeddings: 4096 * 32,
                // The class default applies only where the key is absent: published files
                // carry an explicit null, which means no window.
                sliding_window: Some(4096).filter(|_| !fields.has_key("sliding_window")),
                ..Self::LLAMA
            }),
            "phi3" | "phi3_v" => Ok(Self {
                hidden_size: 3072,
                intermediate_size: 8192,
                vocab_size: 32064,
                rms_norm_eps: 1e-5,
                max_position_embeddings: 4096,
                fused_projections: true,
                ..Self::LLAMA
            }),
            other => Err(fields.unsupported("model_type", other, "llama, mistral or phi3")),
        }
    }
}

impl TextConfig {
    /// Reads a `text_config` section.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn from_fields(fields: Fields<'_>) -> Result<Self, ConfigError> {
        let defaults = ClassDefaults::of(fields)?;
        let num_attention_heads = fields.size("num_attention_heads")?.unwrap_or(32);
        let hidden_size = fields.size("hidden_size")?.unwrap_or(defaults.hidden_size);
        let head_dim = fields.size("head_dim")?.unwrap_or(hidden_size / num_attention_heads);
        let max_position_embeddings =
            fields.size("max_position_embeddings")?.unwrap_or(defaults.max_position_embeddings);
        let context = RopeContext { head_dim, longest: max_position_embeddings };
        let config = Self {
            hidden_size,
            intermediate_size: fields
                .size("intermediate_size")?
                .unwrap_or(defaults.intermediate_size),
            num_hidden_layers: fields.size("num_hidden_layers")?.unwrap_or(32),
            num_attention_heads,
            num_key_value_heads: key_value_heads(fields, &defaults, num_attention_heads)?,
            head_dim,
            vocab_size: fields.size("vocab_size")?.unwrap_or(defaults.vocab_size),
            rms_norm_eps: fields.positive("rms_norm_eps")?.unwrap_or(defaults.rms_norm_eps),
            rope: RopeConfig::from_fields(fields, context)?,
            max_position_embeddings,
            sliding_window: fields.size("sliding_window")?.or(defaults.sliding_window),
            tie_word_embeddings: fields.flag("tie_word_embeddings")?,
            attention_bias: fields.flag("attention_bias")?.unwrap_or(false),
            mlp_bias: fields.flag("mlp_bias")?.unwrap_or(false),
            fused_projections: defaults.fused_projections,
        };
        config.check(fields)?;
        Ok(config)
    }

    /// Bytes of the keys and values of all layers in buffers for `positions`, of
    /// `number_bytes` each number.
    pub fn kv_bytes(&self, positions: usize, number_bytes: u64) -> u64 {
        let numbers = [self.num_hidden_layers, self.num_key_value_heads, self.head_dim];
        let numbers = numbers.into_iter().chain([2, capacity(positions)]);
        numbers.fold(number_bytes, |product, factor| product.saturating_mul(factor as u64))
    }

    fn check(&self, fields: Fields<'_>) -> Result<(), ConfigError> {
        let (hidden, heads) = (self.hidden_size, self.num_attention_heads);
        if !hidden.is_multiple_of(heads) {
            let message = format!("{heads} does not divide hidden_size {hidden}");
            return Err(fields.invalid("num_attention_heads", message));
        }
        if !heads.is_multiple_of(self.num_key_value_heads) {
            let message =
                format!("{} does not divide num_attention_heads {heads}", self.num_key_value_heads);
            return Err(fields.invalid("num_key_value_heads", message));
        }
        if !self.head_dim.is_multiple_of(2) {
            let message = format!("{} must be even for rotary embeddings", self.head_dim);
            return Err(fields.invalid("head_dim", message));
        }
        match fields.text("hidden_act")?.unwrap_or("silu") {
            "silu" | "swish" => {}
            other => return Err(fields.unsupported("hidden_act", other, "silu")),
        }
        fields.must_not_be_set("qk_layer_norms")?;
        fields.must_not_be_set("rope_interleaved")
    }
}

fn key_value_heads(
    fields: Fields<'_>,
    defaults: &ClassDefaults,
    attention_heads: usize,
) -> Result<usize, ConfigError> {
    // An explicit null means as many as query heads, in both classes.
    let default = defaults.key_value_heads.filter(|_| !fields.has_key("num_key_value_heads"));
    Ok(fields.size("num_key_value_heads")?.or(default).unwrap_or(attention_heads))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(text_config: &Value) -> Result<TextConfig, ConfigError> {
        let config = json!({ "text_config": text_config });
        TextConfig::from_fields(Fields::top(&config)?.section("text_config")?)
    }

    #[test]
    fn a_sparse_llama_config_is_filled_with_the_class_defaults() {
        let config = read(&json!({"model_type": "llama", "vocab_size": 32064})).unwrap();
        let expected = TextConfig {
            hidden_size: 4096,
            intermediate_size: 11008,
            num_hidden_layers: 32,
            num_attention_heads: 32,
            num_key_value_heads: 32,
            head_dim: 128,
            vocab_size: 32064,
            rms_norm_eps: 1e-6,
            rope: RopeConfig::Plain { theta: 10000.0 },
            max_position_embeddings: 2048,
            sliding_window: None,
            tie_word_embeddings: None,
            attention_bias: false,
            mlp_bias: false,
            fused_projections: false,
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn mistral_differs_in_width_and_heads_and_a_null_window_is_no_window() {
        let sparse = read(&json!({"model_type": "mistral"})).unwrap();
        assert_eq!((sparse.intermediate_size, sparse.num_key_value_heads), (14336, 8));
        assert_eq!(sparse.sliding_window, Some(4096));
        let published = json!({"model_type": "mistral", "sliding_window": null});
        assert_eq!(read(&published).unwrap().sliding_window, None);
    }

    #[test]
    fn phi_has_fused_projections_and_its_own_sizes() {
        let phi = read(&json!({"model_type": "phi3_v", "sliding_window": 262_144})).unwrap();
        assert!(phi.fused_projections);
        assert_eq!((phi.hidden_size, phi.head_dim, phi.vocab_size), (3072, 96, 32064));
        assert_eq!((phi.intermediate_size, phi.num_key_value_heads), (8192, 32));
    }

    #[test]
    fn what_is_not_implemented_is_refused_by_name() {
        let cases = [
            (json!({"hidden_act": "relu"}), "text_config.hidden_act = relu"),
            (json!({"qk_layer_norms": true}), "text_config.qk_layer_norms = true"),
            (
                json!({"rope_scaling": {"type": "linear", "factor": 2.0}}),
                "rope_scaling.rope_type = linear",
            ),
            (
                json!({"rope_parameters": {"rope_type": "llama3"}}),
                "rope_parameters.rope_type = llama3",
            ),
            (json!({"model_type": "gemma"}), "text_config.model_type = gemma"),
            (
                json!({"num_attention_heads": 3}),
                "num_attention_heads 3 does not divide hidden_size 4096",
            ),
            (json!({"num_key_value_heads": 5}), "num_key_value_heads 5 does not divide"),
            (json!({"hidden_size": 96, "num_attention_heads": 32}), "head_dim 3 must be even"),
            (json!({"hidden_size": 0}), "text_config.hidden_size must be a whole number"),
            (json!({"hidden_size": "960"}), "found \"960\""),
            (json!({"rms_norm_eps": -1.0}), "rms_norm_eps must be a number above 0"),
            (json!([1]), "text_config must be an object"),
        ];
        for (config, expected) in cases {
            let error = read(&config).unwrap_err().to_string();
            assert!(error.contains(expected), "{error:?} should contain {expected:?}");
        }
    }
}
