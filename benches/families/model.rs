//! The vision sides of the published models: widths, settings and the work of one frame.
//! Towers run [`LAYERS`] layers deep.

use serde_json::{Value, json};

use crate::tensors::{DecoderWidths, VisionWidths};

/// Layers of each tower that run.
pub const LAYERS: usize = 2;

/// The vision side of a published model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// LLaVA-1.5-7B.
    Llava,
    /// LLaVA-1.6 at the text width of 7B.
    LlavaNext,
    /// Phi-3.5-vision.
    Phi3v,
    /// SmolVLM-256M: frames of 512 pixels, patches of 16.
    Smolvlm512,
    /// SmolVLM2-2.2B: frames of 384 pixels, patches of 14.
    Smolvlm384,
}

/// A vision tower.
pub struct Tower {
    pub widths: VisionWidths,
    pub heads: usize,
    pub image: usize,
    pub patch: usize,
    pub class_token: bool,
}

const CLIP_L: Tower = Tower {
    widths: VisionWidths { hidden: 1024, intermediate: 4096 },
    heads: 16,
    image: 336,
    patch: 14,
    class_token: true,
};
const SIGLIP_BASE: Tower = Tower {
    widths: VisionWidths { hidden: 768, intermediate: 3072 },
    heads: 12,
    image: 512,
    patch: 16,
    class_token: false,
};
const SIGLIP_SO400M: Tower = Tower {
    widths: VisionWidths { hidden: 1152, intermediate: 4304 },
    heads: 16,
    image: 384,
    patch: 14,
    class_token: false,
};

/// Width of a head of the decoders that only have to be there.
const HEAD: usize = 64;

impl Tower {
    /// Sides of a frame in patches, squared.
    pub fn patches(&self) -> usize {
        (self.image / self.patch).pow(2)
    }

    /// Rows that run through the layers for a frame.
    pub fn rows(&self) -> usize {
        self.patches() + usize::from(self.class_token)
    }

    /// Layers that a checkpoint holds: of a CLIP tower the last one is not used.
    pub fn stored_layers(&self) -> usize {
        LAYERS + usize::from(self.class_token)
    }

    /// Floating-point operations of a frame: convolution, layers and attention scores.
    fn operations(&self) -> usize {
        let VisionWidths { hidden, intermediate } = self.widths;
        let matrices = 2 * self.rows() * hidden * (4 * hidden + 2 * intermediate);
        let scores = 4 * self.rows().pow(2) * hidden;
        2 * self.patches() * 3 * self.patch.pow(2) * hidden + LAYERS * (matrices + scores)
    }
}

impl Model {
    pub fn tower(self) -> &'static Tower {
        match self {
            Self::Llava | Self::LlavaNext | Self::Phi3v => &CLIP_L,
            Self::Smolvlm512 => &SIGLIP_BASE,
            Self::Smolvlm384 => &SIGLIP_SO400M,
        }
    }

    /// Patches along the side of the square that becomes one position.
    pub fn square(self) -> usize {
        match self {
            Self::Llava | Self::LlavaNext => 1,
            Self::Phi3v => 2,
            Self::Smolvlm384 => 3,
            Self::Smolvlm512 => 4,
        }
    }

    /// A decoder layer: those of LLaVA-1.5 and SmolVLM-256M as published, the others as
    /// narrow as the projector's width allows.
    pub fn decoder(self) -> DecoderWidths {
        let narrow =
            |hidden| DecoderWidths { hidden, query: HEAD, key_value: HEAD, intermediate: HEAD };
        match self {
            Self::Llava => {
                DecoderWidths { hidden: 4096, query: 4096, key_value: 4096, intermediate: 11008 }
            }
            Self::LlavaNext => narrow(4096),
            Self::Phi3v => narrow(3072),
            Self::Smolvlm512 => {
                DecoderWidths { hidden: 576, query: 576, key_value: 192, intermediate: 1536 }
            }
            Self::Smolvlm384 => narrow(2048),
        }
    }

    /// (rows, columns) of tiles, frames and size of an image: one frame for LLaVA-1.5,
    /// a grid of four and the whole view for the others.
    pub fn tiles(self) -> ((usize, usize), usize, (usize, usize)) {
        match self {
            Self::Llava => ((0, 0), 1, (640, 480)),
            Self::LlavaNext | Self::Phi3v => ((2, 2), 5, (640, 480)),
            Self::Smolvlm512 | Self::Smolvlm384 => ((1, 4), 5, (2000, 500)),
        }
    }

    /// Floating-point operations of tower and projector on [`Model::tiles`].
    pub fn operations(self) -> usize {
        let (tower, text) = (self.tower(), self.decoder().hidden);
        let (grid, frames, _) = self.tiles();
        let positions = frames * tower.patches() / self.square().pow(2);
        let joined = tower.widths.hidden * self.square().pow(2);
        let projector = match self {
            Self::Llava | Self::LlavaNext => 2 * positions * text * (joined + text),
            Self::Phi3v => {
                let separators = (grid.0 + 1) * 12 + 1;
                2 * (positions + separators) * text * (joined + text)
            }
            Self::Smolvlm512 | Self::Smolvlm384 => 2 * positions * text * joined,
        };
        frames * tower.operations() + projector
    }

    /// config.json with `layers` decoder layers.
    pub fn config(self, layers: usize, vocabulary: usize, image_token: usize) -> Value {
        let (tower, decoder) = (self.tower(), self.decoder());
        let head = if decoder.query == 4096 { 128 } else { HEAD };
        let mut text = json!({
            "model_type": "llama", "hidden_size": decoder.hidden, "intermediate_size": decoder.intermediate,
            "num_hidden_layers": layers, "num_attention_heads": decoder.query / head,
            "num_key_value_heads": decoder.key_value / head, "head_dim": head, "vocab_size": vocabulary,
            "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 10000.0
        });
        let vision = json!({
            "hidden_size": tower.widths.hidden, "intermediate_size": tower.widths.intermediate,
            "num_hidden_layers": tower.stored_layers(), "num_attention_heads": tower.heads,
            "image_size": tower.image, "patch_size": tower.patch,
            "model_type": if tower.class_token { "clip_vision_model" } else { "smolvlm_vision" }
        });
        match self {
            Self::Llava | Self::LlavaNext => json!({
                "model_type": if self == Self::Llava { "llava" } else { "llava_next" },
                "image_token_index": image_token, "text_config": text, "vision_config": vision,
                "tie_word_embeddings": false
            }),
            Self::Phi3v => {
                text["model_type"] = json!("phi3_v");
                text["img_processor"] = vision;
                text["img_processor"]["name"] = json!("clip_vision_model");
                text["img_processor"]["image_dim_out"] = json!(tower.widths.hidden);
                text["embd_layer"] = json!({"hd_transform_order": "sub_glb"});
                text
            }
            Self::Smolvlm512 | Self::Smolvlm384 => json!({
                "model_type": "smolvlm", "image_token_id": image_token, "scale_factor": self.square(),
                "text_config": text, "vision_config": vision, "tie_word_embeddings": false
            }),
        }
    }
}
