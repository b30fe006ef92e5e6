//! The modules of a network, by name: what a checkpoint stores, before it is decided how.

use super::sizes::{Decoder, Tower, TowerKind};

/// What a module is; decides its tensors, their values and whether it is quantised.
pub enum Part {
    /// `[outputs, inputs]`, applied to rows.
    Linear { outputs: usize, inputs: usize, bias: bool },
    /// `[rows, width]`, looked up.
    Embedding { rows: usize, width: usize },
    /// Of a convolution over square patches of RGB.
    Kernel { outputs: usize, size: usize, bias: bool },
    /// Of a layer norm, which has a bias, or an RMS norm.
    Norm { width: usize, bias: bool },
    /// A parameter that belongs to no layer: a tensor of the module's own name.
    Parameter { shape: Vec<usize> },
}

/// A named part.
pub struct Module {
    pub name: String,
    pub part: Part,
}

/// Modules in the order in which they are stored.
#[derive(Default)]
pub struct Network(pub Vec<Module>);

impl Network {
    pub fn linear(&mut self, name: &str, outputs: usize, inputs: usize, bias: bool) {
        self.push(name, Part::Linear { outputs, inputs, bias });
    }

    pub fn parameter(&mut self, name: &str, shape: &[usize]) {
        self.push(name, Part::Parameter { shape: shape.to_vec() });
    }

    /// A vision tower below `prefix`.
    pub fn tower(&mut self, prefix: &str, tower: &Tower) {
        let Tower { kind, hidden, intermediate, layers, image, patch, .. } = *tower;
        let clip = kind == TowerKind::Clip;
        let grid = image / patch;
        let embeddings = format!("{prefix}.embeddings");
        if clip {
            self.parameter(&format!("{embeddings}.class_embedding"), &[hidden]);
        }
        let kernel = Part::Kernel { outputs: hidden, size: patch, bias: !clip };
        self.push(&format!("{embeddings}.patch_embedding"), kernel);
        let positions = Part::Embedding { rows: grid * grid + usize::from(clip), width: hidden };
        self.push(&format!("{embeddings}.position_embedding"), positions);
        if clip {
            // Spelt so in the original.
            self.norm(&format!("{prefix}.pre_layrnorm"), hidden, true);
        }
        for layer in 0..layers {
            let layer = format!("{prefix}.encoder.layers.{layer}");
            for name in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                self.linear(&format!("{layer}.self_attn.{name}"), hidden, hidden, true);
            }
            self.norm(&format!("{layer}.layer_norm1"), hidden, true);
            self.linear(&format!("{layer}.mlp.fc1"), intermediate, hidden, true);
            self.linear(&format!("{layer}.mlp.fc2"), hidden, intermediate, true);
            self.norm(&format!("{layer}.layer_norm2"), hidden, true);
        }
        self.norm(&format!("{prefix}.post_layernorm"), hidden, true);
    }

    /// A decoder below `prefix` and its head, which no published model shares with the embedding.
    pub fn decoder(&mut self, prefix: &str, head: &str, decoder: &Decoder) {
        let Decoder { hidden, intermediate, layers, vocab, fused, .. } = *decoder;
        let (queries, keys) =
            (decoder.heads * decoder.head_dim, decoder.kv_heads * decoder.head_dim);
        let tokens = Part::Embedding { rows: vocab, width: hidden };
        self.push(&format!("{prefix}.embed_tokens"), tokens);
        for layer in 0..layers {
            let layer = format!("{prefix}.layers.{layer}");
            let (attention, mlp) = (format!("{layer}.self_attn"), format!("{layer}.mlp"));
            self.norm(&format!("{layer}.input_layernorm"), hidden, false);
            if fused {
                self.linear(&format!("{attention}.qkv_proj"), queries + 2 * keys, hidden, false);
                self.linear(&format!("{mlp}.gate_up_proj"), 2 * intermediate, hidden, false);
            } else {
                self.linear(&format!("{attention}.q_proj"), queries, hidden, false);
                self.linear(&format!("{attention}.k_proj"), keys, hidden, false);
                self.linear(&format!("{attention}.v_proj"), keys, hidden, false);
                self.linear(&format!("{mlp}.gate_proj"), intermediate, hidden, false);
                self.linear(&format!("{mlp}.up_proj"), intermediate, hidden, false);
            }
            self.linear(&format!("{attention}.o_proj"), hidden, queries, false);
            self.linear(&format!("{mlp}.down_proj"), hidden, intermediate, false);
            self.norm(&format!("{layer}.post_attention_layernorm"), hidden, false);
        }
        self.norm(&format!("{prefix}.norm"), hidden, false);
        self.linear(head, vocab, hidden, false);
    }

    fn norm(&mut self, name: &str, width: usize, bias: bool) {
        self.push(name, Part::Norm { width, bias });
    }

    fn push(&mut self, name: &str, part: Part) {
        self.0.push(Module { name: name.to_owned(), part });
    }
}
