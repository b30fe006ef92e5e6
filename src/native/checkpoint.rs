//! A checkpoint folder in Hugging Face layout: which files it holds and what its
//! JSON files say. Weights are located and their headers checked, never loaded.

pub mod json;
pub mod quantization;
pub mod weight_files;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use self::{
    json::read_json_object,
    quantization::Quantization,
    weight_files::{INDEX_FILE, select_weight_files},
};
use super::safetensors_header::{HeaderError, TensorInfo, read_headers};

/// Why a checkpoint folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// What was being read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file every checkpoint needs is not there.
    #[error("{} has no {file}: {hint}", dir.display())]
    MissingFile {
        /// The checkpoint folder.
        dir: PathBuf,
        /// The file that is missing.
        file: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// A JSON file is malformed.
    #[error("{} is not valid JSON: line {line}, column {column}: {message}", path.display())]
    Json {
        /// The malformed file.
        path: PathBuf,
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
        /// What was expected there.
        message: String,
    },
    /// A JSON file is well-formed but a field has the wrong type or value.
    #[error("{}: {field} {message}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// Name of the field, dotted when nested.
        field: String,
        /// What is wrong with it.
        message: String,
    },
    /// The weights exist only in a format that is not read.
    #[error("{} holds {file} but no safetensors file: convert the weights to safetensors", dir.display())]
    ForeignWeights {
        /// The checkpoint folder.
        dir: PathBuf,
        /// One of the files in the other format.
        file: String,
    },
    /// A shard that the index or the shards' own numbering names is not there.
    #[error("{} lacks weight file {shard}, named by {named_by}: download it again", dir.display())]
    MissingShard {
        /// The checkpoint folder.
        dir: PathBuf,
        /// The missing file.
        shard: String,
        /// Where its name comes from.
        named_by: String,
    },
    /// The index places a tensor in a file that does not hold it.
    #[error("{} places tensor {tensor} in {shard}, which does not hold it", index.display())]
    IndexMismatch {
        /// The index file.
        index: PathBuf,
        /// The tensor.
        tensor: String,
        /// The shard the index names.
        shard: String,
    },
    /// The quantisation is of a kind that is not supported.
    #[error("{}: quantisation {found} is not supported, only MLX affine is", path.display())]
    UnsupportedQuantization {
        /// The file that says so.
        path: PathBuf,
        /// Mode or method found.
        found: String,
    },
    /// A safetensors header is invalid.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// What a checkpoint folder holds. Nothing of the weights is in memory.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The folder.
    pub dir: PathBuf,
    /// `config.json`.
    pub config: Value,
    /// `model_type` of `config.json`.
    pub model_type: String,
    /// `generation_config.json`, where there is one.
    pub generation_config: Option<Value>,
    /// `tokenizer_config.json`, where there is one.
    pub tokenizer_config: Option<Value>,
    /// `processor_config.json`, where there is one.
    pub processor_config: Option<Value>,
    /// The image processor's settings: `preprocessor_config.json`, else
    /// `image_processor` of `processor_config.json`.
    pub image_processor: Option<Value>,
    /// The safetensors files, in name order.
    pub weight_files: Vec<PathBuf>,
    /// The MLX quantisation of `config.json`, where there is one.
    pub quantization: Option<Quantization>,
    weight_map: Option<BTreeMap<String, String>>,
}

