//! Random tensors under the names that checkpoints give them; for the benches that write
//! checkpoints of their own.

use std::collections::HashMap;

use mlx_rs::{Array, random};

/// Tensors by name.
#[derive(Default)]
pub struct Tensors(pub HashMap<String, Array>);

/// Widths of a decoder layer with separate projections.
#[derive(Clone, Copy)]
pub struct DecoderWidths {
    pub hidden: usize,
    /// Of all query heads together, and of all key heads.
    pub query: usize,
    pub key_value: usize,
    pub intermediate: usize,
}

/// Widths of a vision tower's layer.
#[derive(Clone, Copy)]
pub struct VisionWidths {
    pub hidden: usize,
    pub intermediate: usize,
}

impl Tensors {
    /// Normal values of the variance that keeps a product's scale.
    pub fn add(&mut self, name: &str, shape: &[usize]) {
        let shape: Vec<i32> = shape.iter().map(|&side| side as i32).collect();
        let key = random::key(self.0.len() as u64).expect("MLX answers");
        let scale = 1.0 / (shape[shape.len() - 1] as f32).sqrt();
        let array = random::normal::<f32>(&shape[..], None, scale, Some(&key));
        self.0.insert(name.to_owned(), array.expect("MLX draws numbers"));
    }

    /// `name.weight` of this shape and `name.bias`.
    pub fn biased(&mut self, name: &str, shape: &[usize]) {
        self.add(&format!("{name}.weight"), shape);
        self.add(&format!("{name}.bias"), &shape[..1]);
    }

    /// A layer as Llama has it.
    pub fn decoder_layer(&mut self, layer: &str, widths: DecoderWidths) {
        let DecoderWidths { hidden, query, key_value, intermediate } = widths;
        let shapes = [
            ("self_attn.q_proj", [query, hidden]),
            ("self_attn.k_proj", [key_value, hidden]),
            ("self_attn.v_proj", [key_value, hidden]),
            ("self_attn.o_proj", [hidden, query]),
            ("mlp.gate_proj", [intermediate, hidden]),
            ("mlp.up_proj", [intermediate, hidden]),
            ("mlp.down_proj", [hidden, intermediate]),
        ];
        for (name, shape) in shapes {
            self.add(&format!("{layer}.{name}.weight"), &shape);
        }
        self.decoder_norms(layer, hidden);
    }

    /// The norms of a decoder layer.
    pub fn decoder_norms(&mut self, layer: &str, hidden: usize) {
        for name in ["input_layernorm", "post_attention_layernorm"] {
            self.add(&format!("{layer}.{name}.weight"), &[hidden]);
        }
    }

    /// A layer as CLIP and `SigLIP` have it.
    pub fn vision_layer(&mut self, layer: &str, widths: VisionWidths) {
        let VisionWidths { hidden, intermediate } = widths;
        for name in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            self.biased(&format!("{layer}.self_attn.{name}"), &[hidden, hidden]);
        }
        self.biased(&format!("{layer}.mlp.fc1"), &[intermediate, hidden]);
        self.biased(&format!("{layer}.mlp.fc2"), &[hidden, intermediate]);
        self.biased(&format!("{layer}.layer_norm1"), &[hidden]);
        self.biased(&format!("{layer}.layer_norm2"), &[hidden]);
    }
}
