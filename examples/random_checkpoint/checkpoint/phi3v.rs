//! Phi-3.5-vision-instruct and its conversions of mid-2024.

use serde_json::{Value, json};
use vlm_test::vlm::Precision;

use super::{
    Form, Published,
    network::Network,
    sentencepiece,
    sizes::{Decoder, Tower, state},
    vocabulary::{Added, tokenizer_config},
};

const DECODER: Decoder = Decoder {
    hidden: 3072,
    intermediate: 8192,
    layers: 32,
    heads: 32,
    kv_heads: 32,
    head_dim: 96,
    vocab: 32064,
    fused: true,
};

const LONG_FACTOR: [f64; 48] = [
    1.08, 1.11, 1.14, 1.34, 1.59, 1.6, 1.62, 2.62, 3.23, 3.23, 4.79, 7.4, 7.7, 9.09, 12.2, 17.67,
    24.46, 28.57, 30.42, 30.84, 32.59, 32.93, 42.32, 44.96, 50.34, 50.45, 57.55, 57.93, 58.21,
    60.14, 62.61, 62.62, 62.71, 63.14, 63.14, 63.77, 63.93, 63.96, 63.97, 64.03, 64.07, 64.08,
    64.12, 64.41, 64.48, 64.51, 64.53, 64.84,
];

#[expect(clippy::approx_constant, reason = "a factor that was found by search")]
const SHORT_FACTOR: [f64; 48] = [
    1.08, 1.1, 1.13, 1.28, 1.31, 1.45, 1.45, 1.95, 2.03, 2.43, 2.57, 2.95, 3.73, 3.87, 4.19, 4.44,
    4.64, 4.98, 5.16, 5.28, 5.76, 5.89, 5.89, 5.97, 6.09, 6.28, 6.77, 6.89, 7.11, 7.13, 7.18, 7.29,
    7.34, 7.56, 7.62, 7.7, 7.88, 7.88, 7.88, 7.94, 7.95, 7.98, 8.2, 8.44, 8.47, 8.59, 8.81, 9.0,
];

pub fn published(form: Form, shrink: bool) -> Published {
    let (decoder, tower) =
        if shrink { (DECODER.shrunk(), Tower::CLIP_L.shrunk()) } else { (DECODER, Tower::CLIP_L) };
    let mut config = config();
    if shrink {
        // The published tower has no sizes of its own.
        state(&mut config, decoder.fields());
        state(&mut config["img_processor"], tower.fields());
        config["img_processor"]["image_dim_out"] = tower.hidden.into();
    }
    if form != Form::Original {
        // What the converter left behind; nothing may read it.
        let mut leftover = config["img_processor"].clone();
        state(&mut leftover, json!({"intermediate_size": 4096}));
        state(&mut config, json!({"text_config": {}, "vision_config": leftover}));
    }
    let added = added_tokens();
    Published {
        files: vec![
            ("config.json", config),
            ("preprocessor_config.json", preprocessor_config()),
            ("tokenizer.json", sentencepiece::tokenizer(&added)),
            ("tokenizer_config.json", tokenizer_config(&added, special_tokens())),
        ],
        network: network(&decoder, &tower),
        dtype: Precision::Bfloat16,
    }
}

fn network(decoder: &Decoder, tower: &Tower) -> Network {
    let mut network = Network::default();
    let images = "model.vision_embed_tokens";
    let merged = 4 * tower.hidden;
    network.parameter(&format!("{images}.glb_GN"), &[1, 1, merged]);
    network.parameter(&format!("{images}.sub_GN"), &[1, 1, 1, merged]);
    network.linear(&format!("{images}.img_projection.0"), decoder.hidden, merged, true);
    network.linear(&format!("{images}.img_projection.2"), decoder.hidden, decoder.hidden, true);
    network.tower(&format!("{images}.img_processor.vision_model"), tower);
    network.decoder("model", "lm_head", decoder);
    network
}

fn config() -> Value {
    json!({
        "_name_or_path": "Phi-3.5-vision-instruct",
        "architectures": ["Phi3VForCausalLM"],
        "attention_dropout": 0.0,
        "auto_map": {
            "AutoConfig": "configuration_phi3_v.Phi3VConfig",
            "AutoModelForCausalLM": "modeling_phi3_v.Phi3VForCausalLM"
        },
        "bos_token_id": 1,
        "embd_layer": {
            "embedding_cls": "image", "hd_transform_order": "sub_glb", "projection_cls": "mlp",
            "use_hd_transform": true, "with_learnable_separator": true
        },
        "embd_pdrop": 0.0,
        "eos_token_id": 2,
        "hidden_act": "silu",
        "hidden_size": 3072,
        "img_processor": {
            "image_dim_out": 1024, "model_name": "openai/clip-vit-large-patch14-336",
            "name": "clip_vision_model", "num_img_tokens": 144
        },
        "initializer_range": 0.02,
        "intermediate_size": 8192,
        "max_position_embeddings": 131_072,
        "model_type": "phi3_v",
        "num_attention_heads": 32,
        "num_hidden_layers": 32,
        "num_key_value_heads": 32,
        "original_max_position_embeddings": 4096,
        "pad_token_id": 32000,
        "resid_pdrop": 0.0,
        "rms_norm_eps": 1e-5,
        "rope_scaling": {
            "long_factor": LONG_FACTOR.to_vec(), "short_factor": SHORT_FACTOR.to_vec(), "type": "su"
        },
        "rope_theta": 10000.0,
        "sliding_window": 262_144,
        "tie_word_embeddings": false,
        "torch_dtype": "bfloat16",
        "transformers_version": "4.38.1",
        "use_cache": true,
        "vocab_size": 32064
    })
}

fn preprocessor_config() -> Value {
    json!({
        "auto_map": {
            "AutoImageProcessor": "processing_phi3_v.Phi3VImageProcessor",
            "AutoProcessor": "processing_phi3_v.Phi3VProcessor"
        },
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_processor_type": "Phi3VImageProcessor",
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "num_crops": 4,
        "num_img_tokens": 144,
        "processor_class": "Phi3VProcessor"
    })
}

fn added_tokens() -> Vec<Added> {
    let mut placeholders = 0;
    let token = |id| {
        let content = match id {
            32000 => "<|endoftext|>",
            32001 => "<|assistant|>",
            32006 => "<|system|>",
            32007 => "<|end|>",
            32010 => "<|user|>",
            32044 => "<|image|>",
            _ => {
                placeholders += 1;
                return Added::new(id, format!("<|placeholder{placeholders}|>"));
            }
        };
        Added { rstrip: content == "<|user|>", ..Added::new(id, content) }
    };
    sentencepiece::all_added((sentencepiece::SIZE..=32044).map(token).collect())
}

fn special_tokens() -> Value {
    json!({
        "add_bos_token": true, "add_eos_token": false, "bos_token": "<s>",
        "chat_template": include_str!("templates/phi3v.jinja").trim_end(),
        "eos_token": "<|endoftext|>", "legacy": false, "pad_token": "<|endoftext|>",
        "padding_side": "right", "processor_class": "Phi3VProcessor",
        "tokenizer_class": "LlamaTokenizer", "unk_token": "<unk>"
    })
}
