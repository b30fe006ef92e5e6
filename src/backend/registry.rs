//! Which models are known: those built in, overlaid by the manifests of a `models`
//! folder; and where the model that a name or path means lies on this machine.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::{
    checkpoint_folder::{CheckpointError, CheckpointFolder},
    hub::HubModel,
    hub_cache::{HubCache, repository_of_snapshot},
    manifest::{Manifest, ManifestError},
};
use crate::embedded::{self, EmbeddedError, EmbeddedFolder};

pub use super::resolved::{Location, ResolvedModel};

/// The manifests that are part of the program, by file name.
const BUILT_IN: &[(&str, &str)] = &[
    ("llava.toml", include_str!("../../models/llava.toml")),
    ("llava15.toml", include_str!("../../models/llava15.toml")),
    ("phi35_vision.toml", include_str!("../../models/phi35_vision.toml")),
    ("smolvlm.toml", include_str!("../../models/smolvlm.toml")),
    ("smolvlm_256m.toml", include_str!("../../models/smolvlm_256m.toml")),
    ("smolvlm_2b.toml", include_str!("../../models/smolvlm_2b.toml")),
    ("smolvlm_tiny.toml", include_str!("../../models/smolvlm_tiny.toml")),
];

/// The checkpoints that are part of the program; `name` is the manifest's `path`.
const EMBEDDED: &[EmbeddedFolder] = &[embedded::MODEL];

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

#[derive(Debug, Clone)]
struct Entry {
    manifest: Manifest,
    /// The manifest's file; that of a built-in manifest is a bare name.
    file: PathBuf,
}

/// All known models.
#[derive(Debug)]
pub struct Registry {
    entries: Vec<Entry>,
    broken: Vec<(PathBuf, RegistryError)>,
    hub: HubCache,
    embedded: &'static [EmbeddedFolder],
}

impl Registry {
    /// The built-in models, overlaid by the nearest `models` folder at or above the
    /// current folder, overlaid by the folders that `VLM_TEST_MODELS` lists. Of those
    /// folders every `*.toml` directly inside is a manifest.
    ///
    /// # Errors
    /// Only for a mistake in the program itself; what is wrong in a folder is found in
    /// [`Registry::broken`], and under the name of the file.
    pub fn load() -> Result<Self, RegistryError> {
        let mut registry = Self::built_in(HubCache::from_env(), EMBEDDED)?;
        let near = env::current_dir().ok().and_then(|folder| models_folder_above(&folder));
        let listed = env::var_os("VLM_TEST_MODELS").unwrap_or_default();
        let listed = env::split_paths(&listed).filter(|path| !path.as_os_str().is_empty());
        near.into_iter().chain(listed).for_each(|folder| registry.overlay(&folder));
        Ok(registry)
    }

    fn built_in(hub: HubCache, embedded: &'static [EmbeddedFolder]) -> Result<Self, RegistryError> {
        let entry = |(name, text): &(&str, &str)| {
            let file = PathBuf::from(name);
            Ok(Entry { manifest: Manifest::parse(text, &file)?, file })
        };
        let entries = BUILT_IN.iter().map(entry).collect::<Result<_, ManifestError>>()?;
        Ok(Self { entries, broken: Vec::new(), hub, embedded })
    }

