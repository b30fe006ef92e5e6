//! What a run's figures depend on besides the models: program, machine, data.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ResultsError;
use crate::sha256;

/// The version of mlx-rs this program is built with.
pub const MLX_RS_VERSION: &str = "0.33.0";

/// What a run's figures depend on besides the models. The MLX version, the
/// precision and the digests of prompt template and checkpoint stand beside each
/// model, an image's digest beside each question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of `vlm-test`.
    pub tool_version: String,
    /// Commit it was built from, if the build knew it.
    pub git_revision: Option<String>,
    /// Version of mlx-rs.
    pub mlx_rs_version: String,
    /// The command line, program name included.
    pub command: Vec<String>,
    /// Seed of the sampling of questions and of answers.
    pub seed: u64,
    /// The machine.
    pub machine: Machine,
    /// The questions.
    pub dataset: DatasetProvenance,
}

impl Provenance {
    /// This program on this machine, asked by `command` about `dataset`.
    pub fn collect(command: Vec<String>, seed: u64, dataset: DatasetProvenance) -> Self {
        Self {
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            git_revision: option_env!("VLM_TEST_GIT_REVISION").map(str::to_owned),
            mlx_rs_version: MLX_RS_VERSION.to_owned(),
            command,
            seed,
            machine: Machine::detect(),
            dataset,
        }
    }
}

/// The machine a run was made on. `None` is what the system does not tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name, e.g. `Apple M3 Max`.
    pub chip: Option<String>,
    /// Its architecture, e.g. `arm64`.
    pub architecture: String,
    /// Physical memory in bytes.
    pub memory_bytes: Option<u64>,
    /// The operating system's name.
    pub os: Option<String>,
    /// Its version.
    pub os_version: Option<String>,
}

impl Machine {
    /// Asks the system.
    pub fn detect() -> Self {
        use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};
        let what = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(what).ok();
        let chip = system.as_ref().and_then(|system| system.cpus().first());
        Self {
            chip: chip.map(|cpu| cpu.brand().trim().to_owned()).filter(|brand| !brand.is_empty()),
            architecture: System::cpu_arch(),
            memory_bytes: system.map(|system| system.total_memory()).filter(|bytes| *bytes > 0),
            os: System::name().ok(),
            os_version: System::os_version().ok(),
        }
    }
}

/// The questions a run drew from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetProvenance {
    /// The dataset's name.
    pub name: String,
    /// Its folder.
    pub root: String,
    /// The part of it, e.g. `test`.
    pub split: String,
    /// Questions that part holds.
    pub total_questions: usize,
    /// Questions chosen of them.
    pub selected_questions: usize,
    /// SHA-256 of the questions file.
    pub questions_sha256: Option<String>,
    /// SHA-256 of the annotations file.
    pub annotations_sha256: Option<String>,
}

/// SHA-256 of a file's content, in lower-case hex.
///
/// # Errors
/// [`ResultsError::Read`] naming the file.
pub fn sha256_file(path: &Path) -> Result<String, ResultsError> {
    sha256::of_file(path).map_err(ResultsError::read(path))
}

/// One SHA-256 for everything in a checkpoint folder that decides its answers:
/// over a line `<SHA-256 of the content>  <file name>` per file, sorted by name.
/// Counted are `*.safetensors`, `*.json`, `*.jinja`, `*.model` and `*.txt`.
///
/// A link into a Hugging Face `blobs` folder is named after its content's
/// SHA-256, so such a file is not read.
///
/// # Errors
/// [`ResultsError::Read`] naming the folder or the file.
pub fn checkpoint_digest(folder: &Path) -> Result<String, ResultsError> {
    let mut hasher = Sha256::new();
    for (name, path) in checkpoint_files(folder)? {
        let content = match blob_sha256(&path) {
            Some(digest) => digest,
            None => sha256_file(&path)?,
        };
        hasher.update(format!("{content}  {name}\n"));
    }
    Ok(sha256::hex(&hasher.finalize()))
}

