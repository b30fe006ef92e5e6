//! A random checkpoint whose decoder is as wide as SmolVLM-256M's, three layers deep,
//! behind the smallest of vision towers.

use std::{
    fs,
    path::{Path, PathBuf},
};

use mlx_rs::Array;
use serde_json::json;

use crate::tensors::{DecoderWidths, Tensors, VisionWidths};

pub const LAYERS: usize = 3;
pub const HIDDEN: usize = 576;
pub const INTERMEDIATE: usize = 1536;
pub const KV_WIDTH: usize = 192;
pub const VOCAB: usize = 49280;
const VISION: VisionWidths = VisionWidths { hidden: 64, intermediate: 64 };

/// Elements of one decoder layer's matrices.
pub const LAYER: usize = 2 * HIDDEN * HIDDEN + 2 * HIDDEN * KV_WIDTH + 3 * HIDDEN * INTERMEDIATE;

/// The folder, written when it is asked for the first time (0.15 GB).
pub fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("target/bench-checkpoints/smolvlm_256m_decoder");
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
            "hidden_size": VISION.hidden, "intermediate_size": VISION.intermediate, "num_hidden_layers": 1,
            "num_attention_heads": 1, "image_size": 64, "patch_size": 16
        }
    });
    fs::write(folder.join("config.json"), config.to_string()).expect("the config is written");
    let images = json!({"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 64}});
    fs::write(folder.join("preprocessor_config.json"), images.to_string())
        .expect("the settings are written");
    let partial = folder.join("partial.safetensors");
    Array::save_safetensors(tensors().0, None, &partial).expect("the weights are written");
    fs::rename(partial, folder.join("model.safetensors")).expect("the weights are moved");
}

fn tensors() -> Tensors {
    let mut all = Tensors::default();
    all.add("model.text_model.embed_tokens.weight", &[VOCAB, HIDDEN]);
    all.add("model.text_model.norm.weight", &[HIDDEN]);
    all.add("model.connector.modality_projection.proj.weight", &[HIDDEN, VISION.hidden * 16]);
    let tower = "model.vision_model";
    all.biased(&format!("{tower}.embeddings.patch_embedding"), &[VISION.hidden, 3, 16, 16]);
    all.add(&format!("{tower}.embeddings.position_embedding.weight"), &[16, VISION.hidden]);
    all.biased(&format!("{tower}.post_layernorm"), &[VISION.hidden]);
    all.vision_layer(&format!("{tower}.encoder.layers.0"), VISION);
    let (hidden, intermediate) = (HIDDEN, INTERMEDIATE);
    let widths = DecoderWidths { hidden, query: HIDDEN, key_value: KV_WIDTH, intermediate };
    for layer in 0..LAYERS {
        all.decoder_layer(&format!("model.text_model.layers.{layer}"), widths);
    }
    all
}
