//! What can be told of a checkpoint folder without loading it: its `model_type`, its
//! size, and whether it is what a manifest says.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{BUILT_MODEL_TYPES, manifest::Manifest};

/// A folder in Hugging Face layout that holds a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointFolder {
    /// The folder.
    pub path: PathBuf,
    /// `model_type` of its config.json.
    pub model_type: String,
    /// Size of all its files in bytes.
    pub size_on_disk: u64,
    /// Size of its safetensors files in bytes.
    pub weight_bytes: u64,
}

/// Why a folder cannot be used as a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Nothing lies there, or it is no folder.
    #[error("{} is not a folder with a checkpoint", path.display())]
    NoFolder {
        /// Where it should be.
        path: PathBuf,
    },
    /// A file or the folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// config.json is missing.
    #[error("{} has no config.json: is it a checkpoint in Hugging Face layout?", path.display())]
    NoConfig {
        /// The folder.
        path: PathBuf,
    },
    /// config.json is not JSON or has no `model_type`.
    #[error("{} has no usable `model_type`: {source}", path.display())]
    Config {
        /// The config.json.
        path: PathBuf,
        /// What the parser says, with line and column.
        source: serde_json::Error,
    },
    /// There are no weights.
    #[error("{} holds no weights: no *.safetensors file, or empty ones (.bin, .gguf and .npz are not read); is its download complete?", path.display())]
    NoWeights {
        /// The folder.
        path: PathBuf,
    },
    /// config.json and manifest disagree.
    #[error(
        "{} says model_type '{found}', but the manifest of '{model}' expects '{expected}'",
        path.join("config.json").display()
    )]
    Contradiction {
        /// The folder.
        path: PathBuf,
        /// The manifest's name.
        model: String,
        /// What the manifest says.
        expected: String,
        /// What config.json says.
        found: String,
    },
    /// No code runs this family.
    #[error(
        "model_type '{model_type}' of '{model}' is not supported yet; supported: {}",
        BUILT_MODEL_TYPES.join(", ")
    )]
    NotBuilt {
        /// The model.
        model: String,
        /// Its family.
        model_type: String,
    },
}

#[derive(Deserialize)]
struct ModelType {
    model_type: String,
}

impl CheckpointFolder {
    /// Looks at the folder at `path`.
    ///
    /// # Errors
    /// [`CheckpointError`] when it is no folder, or config.json cannot be used.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        if !path.is_dir() {
            return Err(CheckpointError::NoFolder { path: path.to_owned() });
        }
        let model_type = read_model_type(path)?;
        let (size_on_disk, weight_bytes) = sizes(path)?;
        Ok(Self { path: path.to_owned(), model_type, size_on_disk, weight_bytes })
    }

    /// Checks that this is the checkpoint `manifest` describes, that it has weights and
    /// that its family is built.
    ///
    /// # Errors
    /// [`CheckpointError::Contradiction`], [`CheckpointError::NotBuilt`] or
    /// [`CheckpointError::NoWeights`].
    pub fn check(&self, manifest: &Manifest) -> Result<(), CheckpointError> {
        if let Some(expected) = manifest.model_type.as_ref().filter(|&it| *it != self.model_type) {
            return Err(CheckpointError::Contradiction {
                path: self.path.clone(),
                model: manifest.name.clone(),
                expected: expected.clone(),
                found: self.model_type.clone(),
            });
        }
        check_built(&manifest.name, &self.model_type)?;
        if self.weight_bytes == 0 {
            return Err(CheckpointError::NoWeights { path: self.path.clone() });
        }
        Ok(())
    }
}

/// Checks that code for `model_type` is part of this program.
///
/// # Errors
/// [`CheckpointError::NotBuilt`] lists what is.
pub fn check_built(model: &str, model_type: &str) -> Result<(), CheckpointError> {
    if BUILT_MODEL_TYPES.contains(&model_type) {
        return Ok(());
    }
    let (model, model_type) = (model.to_owned(), model_type.to_owned());
    Err(CheckpointError::NotBuilt { model, model_type })
}

fn read_model_type(folder: &Path) -> Result<String, CheckpointError> {
    let path = folder.join("config.json");
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(source) if source.kind() == io::ErrorKind::NotFound => {
            return Err(CheckpointError::NoConfig { path: folder.to_owned() });
        }
        Err(source) => return Err(CheckpointError::Read { path, source }),
    };
    match serde_json::from_slice::<ModelType>(&text) {
        Ok(config) => Ok(config.model_type),
        Err(source) => Err(CheckpointError::Config { path, source }),
    }
}

/// Bytes of all files, and of the weights among them. Links are followed: a hub cache
/// keeps its files elsewhere.
fn sizes(folder: &Path) -> Result<(u64, u64), CheckpointError> {
    let fail = |source| CheckpointError::Read { path: folder.to_owned(), source };
    let (mut all, mut weights) = (0, 0);
    for entry in fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.is_file() {
            all += metadata.len();
            let is_weights = path.extension().is_some_and(|extension| extension == "safetensors");
            weights += if is_weights { metadata.len() } else { 0 };
        }
    }
    Ok((all, weights))
}
