//! What can be wrong with a model that was asked for by name.

use std::path::PathBuf;

use super::{checkpoint_folder::CheckpointError, manifest::ManifestError};
use crate::embedded::EmbeddedError;

/// Why a name leads to no model that can be run.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No model has this name, and nothing lies at such a path.
    #[error("no model is called '{name}'{}; known: {}", hint(suggestion.as_deref()), known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The nearest name, if one is near.
        suggestion: Option<String>,
        /// All names.
        known: Vec<String>,
    },
    /// Its weights are not on this machine.
    #[error("the weights of '{model}' are not on this machine: {hint}")]
    Missing {
        /// The model.
        model: String,
        /// How to get them.
        hint: String,
    },
    /// Its manifest cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Two manifests of one folder claim a name.
    #[error("{} calls its model '{name}', as {} does already", second.display(), first.display())]
    Duplicate {
        /// The name or alias.
        name: String,
        /// Who has it.
        first: PathBuf,
        /// Who wants it.
        second: PathBuf,
    },
    /// Its folder is not the checkpoint that it should be.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// It is part of the program, but cannot be unpacked.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion.map(|name| format!(" (did you mean '{name}'?)")).unwrap_or_default()
}
