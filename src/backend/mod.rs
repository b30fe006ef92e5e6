//! Who answers: finds the model that a name means and opens it.

pub mod checkpoint_folder;
pub mod hub;
pub mod hub_cache;
pub mod manifest;
pub mod registry;
pub mod registry_error;
pub mod resolved;
pub mod scripted;

use std::path::Path;

use self::{
    checkpoint_folder::CheckpointFolder,
    manifest::{BackendKind, Manifest},
    scripted::{ScriptError, ScriptedModel},
};
use crate::{
    native::{LoadError, NativeModel},
    vlm::{LoadOptions, VisionLanguageModel},
};

pub use crate::native::models::MODEL_TYPES as BUILT_MODEL_TYPES;

/// A model ready to answer.
pub struct Opened {
    /// The model.
    pub model: Box<dyn VisionLanguageModel>,
    /// What is known of it now that it is open.
    pub info: ModelInfo,
}

/// What a run records of an opened model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelInfo {
    /// `model_type` of its config.json, or `scripted`.
    pub model_type: String,
    /// SHA-256 of the chat template.
    pub template_sha256: Option<String>,
    /// Precision of the weights, e.g. `bfloat16, 4-bit (group 64)`.
    pub precision: Option<String>,
}

/// Why a model cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder does not hold the checkpoint that the manifest describes.
    #[error(transparent)]
    Checkpoint(#[from] checkpoint_folder::CheckpointError),
    /// The script of a scripted model cannot be used.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The checkpoint cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Opens the model of `manifest` that lies at `path` (a checkpoint folder, or a script)
/// as `options` say and evaluates its weights. A scripted model has no options. Call in the process, and on the thread, that will ask it.
///
/// # Errors
/// [`OpenError`] says what is missing, contradictory or not built yet.
pub fn open(manifest: &Manifest, path: &Path, options: &LoadOptions) -> Result<Opened, OpenError> {
    match manifest.backend {
        BackendKind::Native => open_native(manifest, path, options),
        BackendKind::Scripted => {
            let model = Box::new(ScriptedModel::open(path)?);
            let info = ModelInfo { model_type: "scripted".to_owned(), ..ModelInfo::default() };
            Ok(Opened { model, info })
        }
    }
}

fn open_native(
    manifest: &Manifest,
    path: &Path,
    options: &LoadOptions,
) -> Result<Opened, OpenError> {
    let folder = CheckpointFolder::open(path)?;
    folder.check(manifest)?;
    let model = NativeModel::load(path, options)?;
    let info = ModelInfo {
        model_type: model.model_type().to_owned(),
        template_sha256: Some(model.template_sha256()),
        precision: Some(model.precision().to_owned()),
    };
    Ok(Opened { model: Box::new(model), info })
}
