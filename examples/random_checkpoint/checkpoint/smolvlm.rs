//! `SmolVLM2` with 256M, 500M and 2.2B parameters, the first `SmolVLM`, and their conversions,
//! all made after November 2024.

use serde_json::{Value, json};
use vlm_test::vlm::Precision;

use super::{
    Form, Published, byte_level,
    network::Network,
    sizes::{Decoder, Tower, TowerKind, state},
    vocabulary::{Added, tokenizer_config},
};

/// In which the published models differ.
pub struct SmolVlm {
    /// The first generation: Idefics3, and markers of tiles that are no tokens.
    first: bool,
    decoder: Decoder,
    tower: Tower,
    /// Patches along the side of a square that becomes one position.
    scale: usize,
    /// What `text_config` says of the decoder beyond what all of them say.
    text_config: fn() -> Value,
    /// What `vision_config` says of the tower.
    vision_config: fn() -> Value,
    /// Longest edge and side of a tile, in pixels.
    edges: (usize, usize),
    dtype: Precision,
}

/// For 512 pixels; config.json leaves out that there are 12 layers with 3072 inside.
const SIGLIP_BASE: Tower = Tower {
    kind: TowerKind::Siglip,
    hidden: 768,
    intermediate: 3072,
    layers: 12,
    heads: 12,
    image: 512,
    patch: 16,
};

/// For 384 pixels, of which 27 patches cover 378.
const SIGLIP_SO400M: Tower = Tower {
    kind: TowerKind::Siglip,
    hidden: 1152,
    intermediate: 4304,
    layers: 27,
    heads: 16,
    image: 384,
    patch: 14,
};

const DECODER_500M: Decoder = Decoder {
    hidden: 960,
    intermediate: 2560,
    layers: 32,
    heads: 15,
    kv_heads: 5,
    head_dim: 64,
    vocab: 49280,
    fused: false,
};

impl SmolVlm {
    pub const V2_500M: Self = Self {
        first: false,
        decoder: DECODER_500M,
        tower: SIGLIP_BASE,
        scale: 4,
        text_config: || {
            json!({
                "head_dim": 64, "hidden_size": 960, "intermediate_size": 2560,
                "max_position_embeddings": 8192, "num_attention_heads": 15,
                "num_hidden_layers": 32, "num_key_value_heads": 5, "pixel_shuffle_factor": 4,
                "rope_theta": 100_000, "torch_dtype": "bfloat16", "vocab_size": 49280
            })
        },
        vision_config: siglip_base,
        edges: (2048, 512),
        dtype: Precision::Float32,
    };
    pub const V2_256M: Self = Self {
        decoder: Decoder {
            hidden: 576,
            intermediate: 1536,
            layers: 30,
            heads: 9,
            kv_heads: 3,
            ..DECODER_500M
        },
        text_config: || {
            json!({
                "head_dim": 64, "hidden_size": 576, "intermediate_size": 1536,
                "max_position_embeddings": 8192, "num_attention_heads": 9,
                "num_hidden_layers": 30, "num_key_value_heads": 3, "pixel_shuffle_factor": 4,
                "rope_theta": 100_000, "torch_dtype": "bfloat16", "vocab_size": 49280
            })
        },
        dtype: Precision::Bfloat16,
        ..Self::V2_500M
    };
    pub const V2_2B: Self = Self {
        first: false,
        decoder: Decoder {
            hidden: 2048,
            intermediate: 8192,
            layers: 24,
            heads: 32,
            kv_heads: 32,
            ..DECODER_500M
        },
        tower: SIGLIP_SO400M,
        scale: 3,
        // The heads are the class default.
        text_config: || {
            json!({
                "hidden_size": 2048, "intermediate_size": 8192, "max_position_embeddings": 16384,
                "num_hidden_layers": 24, "pixel_shuffle_factor": 3, "rope_theta": 273_768.0,
                "torch_dtype": "bfloat16", "vocab_size": 49280
            })
        },
        vision_config: siglip_so400m,
        edges: (1536, 384),
        dtype: Precision::Bfloat16,
    };
    pub const V1_2B: Self = Self {
        first: true,
        decoder: Decoder { vocab: 49155, ..Self::V2_2B.decoder },
        text_config: || {
            let mut config = (Self::V2_2B.text_config)();
            config["vocab_size"] = 49155.into();
            config
        },
        ..Self::V2_2B
    };

    pub fn published(&self, form: Form, shrink: bool) -> Published {
        let (decoder, tower) = if shrink {
            (self.decoder.shrunk(), self.tower.shrunk())
        } else {
            (self.decoder, self.tower)
        };
        let mut config = self.config();
        if shrink {
            state(&mut config["text_config"], decoder.fields());
            state(&mut config["vision_config"], tower.fields());
        }
        let added = self.added_tokens();
        let template = include_str!("templates/smolvlm.jinja").trim_end();
        Published {
            files: vec![
                ("config.json", config),
                ("generation_config.json", self.generation_config()),
                ("preprocessor_config.json", self.preprocessor_config()),
                ("processor_config.json", self.processor_config()),
                ("chat_template.json", json!({"chat_template": template})),
                ("tokenizer.json", byte_level::tokenizer(&added)),
                ("tokenizer_config.json", tokenizer_config(&added, self.special_tokens())),
            ],
            network: self.network(form, &decoder, &tower),
            dtype: self.dtype,
        }
    }

