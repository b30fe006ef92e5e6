//! How many bytes the weights of a checkpoint are once they are loaded, as they are stored or in
//! another form. Headers are read, weights are not.

use std::collections::{HashMap, HashSet};

use crate::native::{
    LoadError,
    checkpoint::{Checkpoint, quantization::QuantizedFormat},
    models::Outline,
    safetensors_header::TensorInfo,
};

/// Weights that share a scale and a bias in MLX's conversions, unless they are told otherwise.
const GROUP: u64 = 64;
/// Bytes of a float that a conversion keeps: float16 or bfloat16.
const HALF: u64 = 2;
/// A table that is added, not looked up: it is unpacked when it is loaded.
const UNPACKED: &str = "embeddings.position_embedding";
/// The table whose precision is that of what passes through the decoder.
const EMBEDDING: &str = "text_model.embed_tokens";

/// A form of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As they are stored.
    Stored,
    /// All of them in floats of so many bytes.
    Floats(u64),
    /// Matrices whose rows divide into groups of 64 in so many bits, with a scale and a bias of
    /// half precision a group; everything else in half precision.
    Bits(u64),
}

/// A tensor that a loaded network keeps.
#[derive(Debug, Clone, Copy)]
struct Kept {
    /// Numbers that it stands for.
    numbers: u64,
    /// Bytes that it takes as it is stored.
    stored: u64,
    /// Numbers in a row, if it is a matrix that conversions may quantise.
    columns: Option<u64>,
    /// Whether it is unpacked when it is loaded.
    unpacked: bool,
}

impl Kept {
    fn bytes(self, form: Form) -> u64 {
        let floats = |size: u64| self.numbers.saturating_mul(size);
        match form {
            Form::Stored => self.stored,
            Form::Floats(size) => floats(size),
            Form::Bits(bits) => match self.columns {
                Some(columns) if columns.is_multiple_of(GROUP) && !self.unpacked => {
                    self.numbers / 8 * bits + self.numbers / GROUP * 2 * HALF
                }
                _ => floats(HALF),
            },
        }
    }
}

/// The tensors that a loaded network keeps.
#[derive(Debug)]
pub struct WeightPlan {
    kept: Vec<Kept>,
    /// Bytes of a number between two layers as the checkpoint is stored.
    pub stored_number_bytes: u64,
    /// Whether matrices are stored quantised.
    pub packed: bool,
}

impl WeightPlan {
    /// What the network of `outline` keeps of a checkpoint.
    ///
    /// # Errors
    /// [`LoadError`] when a header cannot be read or is not valid.
    pub fn of(checkpoint: &Checkpoint, outline: &Outline) -> Result<Self, LoadError> {
        let tensors = checkpoint.tensors()?;
        let named = tensors.iter().filter_map(|it| Some(((outline.kept)(&it.name)?, it)));
        let named: HashMap<String, &TensorInfo> = named.collect();
        let packed: HashSet<&str> =
            named.keys().filter_map(|name| name.strip_suffix(".scales")).collect();
        let format = |tensor: &TensorInfo| {
            let quantization = checkpoint.quantization.as_ref()?;
            quantization.for_module(tensor.name.strip_suffix(".weight")?)
        };
        let mut kept = Vec::with_capacity(named.len());
        for (name, tensor) in &named {
            let (module, part) = name.rsplit_once('.').unwrap_or(("", name));
            if !packed.contains(module) {
                kept.push(dense(tensor, module, part));
            } else if part == "weight" {
                let scales = named.get(&format!("{module}.scales")).copied();
                kept.extend(scales.map(|it| quantized(tensor, it, format(tensor), module)));
            }
        }
        let precision = |part: &str| named.get(&format!("{EMBEDDING}.{part}"));
        let precision = precision("scales").or_else(|| precision("weight"));
        Ok(Self {
            kept,
            stored_number_bytes: precision.map_or(HALF, |tensor| tensor.dtype.size()),
            packed: !packed.is_empty(),
        })
    }

    /// Bytes of all of them in this form.
    pub fn bytes(&self, form: Form) -> u64 {
        self.kept.iter().fold(0, |sum, tensor| sum.saturating_add(tensor.bytes(form)))
    }

    /// Bytes of the largest of them in this form.
    pub fn largest(&self, form: Form) -> u64 {
        self.kept.iter().map(|tensor| tensor.bytes(form)).max().unwrap_or_default()
    }
}

fn numbers(tensor: &TensorInfo) -> u64 {
    tensor.shape.iter().fold(1, |product, side| product.saturating_mul(*side as u64))
}

fn dense(tensor: &TensorInfo, module: &str, part: &str) -> Kept {
    let columns = match tensor.shape[..] {
        [_, columns] if part == "weight" => Some(columns as u64),
        _ => None,
    };
    Kept {
        numbers: numbers(tensor),
        stored: tensor.data.end - tensor.data.start,
        columns,
        unpacked: module.ends_with(UNPACKED),
    }
}

/// A packed matrix: 32 bits a word, and a scale and a bias for each group.
fn quantized(
    packed: &TensorInfo,
    scales: &TensorInfo,
    format: Option<QuantizedFormat>,
    module: &str,
) -> Kept {
    let group = format.map_or(GROUP, |format| format.group_size as u64);
    let numbers = numbers(scales).saturating_mul(group);
    let span = |tensor: &TensorInfo| tensor.data.end - tensor.data.start;
    let unpacked = module.ends_with(UNPACKED);
    let stored = if unpacked {
        numbers.saturating_mul(scales.dtype.size())
    } else {
        span(packed) + 2 * span(scales)
    };
    let columns = scales.shape.last().map(|groups| *groups as u64 * group);
    Kept { numbers, stored, columns, unpacked }
}
