//! Who answers: finds the model that a name means and opens it.

pub mod checkpoint_folder;
pub mod footprint;
pub mod hub;
pub mod hub_cache;
pub mod manifest;
pub mod registry;
pub mod registry_error;
pub mod resolved;
pub mod scripted;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use self::{
    checkpoint_folder::CheckpointFolder,
    manifest::{BackendKind, Manifest},
    scripted::{ScriptError, ScriptedModel},
};
use crate::{
    memory::{Allocator, MachineSignals, MemoryError, MlxAllocator, ScriptedSignals, Signals},
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
    /// MLX does not answer.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The checkpoint cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// A model that was found and looked at. Nothing of it is in memory yet, but it is known who
/// owns the memory it will compute in.
#[derive(Debug)]
pub struct Prepared {
    weight_bytes: u64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Native { path: PathBuf, allocator: MlxAllocator },
    Scripted(Box<ScriptedModel>),
}

/// Finds the model of `manifest` that lies at `path` (a checkpoint folder, or a script). Call in
/// the process that will ask it.
///
/// # Errors
/// [`OpenError`] says what is missing, contradictory or not built yet.
pub fn prepare(manifest: &Manifest, path: &Path) -> Result<Prepared, OpenError> {
    match manifest.backend {
        BackendKind::Native => {
            let folder = CheckpointFolder::open(path)?;
            folder.check(manifest)?;
            let source = Source::Native { path: path.to_owned(), allocator: MlxAllocator::new()? };
            Ok(Prepared { weight_bytes: folder.weight_bytes, source })
        }
        BackendKind::Scripted => {
            let model = Box::new(ScriptedModel::read(path)?);
            Ok(Prepared { weight_bytes: model.weights_bytes(), source: Source::Scripted(model) })
        }
    }
}

impl Prepared {
    /// Whoever owns the memory it computes in, here or in this process at all.
    pub fn allocator(&self) -> Arc<dyn Allocator> {
        match &self.source {
            Source::Native { allocator, .. } => Arc::new(*allocator),
            Source::Scripted(model) => model.allocator(),
        }
    }

    /// Size of its weights as they are stored.
    pub fn weight_bytes(&self) -> u64 {
        self.weight_bytes
    }

    /// Who says how large the process is and how short the machine is of memory.
    pub fn signals(&self) -> Box<dyn Signals> {
        let steps = match &self.source {
            Source::Native { .. } => &[][..],
            Source::Scripted(model) => model.pressure(),
        };
        match steps {
            [] => Box::new(MachineSignals::new()),
            steps => Box::new(ScriptedSignals::new(steps.to_vec())),
        }
    }

    /// Opens it as `options` say and evaluates its weights. A scripted model has no options.
    /// Call on the thread that will ask it.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with its files.
    pub fn load(self, options: &LoadOptions) -> Result<Opened, OpenError> {
        match self.source {
            Source::Native { path, .. } => {
                let model = NativeModel::load(&path, options)?;
                let info = ModelInfo {
                    model_type: model.model_type().to_owned(),
                    template_sha256: Some(model.template_sha256()),
                    precision: Some(model.precision().to_owned()),
                };
                Ok(Opened { model: Box::new(model), info })
            }
            Source::Scripted(mut model) => {
                model.load()?;
                let info = ModelInfo { model_type: "scripted".to_owned(), ..ModelInfo::default() };
                Ok(Opened { model, info })
            }
        }
    }
}
