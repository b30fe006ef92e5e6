//! What a model needs in memory while it answers a typical question: an estimate from its
//! config.json and the size of its weights, made before anything is loaded.

use serde_json::Value;

/// Tokens of a typical question: one picture in tiles, the text, the answer. (`LLaVA-NeXT`
/// makes up to 2880 of a picture, Phi-3.5 up to 1921, `SmolVLM2` about 1100.)
const TOKENS: u64 = 3072;
/// Tiles that the tower takes at once.
const TILES: u64 = 4;
/// What is left to other programs: macOS lets the GPU have three quarters of the memory.
const SHARE: (u64, u64) = (3, 4);

/// An estimate in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// The weights, as large as their files: they are used in the precision they come in.
    pub weights: u64,
    /// Keys and values of all layers for 3072 tokens, or as many as the model can take:
    /// `2 · layers · key-value heads · head width · tokens · bytes per number`.
    pub kv_cache: u64,
    /// The largest intermediate results, of one layer at a time: the tower for four tiles, or
    /// the decoder for all tokens, `tokens · (8 · width + 3 · MLP width) · bytes per number`,
    /// whichever is larger, and float32 logits for one position.
    pub activations: u64,
}

impl Footprint {
    /// The estimate for weights of `weight_bytes` with this config.json. Fields that are
    /// absent count as those of Llama 7B and CLIP-L, which files leave out as defaults.
    pub fn estimate(config: &Value, weight_bytes: u64) -> Self {
        let text = section(config, "text_config");
        let field = |name: &str, default: u64| number(text, name).unwrap_or(default);
        let width = field("hidden_size", 4096);
        let heads = field("num_attention_heads", 32).max(1);
        let head_width = number(text, "head_dim").unwrap_or(width / heads);
        let key_value_heads = field("num_key_value_heads", heads);
        let layers = field("num_hidden_layers", 32);
        let number_bytes = bytes_per_number(config);
        let tokens = TOKENS.min(field("max_position_embeddings", TOKENS));
        let numbers = [2, layers, key_value_heads, head_width, tokens, number_bytes];
        let decoder = layer(tokens, width, field("intermediate_size", 11008));
        let logits = field("vocab_size", 32000).saturating_mul(4);
        Self {
            weights: weight_bytes,
            kv_cache: product(&numbers),
            activations: product(&[decoder.max(tower(config)), number_bytes])
                .saturating_add(logits),
        }
    }

    /// The estimate where only the size of the weights is known: a quarter more than that,
    /// which covers the families of 2 GB and more.
    pub fn of_weights(weight_bytes: u64) -> Self {
        Self { weights: weight_bytes, kv_cache: weight_bytes / 8, activations: weight_bytes / 8 }
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        self.weights.saturating_add(self.kv_cache).saturating_add(self.activations)
    }

    /// Whether a machine with `physical_bytes` of memory can run it.
    pub fn fits(&self, physical_bytes: u64) -> bool {
        self.total() <= physical_bytes / SHARE.1 * SHARE.0
    }
}

/// Numbers that one layer of the vision tower holds.
fn tower(config: &Value) -> u64 {
    // Phi-3-vision has another name for the section.
    let vision = ["vision_config", "img_processor"].map(|name| config.get(name));
    let field = |name: &str, default: u64| {
        vision.iter().flatten().find_map(|vision| number(vision, name)).unwrap_or(default)
    };
    let side = field("image_size", 336) / field("patch_size", 14).max(1);
    let patches = product(&[TILES, side, side]);
    layer(patches, field("hidden_size", 1024), field("intermediate_size", 4096))
}

fn layer(tokens: u64, width: u64, mlp_width: u64) -> u64 {
    let numbers = width.saturating_mul(8).saturating_add(mlp_width.saturating_mul(3));
    tokens.saturating_mul(numbers)
}

fn product(factors: &[u64]) -> u64 {
    factors.iter().fold(1, |product, factor| product.saturating_mul(*factor))
}

/// A part of config.json; families without such a part, or with one that a conversion left
/// empty, keep its fields at the top.
fn section<'a>(config: &'a Value, name: &str) -> &'a Value {
    let is_filled = |part: &&Value| part.as_object().is_some_and(|object| !object.is_empty());
    config.get(name).filter(is_filled).unwrap_or(config)
}

fn number(section: &Value, name: &str) -> Option<u64> {
    section.get(name)?.as_u64()
}

/// Four for float32 checkpoints, else two.
fn bytes_per_number(config: &Value) -> u64 {
    let text = section(config, "text_config");
    let named = |part: &'_ Value| {
        let name = part.get("dtype").or_else(|| part.get("torch_dtype"))?;
        Some(name.as_str()? == "float32")
    };
    if named(config).or_else(|| named(text)).unwrap_or(false) { 4 } else { 2 }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GB: u64 = 1_000_000_000;

    #[test]
    fn a_quantised_7b_needs_its_weights_the_cache_and_room_for_the_pictures() {
        let config = json!({
            "text_config": {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
                "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 32064},
            "vision_config": {"hidden_size": 1024, "intermediate_size": 4096, "image_size": 336,
                "patch_size": 14},
            "torch_dtype": "bfloat16",
        });
        let footprint = Footprint::estimate(&config, 4 * GB);
        // 2 (keys and values) × 32 layers × 8 heads × 128 × 3072 tokens × 2 bytes
        assert_eq!(footprint.kv_cache, 402_653_184);
        // 3072 × (8 × 4096 + 3 × 14336) × 2 bytes, more than 4 × 576 × (8 × 1024 + 3 × 4096) × 2
        assert_eq!(footprint.activations, 465_567_744 + 32064 * 4);
        assert!(footprint.fits(8 * GB) && !footprint.fits(6 * GB), "{footprint:?}");
    }

    #[test]
    fn float32_doubles_all_but_the_weights_and_absent_fields_are_those_of_llama_7b() {
        let half = Footprint::estimate(&json!({}), GB);
        let full = Footprint::estimate(&json!({"dtype": "float32"}), GB);
        assert_eq!((half.weights, full.kv_cache), (full.weights, 2 * half.kv_cache));
        assert_eq!(half.kv_cache, 2 * 32 * 4096 * TOKENS * 2);
    }

    #[test]
    fn a_small_phi_3_vision_is_small_whatever_a_conversion_left_empty() {
        let config = json!({
            "text_config": {}, "hidden_size": 192, "intermediate_size": 224, "num_hidden_layers": 4,
            "num_attention_heads": 6, "num_key_value_heads": 2, "vocab_size": 640,
            "img_processor": {"hidden_size": 96, "intermediate_size": 256, "image_size": 64, "patch_size": 8}
        });
        let footprint = Footprint::estimate(&config, 6_000_000);
        assert_eq!(footprint.kv_cache, 2 * 4 * 2 * 32 * 3072 * 2);
        assert_eq!(footprint.activations, 3072 * (8 * 192 + 3 * 224) * 2 + 640 * 4);
    }

    #[test]
    fn absurd_numbers_saturate() {
        let config =
            json!({"hidden_size": u64::MAX, "num_hidden_layers": u64::MAX, "patch_size": 0});
        let footprint = Footprint::estimate(&config, u64::MAX);
        assert_eq!(footprint.total(), u64::MAX);
        assert!(!footprint.fits(u64::MAX - 8));
    }
}
