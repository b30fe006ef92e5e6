//! A model that a name means: what is known of it and where it lies on this machine.

use std::path::PathBuf;

use super::{
    checkpoint_folder::{CheckpointFolder, check_built},
    hub::HubModel,
    hub_cache::commit_of_snapshot,
    manifest::{BackendKind, Manifest},
    registry_error::RegistryError,
};
use crate::{
    embedded::EmbeddedFolder,
    native::{
        nn::product::on_cpu,
        plan::{Form, PlannedModel, PlannedQuestion},
    },
    vlm::LoadOptions,
};

/// Where a model lies.
#[derive(Debug, Clone)]
pub enum Location {
    /// On this machine: a checkpoint folder, or a script.
    Present(PathBuf),
    /// In the program, to be unpacked.
    Embedded(EmbeddedFolder),
    /// Not here.
    Missing {
        /// How to get it.
        hint: String,
    },
}

/// A model that a name or path means.
#[derive(Debug, Clone)]
pub struct ResolvedModel {
    /// What is known of it.
    pub manifest: Manifest,
    /// Where it lies.
    pub location: Location,
}

impl ResolvedModel {
    /// The `model_type`: that of its config.json where it lies here, else the manifest's.
    pub fn model_type(&self) -> Option<String> {
        let folder = self.folder().map(|folder| folder.model_type);
        folder.or_else(|| self.manifest.model_type.clone())
    }

    /// Whether this program has code to run it.
    pub fn is_built(&self) -> bool {
        match self.manifest.backend {
            BackendKind::Scripted => true,
            BackendKind::Native => {
                self.model_type().is_none_or(|it| check_built(&self.manifest.name, &it).is_ok())
            }
        }
    }

    /// Size of all its files on this machine in bytes.
    pub fn size_on_disk(&self) -> Option<u64> {
        match &self.location {
            Location::Embedded(folder) => Some(size(folder, "")),
            Location::Present(_) | Location::Missing { .. } => {
                self.folder().map(|folder| folder.size_on_disk)
            }
        }
    }

    /// Size of its weights in bytes: on this machine if they are here, else as published.
    /// Models run heaviest first.
    pub fn weight_bytes(&self) -> Option<u64> {
        let here = match &self.location {
            Location::Embedded(folder) => Some(size(folder, ".safetensors")),
            Location::Present(_) | Location::Missing { .. } => {
                self.folder().map(|folder| folder.weight_bytes)
            }
        };
        here.or(self.manifest.weight_bytes)
    }

    /// The repository that it can be fetched from.
    pub fn hub_model(&self) -> Option<HubModel> {
        let repository = self.manifest.repository.clone()?;
        Some(HubModel { repository, revision: self.manifest.revision.clone() })
    }

    /// The commit that lies here, where a hub cache says it.
    pub fn commit(&self) -> Option<String> {
        match &self.location {
            Location::Present(path) => commit_of_snapshot(path),
            Location::Embedded(_) | Location::Missing { .. } => None,
        }
    }

    /// Estimate of the memory in bytes that it needs to answer a question about a photo: planned
    /// from its files where they lie here, else a quarter more than its weights; `None` where
    /// nothing is known of it.
    pub fn memory_bytes(&self) -> Option<u64> {
        let folder = match &self.location {
            Location::Present(path) => Some(path.clone()),
            Location::Embedded(folder) => folder.unpack().ok(),
            Location::Missing { .. } => None,
        };
        let planned = || {
            let (options, question) = (LoadOptions::default(), PlannedQuestion::default());
            let model = PlannedModel::open(&folder?, &options, on_cpu()).ok()?;
            let prompt = model.prompt(&question).ok()?;
            Some(model.bytes(&prompt, question.max_tokens, Form::Stored).peak_bytes)
        };
        planned().or_else(|| self.weight_bytes().map(|weights| weights.saturating_add(weights / 4)))
    }

    /// Makes sure that the model can be run and returns where it lies, unpacking it from
    /// the program if needed.
    ///
    /// # Errors
    /// [`RegistryError`] when it is not here, not built yet or not what its manifest says.
    pub fn ready(&self) -> Result<PathBuf, RegistryError> {
        if let (BackendKind::Native, Some(model_type)) =
            (self.manifest.backend, &self.manifest.model_type)
        {
            check_built(&self.manifest.name, model_type)?;
        }
        let path = match &self.location {
            Location::Present(path) => path.clone(),
            Location::Embedded(folder) => folder.unpack()?,
            Location::Missing { hint } => {
                let (model, hint) = (self.manifest.name.clone(), hint.clone());
                return Err(RegistryError::Missing { model, hint });
            }
        };
        if self.manifest.backend == BackendKind::Native {
            CheckpointFolder::open(&path)?.check(&self.manifest)?;
        }
        Ok(path)
    }

    fn folder(&self) -> Option<CheckpointFolder> {
        match &self.location {
            Location::Present(path) => CheckpointFolder::open(path).ok(),
            Location::Embedded(_) | Location::Missing { .. } => None,
        }
    }
}

fn size(folder: &EmbeddedFolder, suffix: &str) -> u64 {
    let files = folder.files.iter().filter(|(name, _)| name.ends_with(suffix));
    files.map(|(_, bytes)| bytes.len() as u64).sum()
}