fn checkpoint_files(folder: &Path) -> Result<Vec<(String, PathBuf)>, ResultsError> {
    let mut files = Vec::new();
    for item in folder.read_dir().map_err(ResultsError::read(folder))? {
        let path = item.map_err(ResultsError::read(folder))?.path();
        let kind = path.extension().and_then(|extension| extension.to_str());
        if matches!(kind, Some("safetensors" | "json" | "jinja" | "model" | "txt"))
            && !path.is_dir()
            && let Some(name) = path.file_name()
        {
            files.push((name.to_string_lossy().into_owned(), path));
        }
    }
    files.sort();
    Ok(files)
}

/// The digest in the target's name: `…/blobs/<64 hex digits>` is how the hub's
/// cache stores large files. Small ones carry a git hash and are read.
fn blob_sha256(path: &Path) -> Option<String> {
    let target = path.read_link().ok()?;
    let in_blobs = target.parent()?.file_name()? == "blobs";
    let name = target.file_name()?.to_str()?;
    let is_digest =
        name.len() == 64 && name.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
    // A dangling link must still be an error, and reading is what finds it.
    (in_blobs && is_digest && path.exists()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_named_mlx_rs_version_is_the_locked_one() {
        let lock = include_str!("../../Cargo.lock");
        let entry = format!("name = \"mlx-rs\"\nversion = \"{MLX_RS_VERSION}\"");
        assert!(lock.contains(&entry));
    }

    #[test]
    fn the_digest_of_a_file_is_its_sha256() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("abc");
        fs::write(&file, "abc").unwrap();
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_file(&file).unwrap(), known);
    }

    #[test]
    fn a_missing_file_is_named() {
        let message = sha256_file(Path::new("no/such/file")).unwrap_err().to_string();
        assert!(message.contains("no/such/file"), "{message}");
    }

    #[test]
    fn a_checkpoint_digest_follows_content_and_name_but_not_the_card() {
        let folder = tempfile::tempdir().unwrap();
        let digest = || checkpoint_digest(folder.path()).unwrap();
        fs::write(folder.path().join("config.json"), "{}").unwrap();
        fs::write(folder.path().join("model.safetensors"), "weights").unwrap();
        let first = digest();
        fs::write(folder.path().join("README.md"), "card").unwrap();
        assert_eq!(digest(), first);
        fs::write(folder.path().join("model.safetensors"), "Weights").unwrap();
        assert_ne!(digest(), first);
        fs::write(folder.path().join("model.safetensors"), "weights").unwrap();
        fs::rename(folder.path().join("config.json"), folder.path().join("other.json")).unwrap();
        assert_ne!(digest(), first);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_into_the_hub_cache_counts_as_the_content_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, hub) = (folder.path().join("plain"), folder.path().join("snapshots"));
        let blobs = folder.path().join("blobs");
        for made in [&plain, &hub, &blobs] {
            fs::create_dir(made).unwrap();
        }
        fs::write(plain.join("model.safetensors"), "weights").unwrap();
        let content = sha256_file(&plain.join("model.safetensors")).unwrap();
        // Other bytes behind the name show that they are not read.
        fs::write(blobs.join(&content), "not read").unwrap();
        let target = Path::new("../blobs").join(&content);
        std::os::unix::fs::symlink(target, hub.join("model.safetensors")).unwrap();
        assert_eq!(checkpoint_digest(&hub).unwrap(), checkpoint_digest(&plain).unwrap());
        fs::remove_file(blobs.join(content)).unwrap();
        assert!(checkpoint_digest(&hub).is_err());
    }

    #[test]
    fn the_machine_knows_its_architecture_and_memory() {
        let machine = Machine::detect();
        assert!(!machine.architecture.is_empty());
        assert!(machine.memory_bytes.is_some_and(|bytes| bytes > 1 << 28));
    }
}
