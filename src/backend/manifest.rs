//! A model under test, as its TOML manifest describes it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::hub::{HubModel, is_revision};

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The manifest.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not TOML, lacks a field or has one that does not exist.
    #[error("{} is not a model manifest: {}", path.display(), source.to_string().trim_end())]
    Parse {
        /// The manifest.
        path: PathBuf,
        /// What the parser says, with line and column.
        source: Box<toml::de::Error>,
    },
    /// Nothing says where the model lies.
    #[error(
        "{} names neither `path` nor `repository`: say where the model '{name}' lies",
        path.display()
    )]
    Nowhere {
        /// The manifest.
        path: PathBuf,
        /// The model.
        name: String,
    },
    /// The repository or its revision cannot exist.
    #[error("{}: {field} '{value}' must be {expected}", path.display())]
    Repository {
        /// The manifest.
        path: PathBuf,
        /// `repository` or `revision`.
        field: &'static str,
        /// What it says.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
}

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

impl BackendKind {
    /// Whether the model computes in this process's MLX.
    pub fn uses_mlx(self) -> bool {
        match self {
            Self::Native => true,
            Self::Scripted => false,
        }
    }
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
    /// The checkpoint folder or the script, relative to the manifest's own folder.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// Replaces the suite's prompt suffix for this model.
    #[serde(default)]
    pub prompt_suffix: Option<String>,
}

impl Manifest {
    /// A manifest for a checkpoint folder that has none.
    pub fn of_checkpoint(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            aliases: Vec::new(),
            description: String::new(),
            backend: BackendKind::Native,
            model_type: None,
            repository: None,
            revision: None,
            weight_bytes: None,
            path: None,
            prompt_suffix: None,
        }
    }

    /// Reads the manifest at `path`.
    ///
    /// # Errors
    /// [`ManifestError`] names the file, and the line of what is wrong in it.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ManifestError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Reads a manifest from `text`; `path` stands in the errors.
    ///
    /// # Errors
    /// [`ManifestError`] names the file, and the line of what is wrong in it.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text).map_err(|source| ManifestError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        if manifest.path.is_none() && manifest.repository.is_none() {
            return Err(ManifestError::Nowhere { path: path.to_owned(), name: manifest.name });
        }
        let wrong = |field, value: &String, expected| {
            let (path, value) = (path.to_owned(), value.clone());
            Err(ManifestError::Repository { path, field, value, expected })
        };
        match (&manifest.repository, &manifest.revision) {
            (Some(it), _) if it.contains('@') || HubModel::parse(it).is_none() => {
                wrong("repository", it, "owner/name")
            }
            (_, Some(it)) if !is_revision(it) => wrong("revision", it, "a branch, tag or commit"),
            _ => Ok(manifest),
        }
    }

    /// Whether `name` means this model.
    pub fn answers_to(&self, name: &str) -> bool {
        self.name == name || self.aliases.iter().any(|alias| alias == name)
    }
}
