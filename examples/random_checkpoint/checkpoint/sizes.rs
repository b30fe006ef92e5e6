//! True sizes of towers and decoders: what sparse config.json files leave to class defaults.

use serde_json::{Value, json};

/// Which vision tower.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TowerKind {
    /// With a class token and a norm before the encoder.
    Clip,
    /// With neither, and a bias at the patches.
    Siglip,
}

/// Sizes of a vision tower.
#[derive(Clone, Copy)]
pub struct Tower {
    pub kind: TowerKind,
    pub hidden: usize,
    pub intermediate: usize,
    pub layers: usize,
    pub heads: usize,
    /// Side of the image in pixels.
    pub image: usize,
    /// Side of a patch in pixels.
    pub patch: usize,
}

impl Tower {
    /// ViT-L/14 for 336 pixels.
    pub const CLIP_L: Self = Self {
        kind: TowerKind::Clip,
        hidden: 1024,
        intermediate: 4096,
        layers: 24,
        heads: 16,
        image: 336,
        patch: 14,
    };

    /// As small as quantisation in groups of 64 and the layer that is read allow; an inner width
    /// that does not divide into groups still does not.
    pub fn shrunk(self) -> Self {
        let layers = match self.kind {
            TowerKind::Clip => 2,
            TowerKind::Siglip => 1,
        };
        Self { hidden: 64, intermediate: 64 + self.intermediate % 64, layers, heads: 1, ..self }
    }

    /// The sizes as the fields of a config.json.
    pub fn fields(&self) -> Value {
        json!({
            "hidden_size": self.hidden, "intermediate_size": self.intermediate,
            "num_hidden_layers": self.layers, "num_attention_heads": self.heads
        })
    }
}

/// Sizes of a decoder.
#[derive(Clone, Copy)]
pub struct Decoder {
    pub hidden: usize,
    pub intermediate: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub vocab: usize,
    /// Query, key and value in one matrix, gate and up in another.
    pub fused: bool,
}

impl Decoder {
    /// Two heads as wide as before, which share keys if they did before.
    pub fn shrunk(self) -> Self {
        let kv_heads = if self.kv_heads == self.heads { 2 } else { 1 };
        let hidden = 2 * self.head_dim;
        Self { hidden, intermediate: 128, layers: 1, heads: 2, kv_heads, ..self }
    }

    /// The sizes as the fields of a config.json.
    pub fn fields(&self) -> Value {
        json!({
            "hidden_size": self.hidden, "intermediate_size": self.intermediate,
            "num_hidden_layers": self.layers, "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads, "head_dim": self.head_dim
        })
    }
}

/// Sets the fields of `section`, an object.
pub fn state(section: &mut Value, fields: Value) {
    if let (Value::Object(section), Value::Object(fields)) = (section, fields) {
        section.extend(fields);
    }
}
