//! Random checkpoints of the families, written when they are asked for the first time.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use mlx_rs::{Array, Dtype, ops};
use serde_json::json;

use crate::{model::Model, tensors::Tensors};

const VOCABULARY: usize = 344;
const IMAGE_TOKEN: usize = 302;
const GROUP: i32 = 64;
const BITS: i32 = 4;

/// How the tensors are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    Float32,
    Bfloat16,
    /// MLX's affine quantisation, every matrix in groups of 64, the rest float16.
    FourBit,
}

impl Storage {
    /// Decoder layers that make a LLaVA-1.5-7B checkpoint about half a gigabyte or one.
    fn layers(self, model: Model) -> usize {
        if model == Model::Llava && self == Self::FourBit { 4 } else { 1 }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Bfloat16 => "bfloat16",
            Self::FourBit => "4bit",
        }
    }

    fn store(self, tensors: HashMap<String, Array>) -> HashMap<String, Array> {
        let dtype = match self {
            Self::Float32 => return tensors,
            Self::Bfloat16 => Dtype::Bfloat16,
            Self::FourBit => Dtype::Float16,
        };
        let mut stored = HashMap::new();
        for (name, array) in tensors {
            let array = array.as_dtype(dtype).expect("MLX converts");
            match name.strip_suffix(".weight") {
                Some(module) if self == Self::FourBit && array.ndim() == 2 => {
                    let (packed, scales, biases) =
                        ops::quantize(&array, GROUP, BITS).expect("rows are whole groups");
                    stored.insert(format!("{module}.scales"), scales);
                    stored.insert(format!("{module}.biases"), biases);
                    stored.insert(name, packed);
                }
                _ => {
                    stored.insert(name, array);
                }
            }
        }
        stored
    }
}

/// The folder of a checkpoint (0.1 to 1.1 GB).
pub fn folder(model: Model, storage: Storage) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let name = format!("{model:?}_{}", storage.name()).to_lowercase();
    let folder = root.join("target/bench-checkpoints").join(name);
    if !weights(&folder).is_file() {
        let fixture = root.join("tests/fixtures/parity/smolvlm_float32/checkpoint");
        write(model, storage, &fixture, &folder);
    }
    folder
}

/// The file of the weights.
pub fn weights(folder: &Path) -> PathBuf {
    folder.join("model.safetensors")
}

fn write(model: Model, storage: Storage, fixture: &Path, folder: &Path) {
    fs::create_dir_all(folder).expect("target is writable");
    for name in ["tokenizer.json", "tokenizer_config.json", "chat_template.json"] {
        fs::copy(fixture.join(name), folder.join(name)).expect("the fixture is there");
    }
    let layers = storage.layers(model);
    let mut config = model.config(layers, VOCABULARY, IMAGE_TOKEN);
    if storage == Storage::FourBit {
        config["quantization"] = json!({"group_size": GROUP, "bits": BITS});
    }
    fs::write(folder.join("config.json"), config.to_string()).expect("the config is written");
    if matches!(model, Model::Smolvlm512 | Model::Smolvlm384) {
        let side = model.tower().image;
        let images =
            json!({"size": {"longest_edge": 4 * side}, "max_image_size": {"longest_edge": side}});
        fs::write(folder.join("preprocessor_config.json"), images.to_string())
            .expect("the settings are written");
    }
    let mut tensors = storage.store(tensors(model));
    repeat_layer(&mut tensors, layers);
    let partial = folder.join("partial.safetensors");
    Array::save_safetensors(tensors, None, &partial).expect("the weights are written");
    fs::rename(partial, weights(folder)).expect("the weights are moved");
}

/// Stores the decoder's first layer under the names of the others too.
fn repeat_layer(tensors: &mut HashMap<String, Array>, layers: usize) {
    let first = "language_model.model.layers.0.";
    let of_first = tensors.iter().filter(|(name, _)| name.starts_with(first));
    let of_first: Vec<_> = of_first.map(|(name, array)| (name.clone(), array.clone())).collect();
    for layer in 1..layers {
        for (name, array) in &of_first {
            let name = name.replacen(".0.", &format!(".{layer}."), 1);
            tensors.insert(name, array.clone());
        }
    }
}

