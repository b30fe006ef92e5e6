//! Chooses the weight files of a checkpoint: a pure function of the folder's
//! listing and the index.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::Value;

use super::CheckpointError;

/// The index that sharded checkpoints carry, and MLX conversions with one shard too.
pub const INDEX_FILE: &str = "model.safetensors.index.json";

const FOREIGN: [&str; 10] =
    [".bin", ".gguf", ".npz", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx", ".ggml"];

/// The `weight_map` of an index: tensor name to file name. A file name must be plain,
/// so that an index cannot reach outside its folder.
///
/// # Errors
/// [`CheckpointError::Field`] when the map is absent, empty or malformed.
pub fn weight_map(path: &Path, index: &Value) -> Result<BTreeMap<String, String>, CheckpointError> {
    let wrong = |field: String, message: &str| CheckpointError::Field {
        path: path.to_owned(),
        field,
        message: message.to_owned(),
    };
    let map = index.get("weight_map").and_then(Value::as_object).filter(|map| !map.is_empty());
    let map = map.ok_or_else(|| wrong("weight_map".to_owned(), "must be a non-empty object"))?;
    let entry = |(tensor, file): (&String, &Value)| {
        let plain = |name: &&str| !name.contains(['/', '\\']) && name.ends_with(".safetensors");
        match file.as_str().filter(plain) {
            Some(file) => Ok((tensor.clone(), file.to_owned())),
            None => Err(wrong(
                format!("weight_map.{tensor}"),
                "must name a .safetensors file beside the index",
            )),
        }
    };
    map.iter().map(entry).collect()
}

/// The safetensors files to load, in name order. The first rule that applies decides:
/// 1. the files an index names, all of which must be there;
/// 2. `model.safetensors`;
/// 3. all `model*.safetensors`;
/// 4. all `*.safetensors`.
///
/// Under 3 and 4 a set numbered `…-00001-of-0000N` must be complete.
///
/// # Errors
/// [`CheckpointError::MissingShard`], [`CheckpointError::ForeignWeights`] or
/// [`CheckpointError::MissingFile`].
pub fn select_weight_files(
    dir: &Path,
    listing: &BTreeSet<String>,
    weight_map: Option<&BTreeMap<String, String>>,
) -> Result<Vec<String>, CheckpointError> {
    if let Some(weight_map) = weight_map {
        let named: BTreeSet<&String> = weight_map.values().collect();
        return match named.iter().find(|name| !listing.contains(**name)) {
            Some(shard) => Err(missing(dir, shard, INDEX_FILE)),
            None => Ok(named.into_iter().cloned().collect()),
        };
    }
    if listing.contains("model.safetensors") {
        return Ok(vec!["model.safetensors".to_owned()]);
    }
    let all: Vec<&String> = listing.iter().filter(|name| name.ends_with(".safetensors")).collect();
    let named_model: Vec<&String> =
        all.iter().copied().filter(|name| name.starts_with("model")).collect();
    let chosen = if named_model.is_empty() { all } else { named_model };
    if chosen.is_empty() {
        return Err(none_found(dir, listing));
    }
    for name in &chosen {
        complete_set(dir, name, listing)?;
    }
    Ok(chosen.into_iter().cloned().collect())
}

/// Every shard that `name`, if it is numbered, says there are.
fn complete_set(dir: &Path, name: &str, listing: &BTreeSet<String>) -> Result<(), CheckpointError> {
    let Some((stem, count)) = numbered(name) else { return Ok(()) };
    let absent = (1..=count)
        .map(|n| format!("{stem}-{n:05}-of-{count:05}.safetensors"))
        .find(|shard| !listing.contains(shard));
    absent.map_or(Ok(()), |shard| Err(missing(dir, &shard, name)))
}

/// Stem and number of shards of a name like `model-00001-of-00002.safetensors`.
fn numbered(name: &str) -> Option<(&str, usize)> {
    let (head, count) = name.strip_suffix(".safetensors")?.rsplit_once("-of-")?;
    let (stem, number) = head.rsplit_once('-')?;
    let five_digits = |s: &str| s.len() == 5 && s.bytes().all(|b| b.is_ascii_digit());
    (five_digits(number) && five_digits(count)).then_some((stem, count.parse().ok()?))
}

fn missing(dir: &Path, shard: &str, named_by: &str) -> CheckpointError {
    CheckpointError::MissingShard {
        dir: dir.to_owned(),
        shard: shard.to_owned(),
        named_by: named_by.to_owned(),
    }
}

fn none_found(dir: &Path, listing: &BTreeSet<String>) -> CheckpointError {
    let foreign = |name: &&String| FOREIGN.iter().any(|suffix| name.ends_with(suffix));
    match listing.iter().find(foreign) {
        Some(file) => CheckpointError::ForeignWeights { dir: dir.to_owned(), file: file.clone() },
        None => CheckpointError::MissingFile {
            dir: dir.to_owned(),
            file: "model.safetensors".to_owned(),
            hint: "its weights are missing, download them again",
        },
    }
}