    fn network(&self, form: Form, decoder: &Decoder, tower: &Tower) -> Network {
        let (root, text, head) = match form {
            Form::Original => ("model.", "model.text_model", "lm_head"),
            Form::FourBit | Form::EightBit => ("", "language_model", "language_model.lm_head"),
        };
        let mut network = Network::default();
        network.tower(&format!("{root}vision_model"), tower);
        let squares = tower.hidden * self.scale * self.scale;
        let projection = format!("{root}connector.modality_projection.proj");
        network.linear(&projection, decoder.hidden, squares, false);
        network.decoder(text, head, decoder);
        network
    }

    fn config(&self) -> Value {
        let mut text_config = json!({
            "_flash_attn_2_enabled": true, "_name_or_path": "None",
            "architectures": ["VLlama3ForCausalLM"], "is_llama_config": true, "model_type": "llama",
            "neftune_noise_alpha": 0.0, "pad_token_id": 2,
            "perceiver_config": {
                "attention_dropout": 0.0, "hidden_act": "silu", "model_type": "vllama3",
                "num_key_value_heads": 1, "qk_layer_norms_perceiver": false,
                "resampler_depth": 6, "resampler_head_dim": 96, "resampler_n_heads": 16,
                "resampler_n_latents": 64
            },
            "qk_layer_norms": false, "rms_norm_eps": 1e-5, "rope_interleaved": false,
            "use_resampler": false
        });
        state(&mut text_config, (self.text_config)());
        let (class, model_type, pad) = if self.first {
            ("Idefics3ForConditionalGeneration", "idefics3", 2)
        } else {
            ("SmolVLMForConditionalGeneration", "smolvlm", 128_002)
        };
        json!({
            "architectures": [class], "image_token_id": self.image_token_id(),
            "model_type": model_type, "pad_token_id": pad, "scale_factor": self.scale,
            "text_config": text_config, "tie_word_embeddings": false,
            "torch_dtype": if self.dtype == Precision::Float32 { "float32" } else { "bfloat16" },
            "use_cache": false, "vision_config": (self.vision_config)(),
            "vocab_size": self.decoder.vocab
        })
    }

    fn generation_config(&self) -> Value {
        let eos = self.decoder.vocab - 1;
        json!({"_from_model_config": true, "bos_token_id": 0, "eos_token_id": eos, "pad_token_id": 2})
    }

    fn preprocessor_config(&self) -> Value {
        let (longest, tile) = self.edges;
        let mut config = json!({
            "do_convert_rgb": true, "do_image_splitting": true, "do_normalize": true,
            "do_pad": true, "do_rescale": true, "do_resize": true,
            "image_mean": [0.5, 0.5, 0.5],
            "image_processor_type": format!("{}ImageProcessor", self.class()),
            "image_std": [0.5, 0.5, 0.5],
            "max_image_size": {"longest_edge": tile},
            "processor_class": format!("{}Processor", self.class()),
            "resample": 1,
            "rescale_factor": 1.0 / 255.0,
            "size": {"longest_edge": longest}
        });
        if !self.first {
            let video = json!({"fps": 1, "max_frames": 64, "video_size": {"longest_edge": tile}});
            config["video_sampling"] = video;
        }
        config
    }

    fn processor_config(&self) -> Value {
        let side = self.tower.image / self.tower.patch / self.scale;
        json!({"image_seq_len": side * side, "processor_class": format!("{}Processor", self.class())})
    }

    fn special_tokens(&self) -> Value {
        json!({
            "add_prefix_space": false, "bos_token": "<|im_start|>", "eos_token": "<end_of_utterance>",
            "pad_token": "<|im_end|>", "processor_class": format!("{}Processor", self.class()),
            "tokenizer_class": "GPT2Tokenizer", "truncation_side": "left",
            "unk_token": "<|endoftext|>"
        })
    }

    fn class(&self) -> &'static str {
        if self.first { "Idefics3" } else { "SmolVLM" }
    }

    fn image_token_id(&self) -> usize {
        if self.first { 49153 } else { 49190 }
    }

    /// The first generation has three tokens of its own; the second also those of the tiles.
    fn added_tokens(&self) -> Vec<Added> {
        let (fake, image, end) = ("<fake_token_around_image>", "<image>", "<end_of_utterance>");
        let names = if self.first {
            [fake, image, end].map(str::to_owned).to_vec()
        } else {
            let tiles = (1..=6).flat_map(|row| (1..=6).map(move |col| (row, col)));
            let mut names = vec!["<global-img>".to_owned()];
            names.extend(tiles.map(|(row, col)| format!("<row_{row}_col_{col}>")));
            names.extend([fake.to_owned(), image.to_owned()]);
            names.extend((0..88).map(|number| format!("<|reserved_special_token_{number}|>")));
            names.push(end.to_owned());
            names
        };
        let numbered = names.into_iter().enumerate();
        let added = numbered.map(|(at, name)| Added::new(byte_level::SIZE + at, name)).collect();
        byte_level::all_added(added)
    }
}

fn siglip_base() -> Value {
    json!({
        "hidden_size": 768, "image_size": 512, "max_image_size": {"longest_edge": 512},
        "model_type": "smolvlm_vision", "num_attention_heads": 12, "patch_size": 16,
        "size": {"longest_edge": 2048}, "tie_word_embeddings": false, "use_base_siglip": true
    })
}

fn siglip_so400m() -> Value {
    json!({
        "hidden_size": 1152, "image_size": 384, "intermediate_size": 4304,
        "max_image_size": {"longest_edge": 384}, "model_type": "idefics3",
        "num_attention_heads": 16, "num_hidden_layers": 27, "patch_size": 14,
        "size": {"longest_edge": 1536}, "tie_word_embeddings": false, "use_base_siglip": false
    })
}
