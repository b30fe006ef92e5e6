//! Which files of a folder make up a split: as its `dataset.toml` says, or as
//! the VQA v2 and COCO files are named where they are published.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::error::DatasetError;

/// The file that describes a dataset.
const MANIFEST: &str = "dataset.toml";

/// Published splits, the one to prefer first, and whether its answers are published.
const PUBLISHED: [(&str, bool); 4] =
    [("val2014", true), ("train2014", true), ("test-dev2015", false), ("test2015", false)];

/// Folders, relative to the dataset's, that may hold the published JSON files.
const JSON_FOLDERS: [&str; 5] = ["", "questions", "annotations", "Questions", "Annotations"];

/// The files of one split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) license: Option<String>,
    pub(super) split: String,
    pub(super) available_splits: Vec<String>,
    pub(super) questions: PathBuf,
    pub(super) annotations: Option<PathBuf>,
    /// Existing folders to look for images in, in this order; never empty.
    pub(super) images: Vec<PathBuf>,
}

impl Source {
    /// The files of `split`, or of the default split, in `root`.
    ///
    /// # Errors
    /// Nothing known in the folder, no such split, an invalid `dataset.toml`, or
    /// a file that the split needs and that is missing.
    pub(super) fn open(root: &Path, split: Option<&str>) -> Result<Self, DatasetError> {
        if !root.is_dir() {
            return Err(DatasetError::NotAFolder(root.to_path_buf()));
        }
        let source = if root.join(MANIFEST).is_file() {
            described(root, split)?
        } else {
            published(root, split)?
        };
        source.check()
    }

    /// Every file is there; the questions and annotations are files.
    fn check(self) -> Result<Self, DatasetError> {
        let missing = |what, path: &Path| {
            let (split, path) = (self.split.clone(), path.to_path_buf());
            Err(DatasetError::Missing { what, split, path })
        };
        if !self.questions.is_file() {
            return missing("questions file", &self.questions);
        }
        if let Some(path) = self.annotations.as_deref().filter(|path| !path.is_file()) {
            return missing("annotations file", path);
        }
        if let Some(path) = self.images.iter().find(|path| !path.is_dir()) {
            return missing("image folder", path);
        }
        Ok(self)
    }
}

/// Whether `dir` looks like a dataset: described, or with published files.
pub(super) fn is_dataset(dir: &Path) -> bool {
    dir.join(MANIFEST).is_file() || !published_splits(dir).is_empty()
}

/// A `dataset.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: String,
    #[serde(default)]
    description: String,
    license: Option<String>,
    #[expect(dead_code, reason = "checked by being parsed: there is one format")]
    format: Format,
    #[serde(default = "default_split")]
    default_split: String,
    splits: BTreeMap<String, Split>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    VqaV2,
}

/// Paths of one split, relative to the dataset's folder.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Split {
    questions: PathBuf,
    annotations: Option<PathBuf>,
    images: PathBuf,
    #[expect(dead_code, reason = "a note for people: what the split was generated from")]
    seed: Option<u64>,
}

fn default_split() -> String {
    "test".to_owned()
}

fn described(root: &Path, split: Option<&str>) -> Result<Source, DatasetError> {
    let path = root.join(MANIFEST);
    let text = fs::read_to_string(&path).map_err(DatasetError::read(&path))?;
    let manifest: Manifest = toml::from_str(&text).map_err(|error| DatasetError::Manifest {
        path,
        message: error.to_string().trim_end().to_owned(),
    })?;
    let available: Vec<_> = manifest.splits.keys().cloned().collect();
    let wanted = split.unwrap_or(&manifest.default_split);
    let files =
        manifest.splits.get(wanted).ok_or_else(|| unknown_split(root, wanted, &available))?;
    Ok(Source {
        split: wanted.to_owned(),
        available_splits: available,
        questions: root.join(&files.questions),
        annotations: files.annotations.as_ref().map(|path| root.join(path)),
        images: vec![root.join(&files.images)],
        name: manifest.name,
        description: manifest.description,
        license: manifest.license,
    })
}

fn published(root: &Path, split: Option<&str>) -> Result<Source, DatasetError> {
    let available = published_splits(root);
    let default =
        available.first().ok_or_else(|| DatasetError::NothingInFolder(root.to_path_buf()))?;
    let wanted = split.unwrap_or(default);
    let known = PUBLISHED.iter().find(|(name, _)| *name == wanted && available.contains(name));
    let names: Vec<_> = available.iter().map(|&name| name.to_owned()).collect();
    let &(wanted, annotated) = known.ok_or_else(|| unknown_split(root, wanted, &names))?;
    let annotations = format!("v2_mscoco_{wanted}_annotations.json");
    Ok(Source {
        name: folder_name(root),
        description: String::new(),
        license: None,
        split: wanted.to_owned(),
        available_splits: names,
        questions: json_file(root, &questions_name(wanted)),
        annotations: annotated.then(|| json_file(root, &annotations)),
        images: image_folders(root, wanted),
    })
}

/// Splits whose published questions file is in `root`, the one to prefer first.
fn published_splits(root: &Path) -> Vec<&'static str> {
    let here = |split: &str| json_file(root, &questions_name(split)).is_file();
    PUBLISHED.iter().map(|(split, _)| *split).filter(|split| here(split)).collect()
}

fn questions_name(split: &str) -> String {
    format!("v2_OpenEnded_mscoco_{split}_questions.json")
}

/// Where the published file `name` is, or belongs: the folder itself.
fn json_file(root: &Path, name: &str) -> PathBuf {
    let mut places = JSON_FOLDERS.iter().map(|folder| root.join(folder).join(name));
    places.find(|path| path.is_file()).unwrap_or_else(|| root.join(name))
}

/// Existing folders that may hold the images of `split`, the dataset's own last.
fn image_folders(root: &Path, split: &str) -> Vec<PathBuf> {
    // The images of test-dev2015 are those of test2015.
    let folder = split.replace("-dev", "");
    let under = ["", "images", "images/mscoco", "Images/mscoco", "Images"];
    let mut places: Vec<_> = under.iter().map(|place| root.join(place).join(&folder)).collect();
    places.push(root.join("images"));
    places.push(root.to_path_buf());
    places.retain(|place| place.is_dir());
    places
}

fn folder_name(root: &Path) -> String {
    let full = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    full.file_name().unwrap_or(full.as_os_str()).to_string_lossy().into_owned()
}

fn unknown_split(root: &Path, split: &str, available: &[String]) -> DatasetError {
    DatasetError::UnknownSplit {
        root: root.to_path_buf(),
        split: split.to_owned(),
        available: available.to_vec(),
    }
}
