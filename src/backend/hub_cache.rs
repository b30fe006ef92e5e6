//! Where the `hf` tool and the Python libraries keep what they download.
//! Layout: <https://huggingface.co/docs/huggingface_hub/guides/manage-cache>.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::native::checkpoint::{Checkpoint, CheckpointError};

/// The Hugging Face caches of this machine, in order of preference. Nothing is fetched.
#[derive(Debug, Clone, Default)]
pub struct HubCache {
    roots: Vec<PathBuf>,
}

impl HubCache {
    /// The caches that the environment names (`HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`,
    /// `HF_HOME`, `XDG_CACHE_HOME`), then the one under the home folder.
    pub fn from_env() -> Self {
        let folder =
            |variable| env::var_os(variable).filter(|it| !it.is_empty()).map(PathBuf::from);
        let roots = [
            folder("HF_HUB_CACHE"),
            folder("HUGGINGFACE_HUB_CACHE"),
            folder("HF_HOME").map(|home| home.join("hub")),
            folder("XDG_CACHE_HOME").map(|cache| cache.join("huggingface/hub")),
            folder("HOME").map(|home| home.join(".cache/huggingface/hub")),
        ];
        Self { roots: roots.into_iter().flatten().collect() }
    }

    /// A single cache at `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { roots: vec![root.into()] }
    }

    /// The cache to download to.
    pub fn root(&self) -> Option<&Path> {
        self.roots.first().map(PathBuf::as_path)
    }

    /// The snapshot folder of `repository` (`owner/name`) at `revision` (a branch, tag or
    /// commit; `main` if `None`), if it holds a config.json and all of its weights.
    pub fn find(&self, repository: &str, revision: Option<&str>) -> Option<PathBuf> {
        let folder = folder_of(repository);
        let mut snapshots = self.roots.iter().filter_map(|root| {
            snapshot(&root.join(&folder), revision.unwrap_or("main"), revision.is_some())
        });
        snapshots.find(|snapshot| is_complete(snapshot))
    }
}

/// The name of the folder in which a cache keeps `repository`.
pub fn folder_of(repository: &str) -> String {
    format!("models--{}", repository.replace('/', "--"))
}

/// Whether no download was cut short here. What is wrong otherwise is told when the
/// checkpoint is opened.
fn is_complete(snapshot: &Path) -> bool {
    match Checkpoint::open(snapshot) {
        Ok(checkpoint) => checkpoint.weight_files.iter().all(|file| file.is_file()),
        Err(CheckpointError::MissingFile { .. } | CheckpointError::MissingShard { .. }) => false,
        Err(_) => snapshot.join("config.json").is_file(),
    }
}

fn snapshot(repository: &Path, revision: &str, pinned: bool) -> Option<PathBuf> {
    let snapshots = repository.join("snapshots");
    if let Ok(commit) = fs::read_to_string(repository.join("refs").join(revision)) {
        return Some(snapshots.join(commit.trim()));
    }
    let by_commit = snapshots.join(revision);
    if by_commit.is_dir() {
        return Some(by_commit);
    }
    // Downloaded by commit: any is as good as `main`, but only if there is no choice.
    let mut found = fs::read_dir(snapshots).ok()?.flatten().map(|entry| entry.path());
    found.next().filter(|_| !pinned && found.next().is_none())
}

/// The repository's name when `path` is a snapshot folder of a hub cache.
pub fn repository_of_snapshot(path: &Path) -> Option<String> {
    let folder = snapshots_of(path)?.parent()?.file_name()?.to_str()?.strip_prefix("models--")?;
    Some(folder.split_once("--").map_or(folder, |(_, name)| name).to_owned())
}

/// The commit when `path` is a snapshot folder of a hub cache.
pub fn commit_of_snapshot(path: &Path) -> Option<String> {
    snapshots_of(path)?;
    Some(path.file_name()?.to_str()?.to_owned())
}

fn snapshots_of(path: &Path) -> Option<&Path> {
    path.parent().filter(|parent| parent.ends_with("snapshots"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn put_checkpoint(root: &Path, commit: &str) {
        let snapshot = format!("models--org--vlm/snapshots/{commit}");
        put(root, &format!("{snapshot}/config.json"), r#"{"model_type": "smolvlm"}"#);
        put(root, &format!("{snapshot}/model.safetensors"), "");
    }

    #[test]
    fn a_branch_leads_to_its_snapshot_and_a_commit_to_itself() {
        let cache = tempfile::tempdir().unwrap();
        put(cache.path(), "models--org--vlm/refs/main", "abc123\n");
        put_checkpoint(cache.path(), "abc123");
        put_checkpoint(cache.path(), "def456");
        let hub = HubCache::at(cache.path());
        let snapshots = cache.path().join("models--org--vlm/snapshots");
        assert_eq!(hub.find("org/vlm", None), Some(snapshots.join("abc123")));
        assert_eq!(hub.find("org/vlm", Some("def456")), Some(snapshots.join("def456")));
        assert_eq!(hub.find("org/vlm", Some("v9")), None);
        assert_eq!(hub.find("org/other", None), None);
    }

    #[test]
    fn a_download_without_branch_counts_only_when_it_is_the_only_one() {
        let cache = tempfile::tempdir().unwrap();
        put(cache.path(), "models--org--vlm/snapshots/abc123/config.json", "{}");
        let hub = HubCache::at(cache.path());
        assert!(hub.find("org/vlm", None).is_some());
        assert!(hub.find("org/vlm", Some("v9")).is_none());
        put(cache.path(), "models--org--vlm/snapshots/def456/config.json", "{}");
        assert!(hub.find("org/vlm", None).is_none());
    }

    #[test]
    fn a_download_that_was_cut_short_is_not_there() {
        let cache = tempfile::tempdir().unwrap();
        let found = || HubCache::at(cache.path()).find("org/vlm", None);
        let snapshot = "models--org--vlm/snapshots/abc123";
        put(cache.path(), "models--org--vlm/refs/main", "abc123");
        put(cache.path(), &format!("{snapshot}/README.md"), "");
        assert_eq!(found(), None);
        put(cache.path(), &format!("{snapshot}/config.json"), r#"{"model_type": "smolvlm"}"#);
        assert_eq!(found(), None);
        put(cache.path(), &format!("{snapshot}/model-00001-of-00002.safetensors"), "");
        assert_eq!(found(), None);
        put(cache.path(), &format!("{snapshot}/model-00002-of-00002.safetensors"), "");
        assert_eq!(found(), Some(cache.path().join(snapshot)));
    }

    #[test]
    fn a_snapshot_is_named_after_its_repository() {
        let name = |path| repository_of_snapshot(Path::new(path));
        assert_eq!(name("/c/models--org--my--vlm/snapshots/abc").as_deref(), Some("my--vlm"));
        assert_eq!(name("/c/models/vlm"), None);
        let commit = |path| commit_of_snapshot(Path::new(path));
        assert_eq!(commit("/c/models--org--vlm/snapshots/abc").as_deref(), Some("abc"));
        assert_eq!(commit("/c/models/vlm"), None);
    }
}