impl Checkpoint {
    /// Reads the JSON files of `dir` and locates its weights.
    ///
    /// # Errors
    /// [`CheckpointError`] naming the file: missing, unreadable, malformed (with line
    /// and column), weights in another format, a missing shard.
    pub fn open(dir: &Path) -> Result<Self, CheckpointError> {
        let listing = list(dir)?;
        let config = Self::required_config(dir)?;
        let model_type = model_type(dir, &config)?;
        let optional = |name: &str| read_json_object(&dir.join(name));
        let processor_config = optional("processor_config.json")?;
        let image_processor = match optional("preprocessor_config.json")? {
            Some(settings) => Some(settings),
            None => processor_config.as_ref().and_then(|c| c.get("image_processor")).cloned(),
        };
        let weight_map = match optional(INDEX_FILE)? {
            Some(index) => Some(weight_files::weight_map(&dir.join(INDEX_FILE), &index)?),
            None => None,
        };
        let weight_files = select_weight_files(dir, &listing, weight_map.as_ref())?
            .into_iter()
            .map(|name| dir.join(name))
            .collect();
        Ok(Self {
            dir: dir.to_owned(),
            quantization: Quantization::from_config(&dir.join("config.json"), &config)?,
            config,
            model_type,
            generation_config: optional("generation_config.json")?,
            tokenizer_config: optional("tokenizer_config.json")?,
            processor_config,
            image_processor,
            weight_files,
            weight_map,
        })
    }

    fn required_config(dir: &Path) -> Result<Value, CheckpointError> {
        read_json_object(&dir.join("config.json"))?.ok_or_else(|| CheckpointError::MissingFile {
            dir: dir.to_owned(),
            file: "config.json".to_owned(),
            hint: "name a folder that holds a model in Hugging Face layout",
        })
    }

    /// Every tensor of the weight files as their validated headers declare them;
    /// [`TensorInfo::file`] is an index into [`Checkpoint::weight_files`].
    ///
    /// # Errors
    /// [`CheckpointError::Header`] naming file and tensor, or
    /// [`CheckpointError::IndexMismatch`] when the index contradicts the files.
    pub fn tensors(&self) -> Result<Vec<TensorInfo>, CheckpointError> {
        let tensors = read_headers(&self.weight_files)?;
        let Some(weight_map) = &self.weight_map else { return Ok(tensors) };
        let found: BTreeMap<&str, &Path> = tensors
            .iter()
            .filter_map(|t| Some((t.name.as_str(), self.weight_files.get(t.file)?.as_path())))
            .collect();
        for (tensor, shard) in weight_map {
            if found.get(tensor.as_str()).copied() != Some(self.dir.join(shard).as_path()) {
                return Err(CheckpointError::IndexMismatch {
                    index: self.dir.join(INDEX_FILE),
                    tensor: tensor.clone(),
                    shard: shard.clone(),
                });
            }
        }
        Ok(tensors)
    }

    /// The image processor's settings; `None` is noted in the log, since the family's
    /// published ones take their place.
    pub fn image_settings(&self) -> Option<&Value> {
        if self.image_processor.is_none() {
            tracing::info!(
                dir = %self.dir.display(),
                model_type = self.model_type,
                "checkpoint has no image processor settings, using those of the published models"
            );
        }
        self.image_processor.as_ref()
    }

    /// A special token of `tokenizer_config.json` such as `eos_token`, spelled as a
    /// string or as `{"content": …}`.
    pub fn special_token(&self, key: &str) -> Option<&str> {
        token_content(self.tokenizer_config.as_ref()?.get(key)?)
    }
}

/// The text of a token spelled `"…"` or `{"content": "…"}`.
pub fn token_content(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("content")?.as_str())
}

fn model_type(dir: &Path, config: &Value) -> Result<String, CheckpointError> {
    match config.get("model_type").and_then(Value::as_str) {
        Some(model_type) => Ok(model_type.to_owned()),
        None => Err(CheckpointError::Field {
            path: dir.join("config.json"),
            field: "model_type".to_owned(),
            message: "must be a string".to_owned(),
        }),
    }
}

fn list(dir: &Path) -> Result<BTreeSet<String>, CheckpointError> {
    let failed = |source| CheckpointError::Read { path: dir.to_owned(), source };
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        // A name that is not UTF-8 cannot be one of the names looked for.
        if let Ok(name) = entry.map_err(failed)?.file_name().into_string() {
            names.insert(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
pub(crate) mod tests;
