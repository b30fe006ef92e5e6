//! Safetensors files written front to back: the header, then one tensor after another.

use std::{
    error::Error,
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use serde_json::{Map, Value, json};
use vlm_test::vlm::Precision;

use super::{
    Form,
    random::{Floats, SplitMix},
    storage::{Element, Tensor, Values},
};

/// What the published files keep to.
const MAX_SHARD: usize = 5_000_000_000;
const BLOCK: usize = 1 << 20;

/// Writes `model.safetensors`, or shards of at most 5 GB and their index. MLX conversions always
/// have an index.
pub fn write(
    folder: &Path,
    tensors: &[Tensor],
    form: Form,
    seed: u64,
) -> Result<(), Box<dyn Error>> {
    let shards = shards(tensors);
    let mut places = Map::new();
    for (number, shard) in shards.iter().enumerate() {
        let name = match shards.len() {
            1 => "model.safetensors".to_owned(),
            count => format!("model-{:05}-of-{count:05}.safetensors", number + 1),
        };
        write_file(&folder.join(&name), shard, form, seed)?;
        places.extend(shard.iter().map(|tensor| (tensor.name.clone(), name.clone().into())));
    }
    if form != Form::Original || shards.len() > 1 {
        let total: usize = tensors.iter().map(Tensor::bytes).sum();
        places.sort_keys();
        let index = json!({"metadata": {"total_size": total}, "weight_map": places});
        let path = folder.join("model.safetensors.index.json");
        std::fs::write(path, serde_json::to_vec_pretty(&index)?)?;
    }
    Ok(())
}

/// Consecutive tensors, as many as fit into a file.
fn shards(tensors: &[Tensor]) -> Vec<&[Tensor]> {
    let (mut shards, mut start, mut size) = (Vec::new(), 0, 0);
    for (at, tensor) in tensors.iter().enumerate() {
        if at > start && size + tensor.bytes() > MAX_SHARD {
            shards.push(&tensors[start..at]);
            (start, size) = (at, 0);
        }
        size += tensor.bytes();
    }
    shards.push(&tensors[start..]);
    shards
}

fn write_file(
    path: &Path,
    tensors: &[Tensor],
    form: Form,
    seed: u64,
) -> Result<(), Box<dyn Error>> {
    let header = header(tensors, form)?;
    let mut file = BufWriter::with_capacity(BLOCK, File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    let mut block = vec![0; BLOCK];
    for tensor in tensors {
        write_values(&mut file, tensor, seed, &mut block)?;
    }
    file.flush()?;
    Ok(())
}

/// Names, types, shapes and places, filled up with blanks so that the data is aligned.
fn header(tensors: &[Tensor], form: Form) -> Result<Vec<u8>, Box<dyn Error>> {
    let writer = if form == Form::Original { "pt" } else { "mlx" };
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!({"format": writer}));
    let mut begin = 0;
    for tensor in tensors {
        let end = begin + tensor.bytes();
        let entry = json!({
            "dtype": dtype(tensor.element), "shape": tensor.shape, "data_offsets": [begin, end]
        });
        header.insert(tensor.name.clone(), entry);
        begin = end;
    }
    let mut header = serde_json::to_vec(&Value::Object(header))?;
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok(header)
}

fn dtype(element: Element) -> &'static str {
    match element {
        Element::Float(Precision::Float32) => "F32",
        Element::Float(Precision::Float16) => "F16",
        Element::Float(Precision::Bfloat16) => "BF16",
        Element::Uint32 => "U32",
    }
}

fn write_values(
    file: &mut impl Write,
    tensor: &Tensor,
    seed: u64,
    block: &mut [u8],
) -> Result<(), Box<dyn Error>> {
    let mut random = SplitMix::new(seed, &tensor.source);
    let floats = match (tensor.values, tensor.element) {
        (Values::Between(low, high), Element::Float(precision)) => {
            Some(Floats::between(low, high, precision))
        }
        _ => None,
    };
    let mut left = tensor.bytes();
    while left > 0 {
        let size = left.min(block.len());
        let block = &mut block[..size];
        match &floats {
            Some(floats) => floats.fill(&mut random, block),
            None => random.bits(block),
        }
        file.write_all(block)?;
        left -= size;
    }
    Ok(())
}