/// The tensors under the names of the published files, with one decoder layer.
fn tensors(model: Model) -> HashMap<String, Array> {
    let mut all = Tensors::default();
    let (hidden, text) = (model.tower().widths.hidden, model.decoder().hidden);
    let joined = hidden * model.square().pow(2);
    match model {
        Model::Llava | Model::LlavaNext => {
            tower(&mut all, "vision_tower.vision_model", model);
            all.biased("multi_modal_projector.linear_1", &[text, joined]);
            all.biased("multi_modal_projector.linear_2", &[text, text]);
            decoder(&mut all, "language_model.model", "language_model.lm_head", model);
        }
        Model::Phi3v => {
            let module = "model.vision_embed_tokens";
            tower(&mut all, &format!("{module}.img_processor.vision_model"), model);
            all.biased(&format!("{module}.img_projection.0"), &[text, joined]);
            all.biased(&format!("{module}.img_projection.2"), &[text, text]);
            all.add(&format!("{module}.sub_GN"), &[1, 1, 1, joined]);
            all.add(&format!("{module}.glb_GN"), &[1, 1, joined]);
            decoder(&mut all, "model", "lm_head", model);
        }
        Model::Smolvlm512 | Model::Smolvlm384 => {
            tower(&mut all, "model.vision_model", model);
            all.add("model.connector.modality_projection.proj.weight", &[text, joined]);
            decoder(&mut all, "model.text_model", "lm_head", model);
        }
    }
    if model == Model::LlavaNext {
        all.add("image_newline", &[text]);
    }
    all.0
}

fn tower(all: &mut Tensors, scope: &str, model: Model) {
    let tower = model.tower();
    let (hidden, patch) = (tower.widths.hidden, tower.patch);
    let embeddings = format!("{scope}.embeddings");
    all.add(&format!("{embeddings}.patch_embedding.weight"), &[hidden, 3, patch, patch]);
    all.add(&format!("{embeddings}.position_embedding.weight"), &[tower.rows(), hidden]);
    if tower.class_token {
        all.add(&format!("{embeddings}.class_embedding"), &[hidden]);
        all.biased(&format!("{scope}.pre_layrnorm"), &[hidden]);
    } else {
        all.add(&format!("{embeddings}.patch_embedding.bias"), &[hidden]);
    }
    all.biased(&format!("{scope}.post_layernorm"), &[hidden]);
    for layer in 0..tower.stored_layers() {
        all.vision_layer(&format!("{scope}.encoder.layers.{layer}"), tower.widths);
    }
}

fn decoder(all: &mut Tensors, scope: &str, head: &str, model: Model) {
    let widths = model.decoder();
    all.add(&format!("{scope}.embed_tokens.weight"), &[VOCABULARY, widths.hidden]);
    all.add(&format!("{scope}.norm.weight"), &[widths.hidden]);
    all.add(&format!("{head}.weight"), &[VOCABULARY, widths.hidden]);
    let layer = format!("{scope}.layers.0");
    if model != Model::Phi3v {
        all.decoder_layer(&layer, widths);
        return;
    }
    let fused = widths.query + 2 * widths.key_value;
    let shapes = [
        ("self_attn.qkv_proj", [fused, widths.hidden]),
        ("self_attn.o_proj", [widths.hidden, widths.query]),
        ("mlp.gate_up_proj", [2 * widths.intermediate, widths.hidden]),
        ("mlp.down_proj", [widths.hidden, widths.intermediate]),
    ];
    for (name, shape) in shapes {
        all.add(&format!("{layer}.{name}.weight"), &shape);
    }
    all.decoder_norms(&layer, widths.hidden);
}