    /// Adds the manifests of `folder`; they replace those of the same name.
    fn overlay(&mut self, folder: &Path) {
        let mut files: Vec<PathBuf> =
            fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path()).collect();
        files.retain(|path| path.extension().is_some_and(|it| it == "toml") && path.is_file());
        files.sort();
        let mut added: Vec<Entry> = Vec::new();
        for file in files {
            let read = Manifest::read(&file).map_err(RegistryError::from);
            match read.and_then(|manifest| unclaimed(&added, manifest, &file)) {
                Ok(manifest) => added.push(Entry { manifest, file }),
                Err(error) => {
                    tracing::warn!(%error, "manifest left out");
                    self.broken.push((file, error));
                }
            }
        }
        self.entries.retain(|old| added.iter().all(|new| new.manifest.name != old.manifest.name));
        self.entries.extend(added);
        self.entries.sort_by(|a, b| a.manifest.name.cmp(&b.manifest.name));
    }

    /// All models, by name.
    pub fn models(&self) -> impl Iterator<Item = ResolvedModel> {
        self.entries.iter().map(|entry| self.locate(entry))
    }

    /// What is wrong with manifests that were left out.
    pub fn broken(&self) -> impl Iterator<Item = &RegistryError> {
        self.broken.iter().map(|(_, error)| error)
    }

    /// The model called `name_or_path`, or the checkpoint folder or manifest that lies
    /// there, or the repository `owner/name[@revision]` of the hub. A name goes before a path,
    /// and a path before a repository; `./name` is always a path.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`] with the nearest name, or what is wrong at the path.
    pub fn resolve(&self, name_or_path: &str) -> Result<ResolvedModel, RegistryError> {
        self.left_out(name_or_path)?;
        let by_name = |entry: &&Entry| entry.manifest.name == name_or_path;
        let by_alias = |entry: &&Entry| entry.manifest.answers_to(name_or_path);
        let entries = || self.entries.iter();
        if let Some(entry) = entries().find(by_name).or_else(|| entries().rfind(by_alias)) {
            return Ok(self.locate(entry));
        }
        let path = Path::new(name_or_path);
        if path.is_dir() {
            return checkpoint_at(path);
        }
        if path.is_file() || path.extension().is_some_and(|extension| extension == "toml") {
            let entry = Entry { manifest: Manifest::read(path)?, file: path.to_owned() };
            return Ok(self.locate(&entry));
        }
        match HubModel::parse(name_or_path) {
            Some(model) if !is_in_a_folder(path) => Ok(self.of_hub(model)),
            _ => Err(self.unknown(name_or_path)),
        }
    }

    /// A repository that no manifest describes.
    fn of_hub(&self, model: HubModel) -> ResolvedModel {
        let name = model.repository.rsplit('/').next().unwrap_or_default();
        let mut manifest = Manifest::of_checkpoint(name);
        manifest.revision = model.revision;
        manifest.repository = Some(model.repository);
        let location = self.location(&manifest, Path::new(""));
        ResolvedModel { manifest, location }
    }

    /// A manifest that was left out must not be replaced in silence by a built-in one.
    fn left_out(&self, name: &str) -> Result<(), RegistryError> {
        let files = self.broken.iter().map(|(file, _)| file);
        for file in files.filter(|file| file.file_stem().is_some_and(|stem| stem == name)) {
            // Reading it again gives an error of our own to hand out.
            Manifest::read(file)?;
        }
        Ok(())
    }

    fn unknown(&self, name: &str) -> RegistryError {
        if name.contains('/') {
            return CheckpointError::NoFolder { path: name.into() }.into();
        }
        let manifests = || self.entries.iter().map(|entry| &entry.manifest);
        let names = manifests().flat_map(|it| it.aliases.iter().chain([&it.name]));
        let distance = |known: &&String| strsim::damerau_levenshtein(known, name);
        let nearest = names.min_by_key(distance).filter(|known| distance(known) <= name.len() / 3);
        let known = manifests().map(|it| it.name.clone()).collect();
        RegistryError::Unknown { name: name.to_owned(), suggestion: nearest.cloned(), known }
    }

    fn locate(&self, entry: &Entry) -> ResolvedModel {
        let manifest = entry.manifest.clone();
        let location = self.location(&manifest, &entry.file);
        ResolvedModel { manifest, location }
    }

    fn how_to_get(&self, manifest: &Manifest, beside: Option<PathBuf>) -> String {
        let Some(repository) = &manifest.repository else {
            let place = beside.or_else(|| manifest.path.clone()).unwrap_or_default();
            return format!("expected at {}", place.display());
        };
        let revision = manifest.revision.as_ref().map(|it| format!("@{it}")).unwrap_or_default();
        let is_known = self.entries.iter().any(|entry| entry.manifest.name == manifest.name);
        let name = if is_known { manifest.name.clone() } else { format!("{repository}{revision}") };
        format!("get them with `vlm-test models pull {name}`")
    }

    fn location(&self, manifest: &Manifest, file: &Path) -> Location {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let beside = manifest.path.as_ref().and_then(|path| Some(folder?.join(path)));
        let embedded = self
            .embedded
            .iter()
            .find(|it| manifest.path.as_deref().is_some_and(|path| path == Path::new(it.name)));
        let downloaded =
            || self.hub.find(manifest.repository.as_ref()?, manifest.revision.as_deref());
        match beside {
            Some(beside) if beside.exists() => Location::Present(beside),
            beside => match embedded {
                Some(folder) => Location::Embedded(*folder),
                None => downloaded().map_or_else(
                    || Location::Missing { hint: self.how_to_get(manifest, beside) },
                    Location::Present,
                ),
            },
        }
    }
}

/// Whether what is missing is rather a file of the user's than a repository.
fn is_in_a_folder(path: &Path) -> bool {
    path.parent().is_some_and(|folder| !folder.as_os_str().is_empty() && folder.is_dir())
}

/// `manifest`, unless one of `added` has its name or an alias of it.
fn unclaimed(added: &[Entry], manifest: Manifest, file: &Path) -> Result<Manifest, RegistryError> {
    for name in manifest.aliases.iter().chain([&manifest.name]) {
        if let Some(first) = added.iter().find(|entry| entry.manifest.answers_to(name)) {
            let (first, second) = (first.file.clone(), file.to_owned());
            return Err(RegistryError::Duplicate { name: name.clone(), first, second });
        }
    }
    Ok(manifest)
}

fn models_folder_above(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|ancestor| ancestor.join("models")).find(|models| models.is_dir())
}

fn checkpoint_at(path: &Path) -> Result<ResolvedModel, RegistryError> {
    CheckpointFolder::open(path)?;
    let name = repository_of_snapshot(path).or_else(|| {
        let whole = path.canonicalize().ok()?;
        whole.file_name().map(|name| name.to_string_lossy().into_owned())
    });
    let manifest = Manifest::of_checkpoint(name.unwrap_or_else(|| path.display().to_string()));
    Ok(ResolvedModel { manifest, location: Location::Present(path.to_owned()) })
}

#[cfg(test)]
mod tests;
