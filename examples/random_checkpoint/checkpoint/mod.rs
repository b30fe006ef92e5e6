//! A checkpoint in the shape of a published one: its JSON files as published, a tokenizer with the
//! published ids, and random weights under the published names.

mod byte_level;
mod llava;
mod network;
mod phi3v;
mod random;
mod safetensors;
mod sentencepiece;
mod sizes;
mod smolvlm;
mod storage;
mod vocabulary;

use std::{error::Error, fs, path::Path};

use clap::ValueEnum;
use serde_json::Value;
use vlm_test::vlm::Precision;

use self::{llava::Llava, network::Network, smolvlm::SmolVlm, storage::Tensor};

/// A published model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Model {
    /// Phi-3.5-vision-instruct
    #[value(name = "phi35_vision")]
    Phi35Vision,
    /// LLaVA-1.5-7B
    #[value(name = "llava15")]
    Llava15,
    /// LLaVA-v1.6-Mistral-7B
    #[value(name = "llava")]
    LlavaMistral,
    /// LLaVA-v1.6-Vicuna-7B
    #[value(name = "llava16_vicuna")]
    LlavaVicuna,
    /// SmolVLM2-500M-Video-Instruct
    #[value(name = "smolvlm")]
    Smolvlm500m,
    /// SmolVLM2-256M-Video-Instruct
    #[value(name = "smolvlm_256m")]
    Smolvlm256m,
    /// SmolVLM2-2.2B-Instruct
    #[value(name = "smolvlm_2b")]
    Smolvlm2b,
    /// SmolVLM-Instruct, the first
    #[value(name = "smolvlm_v1_2b")]
    SmolvlmV1,
}

/// Who wrote the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// The model's makers, for `PyTorch`.
    #[value(name = "original")]
    Original,
    /// A conversion for MLX to 4 bits.
    #[value(name = "4bit")]
    FourBit,
    /// A conversion for MLX to 8 bits.
    #[value(name = "8bit")]
    EightBit,
}

impl Form {
    /// Bits of a quantised weight.
    fn bits(self) -> Option<usize> {
        match self {
            Self::Original => None,
            Self::FourBit => Some(4),
            Self::EightBit => Some(8),
        }
    }
}

/// What to write.
pub struct Request {
    pub model: Model,
    pub form: Form,
    /// Instead of the published precision.
    pub dtype: Option<Precision>,
    pub seed: u64,
    /// Keep names, ids and image settings, but make everything narrow and shallow.
    pub shrink: bool,
}

/// What is in a published folder.
struct Published {
    /// JSON files by name; `config.json` is among them.
    files: Vec<(&'static str, Value)>,
    /// Every module, by the names of the form asked for.
    network: Network,
    /// Of the original weights.
    dtype: Precision,
}

/// What is to be written.
pub struct Content {
    /// JSON files by name.
    pub files: Vec<(&'static str, Value)>,
    tensors: Vec<Tensor>,
}

impl Request {
    /// Writes the checkpoint; nothing larger than a block of one tensor is ever in memory.
    pub fn write(&self, folder: &Path) -> Result<(), Box<dyn Error>> {
        let Content { files, tensors } = self.content()?;
        if folder.exists() && fs::read_dir(folder)?.next().is_some() {
            return Err(format!("{} is not empty", folder.display()).into());
        }
        fs::create_dir_all(folder)?;
        safetensors::write(folder, &tensors, self.form, self.seed)?;
        for (name, content) in &files {
            fs::write(folder.join(name), serde_json::to_vec_pretty(content)?)?;
        }
        Ok(())
    }

    /// The files and tensors of the checkpoint; no values yet.
    pub fn content(&self) -> Result<Content, Box<dyn Error>> {
        let Self { model, form, dtype, shrink, .. } = *self;
        let Published { mut files, network, dtype: published } = match model {
            Model::Phi35Vision => phi3v::published(form, shrink),
            Model::Llava15 => Llava::V15.published(form, shrink),
            Model::LlavaMistral => Llava::MISTRAL.published(form, shrink),
            Model::LlavaVicuna => Llava::VICUNA.published(form, shrink),
            Model::Smolvlm500m => SmolVlm::V2_500M.published(form, shrink),
            Model::Smolvlm256m => SmolVlm::V2_256M.published(form, shrink),
            Model::Smolvlm2b => SmolVlm::V2_2B.published(form, shrink),
            Model::SmolvlmV1 => SmolVlm::V1_2B.published(form, shrink),
        };
        let dtype = match (form.bits(), dtype) {
            (None, dtype) => dtype.unwrap_or(published),
            // Quantising conversions cast all that stays a float.
            (Some(_), None) => Precision::Float16,
            (Some(_), Some(_)) => return Err("a quantised form is always float16".into()),
        };
        if let Some(bits) = form.bits() {
            storage::note_quantization(&mut files, bits);
        }
        Ok(Content { files, tensors: storage::tensors(&network, form, dtype) })
    }
}
