//! A model under test, as its TOML manifest describes it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What answers for a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackendKind {
    /// A checkpoint, run on MLX in the worker.
    #[default]
    Native,
    /// Canned answers and faults, for tests of everything around a model.
    Scripted,
}

/// One model under test. Every field of the TOML is consumed or is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The name used on the command line.
    pub name: String,
    /// Other names that mean the same model.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// One line for people.
    #[serde(default)]
    pub description: String,
    /// What answers.
    #[serde(default)]
    pub backend: BackendKind,
    /// The `model_type` expected in config.json (native only).
    #[serde(default)]
    pub model_type: Option<String>,
    /// The published repository, `owner/name`.
    #[serde(default)]
    pub repository: Option<String>,
    /// Branch, tag or commit of the repository.
    #[serde(default)]
    pub revision: Option<String>,
    /// Size of the published weights in bytes, where known.
    #[serde(default)]
    pub weight_bytes: Option<u64>,
    /// The checkpoint folder or scripted file, relative to the manifest's own folder.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// Replaces the suite's prompt suffix for this model.
    #[serde(default)]
    pub prompt_suffix: Option<String>,
}
