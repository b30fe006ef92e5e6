//! A random checkpoint as wide as SmolVLM-256M, three layers deep.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use mlx_rs::{Array, random};
use serde_json::json;

pub const LAYERS: usize = 3;
pub const HIDDEN: usize = 576;
pub const INTERMEDIATE: usize = 1536;
pub const KV_WIDTH: usize = 192;
pub const VOCAB: usize = 49280;
pub const VISION_HIDDEN: usize = 768;
pub const VISION_INTERMEDIATE: usize = 3072;
pub const PATCHES: usize = 1024;

/// Elements of one decoder layer's matrices.
pub const LAYER: usize = 2 * HIDDEN * HIDDEN + 2 * HIDDEN * KV_WIDTH + 3 * HIDDEN * INTERMEDIATE;
/// Elements of one vision layer's matrices.
pub const VISION_LAYER: usize =
    4 * VISION_HIDDEN * VISION_HIDDEN + 2 * VISION_HIDDEN * VISION_INTERMEDIATE;

/// The folder, written when it is asked for the first time (0.25 GB).
pub fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("target/bench-checkpoints/smolvlm_256m_wide");
    if !folder.join("model.safetensors").is_file() {
        write(&root.join("tests/fixtures/parity/smolvlm_float32/checkpoint"), &folder);
    }
    folder
}

fn write(fixture: &Path, folder: &Path) {
    fs::create_dir_all(folder).expect("target is writable");
    for entry in fs::read_dir(fixture).expect("the fixture is there").flatten() {
        fs::copy(entry.path(), folder.join(entry.file_name())).expect("the file is copied");
    }
    let config = json!({
        "model_type": "smolvlm", "image_token_id": 302, "scale_factor": 4, "tie_word_embeddings": true,
        "text_config": {
            "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": INTERMEDIATE,
            "num_hidden_layers": LAYERS, "num_attention_heads": 9, "num_key_value_heads": 3,
            "vocab_size": VOCAB, "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "rope_theta": 100_000.0
        },
        "vision_config": {
            "hidden_size": VISION_HIDDEN, "intermediate_size": VISION_INTERMEDIATE,
            "num_hidden_layers": LAYERS, "num_attention_heads": 12, "image_size": 512, "patch_size": 16
        }
    });
    fs::write(folder.join("config.json"), config.to_string()).expect("the config is written");
    let images = json!({"size": {"longest_edge": 2048}, "max_image_size": {"longest_edge": 512}});
    fs::write(folder.join("preprocessor_config.json"), images.to_string())
        .expect("the settings are written");
    let partial = folder.join("partial.safetensors");
    Array::save_safetensors(tensors(), None, &partial).expect("the weights are written");
    fs::rename(partial, folder.join("model.safetensors")).expect("the weights are moved");
}

fn tensors() -> HashMap<String, Array> {
    let mut all = Tensors::default();
    all.add("model.text_model.embed_tokens.weight", &[VOCAB, HIDDEN]);
    all.add("model.text_model.norm.weight", &[HIDDEN]);
    let connected = VISION_HIDDEN * 16;
    all.add("model.connector.modality_projection.proj.weight", &[HIDDEN, connected]);
    let tower = "model.vision_model";
    all.add(&format!("{tower}.embeddings.patch_embedding.weight"), &[VISION_HIDDEN, 3, 16, 16]);
    all.add(&format!("{tower}.embeddings.patch_embedding.bias"), &[VISION_HIDDEN]);
    all.add(&format!("{tower}.embeddings.position_embedding.weight"), &[PATCHES, VISION_HIDDEN]);
    all.biased(&format!("{tower}.post_layernorm"), &[VISION_HIDDEN]);
    for layer in 0..LAYERS {
        all.decoder_layer(&format!("model.text_model.layers.{layer}"));
        all.vision_layer(&format!("{tower}.encoder.layers.{layer}"));
    }
    all.0
}

#[derive(Default)]
struct Tensors(HashMap<String, Array>);

impl Tensors {
    fn add(&mut self, name: &str, shape: &[usize]) {
        let shape: Vec<i32> = shape.iter().map(|&side| side as i32).collect();
        let key = random::key(self.0.len() as u64).expect("MLX answers");
        let scale = 1.0 / (shape[shape.len() - 1] as f32).sqrt();
        let array = random::normal::<f32>(&shape[..], None, scale, Some(&key));
        self.0.insert(name.to_owned(), array.expect("MLX draws numbers"));
    }

    fn biased(&mut self, name: &str, shape: &[usize]) {
        self.add(&format!("{name}.weight"), shape);
        self.add(&format!("{name}.bias"), &shape[..1]);
    }

    fn decoder_layer(&mut self, layer: &str) {
        let shapes = [
            ("self_attn.q_proj", [HIDDEN, HIDDEN]),
            ("self_attn.k_proj", [KV_WIDTH, HIDDEN]),
            ("self_attn.v_proj", [KV_WIDTH, HIDDEN]),
            ("self_attn.o_proj", [HIDDEN, HIDDEN]),
            ("mlp.gate_proj", [INTERMEDIATE, HIDDEN]),
            ("mlp.up_proj", [INTERMEDIATE, HIDDEN]),
            ("mlp.down_proj", [HIDDEN, INTERMEDIATE]),
        ];
        for (name, shape) in shapes {
            self.add(&format!("{layer}.{name}.weight"), &shape);
        }
        for name in ["input_layernorm", "post_attention_layernorm"] {
            self.add(&format!("{layer}.{name}.weight"), &[HIDDEN]);
        }
    }

    fn vision_layer(&mut self, layer: &str) {
        for name in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            self.biased(&format!("{layer}.self_attn.{name}"), &[VISION_HIDDEN, VISION_HIDDEN]);
        }
        self.biased(&format!("{layer}.mlp.fc1"), &[VISION_INTERMEDIATE, VISION_HIDDEN]);
        self.biased(&format!("{layer}.mlp.fc2"), &[VISION_HIDDEN, VISION_INTERMEDIATE]);
        self.biased(&format!("{layer}.layer_norm1"), &[VISION_HIDDEN]);
        self.biased(&format!("{layer}.layer_norm2"), &[VISION_HIDDEN]);
    }
}
