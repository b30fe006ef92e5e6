//! LLaVA-1.5-7B, LLaVA-v1.6 on Mistral and on Vicuna, and their conversions of mid-2024.

use serde_json::{Value, json};
use vlm_test::vlm::Precision;

use super::{
    Form, Published,
    network::Network,
    sentencepiece,
    sizes::{Decoder, Tower, state},
    vocabulary::{Added, tokenizer_config},
};

/// In which the published models differ.
pub struct Llava {
    next: bool,
    decoder: Decoder,
    /// `text_config` as published: what differs from the class defaults.
    text_config: fn() -> Value,
    template: &'static str,
}

const VICUNA: Decoder = Decoder {
    hidden: 4096,
    intermediate: 11008,
    layers: 32,
    heads: 32,
    kv_heads: 32,
    head_dim: 128,
    vocab: 32064,
    fused: false,
};

impl Llava {
    pub const V15: Self = Self {
        next: false,
        decoder: VICUNA,
        text_config: vicuna,
        template: include_str!("templates/vicuna.jinja"),
    };
    pub const VICUNA: Self = Self { next: true, ..Self::V15 };
    pub const MISTRAL: Self = Self {
        next: true,
        decoder: Decoder { intermediate: 14336, kv_heads: 8, ..VICUNA },
        text_config: mistral,
        template: include_str!("templates/mistral.jinja"),
    };

    pub fn published(&self, form: Form, shrink: bool) -> Published {
        let (decoder, tower) = if shrink {
            (self.decoder.shrunk(), Tower::CLIP_L.shrunk())
        } else {
            (self.decoder, Tower::CLIP_L)
        };
        let mut config = self.config();
        if shrink {
            state(&mut config["text_config"], decoder.fields());
            state(&mut config["vision_config"], tower.fields());
        }
        let added = added_tokens();
        let mut files = vec![
            ("config.json", config),
            ("preprocessor_config.json", self.preprocessor_config()),
            ("tokenizer.json", sentencepiece::tokenizer(&added)),
            ("tokenizer_config.json", tokenizer_config(&added, self.special_tokens())),
        ];
        // Conversions of mid-2024 have none of these.
        if form == Form::Original {
            files.extend([
                ("generation_config.json", generation_config()),
                ("processor_config.json", self.processor_config()),
                ("chat_template.json", json!({"chat_template": self.template.trim_end()})),
            ]);
        }
        Published { files, network: self.network(&decoder, &tower), dtype: Precision::Float16 }
    }

    fn network(&self, decoder: &Decoder, tower: &Tower) -> Network {
        let mut network = Network::default();
        if self.next {
            network.parameter("image_newline", &[decoder.hidden]);
        }
        let projector = "multi_modal_projector";
        network.linear(&format!("{projector}.linear_1"), decoder.hidden, tower.hidden, true);
        network.linear(&format!("{projector}.linear_2"), decoder.hidden, decoder.hidden, true);
        network.tower("vision_tower.vision_model", tower);
        network.decoder("language_model.model", "language_model.lm_head", decoder);
        network
    }

    fn config(&self) -> Value {
        let class = if self.next {
            "LlavaNextForConditionalGeneration"
        } else {
            "LlavaForConditionalGeneration"
        };
        let mut config = json!({
            "architectures": [class],
            "ignore_index": -100,
            "image_token_index": 32000,
            "model_type": if self.next { "llava_next" } else { "llava" },
            "projector_hidden_act": "gelu",
            "text_config": (self.text_config)(),
            "tie_word_embeddings": false,
            "torch_dtype": "float16",
            "transformers_version": if self.next { "4.39.0.dev0" } else { "4.36.0.dev0" },
            "vision_config": {
                "hidden_size": 1024, "image_size": 336, "intermediate_size": 4096,
                "model_type": "clip_vision_model", "num_attention_heads": 16,
                "num_hidden_layers": 24, "patch_size": 14, "projection_dim": 768, "vocab_size": 32000
            },
            "vision_feature_layer": -2,
            "vision_feature_select_strategy": "default",
            "vocab_size": 32064
        });
        state(
            &mut config,
            if self.next {
                json!({"image_grid_pinpoints": pinpoints(), "use_image_newline_parameter": true})
            } else {
                json!({"pad_token_id": 32001})
            },
        );
        config
    }

    fn preprocessor_config(&self) -> Value {
        let mut config = json!({
            "crop_size": {"height": 336, "width": 336},
            "do_center_crop": true, "do_convert_rgb": true, "do_normalize": true,
            "do_rescale": true, "do_resize": true,
            "image_mean": [0.48145466, 0.4578275, 0.40821073],
            "image_processor_type": "CLIPImageProcessor",
            "image_std": [0.26862954, 0.26130258, 0.27577711],
            "processor_class": self.processor_class(),
            "resample": 3,
            "rescale_factor": 1.0 / 255.0,
            "size": {"shortest_edge": 336}
        });
        if self.next {
            state(
                &mut config,
                json!({
                    "aspect_ratio_setting": "anyres", "do_pad": true,
                    "image_grid_pinpoints": pinpoints(),
                    "image_processor_type": "LlavaNextImageProcessor"
                }),
            );
        }
        config
    }

    fn processor_config(&self) -> Value {
        json!({
            "image_token": "<image>", "num_additional_image_tokens": 1, "patch_size": 14,
            "processor_class": self.processor_class(), "vision_feature_select_strategy": "default"
        })
    }

    fn special_tokens(&self) -> Value {
        json!({
            "add_bos_token": true, "add_eos_token": false, "bos_token": "<s>", "eos_token": "</s>",
            "legacy": false, "pad_token": "<pad>", "processor_class": self.processor_class(),
            "tokenizer_class": "LlamaTokenizer", "unk_token": "<unk>"
        })
    }

    fn processor_class(&self) -> &'static str {
        if self.next { "LlavaNextProcessor" } else { "LlavaProcessor" }
    }
}

fn vicuna() -> Value {
    json!({
        "_name_or_path": "lmsys/vicuna-7b-v1.5", "architectures": ["LlamaForCausalLM"],
        "max_position_embeddings": 4096, "model_type": "llama", "rms_norm_eps": 1e-5,
        "torch_dtype": "float16", "vocab_size": 32064
    })
}

fn mistral() -> Value {
    json!({
        "_name_or_path": "mistralai/Mistral-7B-Instruct-v0.2", "architectures": ["MistralForCausalLM"],
        "intermediate_size": 14336, "max_position_embeddings": 32768, "model_type": "mistral",
        "num_key_value_heads": 8, "rms_norm_eps": 1e-6, "rope_theta": 1_000_000.0,
        "sliding_window": null, "torch_dtype": "bfloat16", "vocab_size": 32064
    })
}

/// Height and width of the canvases.
fn pinpoints() -> Value {
    json!([[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]])
}

fn generation_config() -> Value {
    json!({"_from_model_config": true, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 32001})
}

fn added_tokens() -> Vec<Added> {
    sentencepiece::all_added(vec![Added::new(32000, "<image>"), Added::new(32001, "<pad>")])
}
