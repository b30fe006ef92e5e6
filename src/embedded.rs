//! Folders built into the program, unpacked into the user's cache when they are needed.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::sha256;

/// A folder whose files are part of the program.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddedFolder {
    /// Its name, unique in the program.
    pub name: &'static str,
    /// Its files: the path inside the folder, with `/`, and the contents.
    pub files: &'static [(&'static str, &'static [u8])],
}

include!(concat!(env!("OUT_DIR"), "/embedded_files.rs"));

/// The checkpoint of `smolvlm_tiny`.
pub const MODEL: EmbeddedFolder = EmbeddedFolder { name: "smolvlm_tiny", files: SMOLVLM_TINY };

/// The dataset `shapes`.
pub const DATASET: EmbeddedFolder = EmbeddedFolder { name: "shapes", files: SHAPES };

/// Why a built-in folder cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The user has no cache folder.
    #[error("no place to unpack {name}: set XDG_CACHE_HOME or HOME to a writable folder")]
    NoCache {
        /// The folder.
        name: &'static str,
    },
    /// Writing failed.
    #[error("cannot unpack {name} to {}: {source}", path.display())]
    Write {
        /// The folder.
        name: &'static str,
        /// Where to.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl EmbeddedFolder {
    /// Unpacks into the user's cache folder unless it is there already.
    ///
    /// # Errors
    /// [`EmbeddedError`] when there is no cache folder or it cannot be written.
    pub fn unpack(&self) -> Result<PathBuf, EmbeddedError> {
        let cache = user_cache().ok_or(EmbeddedError::NoCache { name: self.name })?;
        self.unpack_into(&cache)
    }

    /// Unpacks into `cache` unless it is there already, and returns the folder. Its name
    /// holds a digest of the files, so another version of the program has another one.
    /// It appears whole or not at all; one that was damaged since is replaced.
    ///
    /// # Errors
    /// [`EmbeddedError::Write`] when `cache` cannot be written.
    pub fn unpack_into(&self, cache: &Path) -> Result<PathBuf, EmbeddedError> {
        let target = cache.join(format!("{}-{}", self.name, &self.digest()[..16]));
        if self.is_whole(&target) {
            return Ok(target);
        }
        let fail = |source| EmbeddedError::Write { name: self.name, path: target.clone(), source };
        self.write_aside(cache, &target).map_err(fail)?;
        Ok(target)
    }

    /// SHA-256 over names, sizes and contents of the files, in hex.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (name, bytes) in self.files {
            hash.update(format!("{name}\0{}\0", bytes.len()));
            hash.update(bytes);
        }
        sha256::hex(&hash.finalize())
    }

    fn is_whole(&self, folder: &Path) -> bool {
        self.files.iter().all(|(name, bytes)| {
            fs::metadata(folder.join(name))
                .is_ok_and(|metadata| metadata.is_file() && metadata.len() == bytes.len() as u64)
        })
    }

    fn write_aside(&self, cache: &Path, target: &Path) -> io::Result<()> {
        fs::create_dir_all(cache)?;
        let aside = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(cache)?;
        let folder = aside.path().join("folder");
        fs::create_dir(&folder)?;
        for (name, bytes) in self.files {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, bytes)?;
        }
        // Whatever is damaged moves away, and is deleted with `aside`.
        if target.exists() && !self.is_whole(target) {
            let _ = fs::rename(target, aside.path().join("damaged"));
        }
        match fs::rename(&folder, target) {
            // Another process was faster.
            Err(_) if self.is_whole(target) => Ok(()),
            renamed => renamed,
        }
    }
}

/// Where this program may keep files that it can make again.
pub fn user_cache() -> Option<PathBuf> {
    let folder = |variable| env::var_os(variable).filter(|it| !it.is_empty()).map(PathBuf::from);
    let home_cache = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
    let cache = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|it| it.join(home_cache)));
    cache.map(|cache| cache.join("vlm-test"))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const FOLDER: EmbeddedFolder = EmbeddedFolder {
        name: "sample",
        files: &[("config.json", b"{}"), ("images/a.bin", &[0, 159, 146, 150]), ("empty", b"")],
    };

    fn assert_whole(folder: &Path) {
        for (name, bytes) in FOLDER.files {
            assert_eq!(fs::read(folder.join(name)).unwrap(), *bytes, "{name}");
        }
    }

    fn names(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn files_are_unpacked_once_and_nothing_else_is_left() {
        let cache = tempfile::tempdir().unwrap();
        let root = cache.path().join("not/there/yet");
        let folder = FOLDER.unpack_into(&root).unwrap();
        assert_whole(&folder);
        let written = fs::metadata(folder.join("config.json")).unwrap().modified().unwrap();
        assert_eq!(FOLDER.unpack_into(&root).unwrap(), folder);
        let again = fs::metadata(folder.join("config.json")).unwrap().modified().unwrap();
        assert_eq!(written, again);
        assert_eq!(names(&root), [folder]);
    }

    #[test]
    fn a_damaged_folder_is_replaced() {
        let cache = tempfile::tempdir().unwrap();
        let folder = FOLDER.unpack_into(cache.path()).unwrap();
        fs::write(folder.join("images/a.bin"), b"").unwrap();
        fs::remove_file(folder.join("config.json")).unwrap();
        assert_whole(&FOLDER.unpack_into(cache.path()).unwrap());
        assert_eq!(names(cache.path()), [folder]);
    }

    #[test]
    fn other_contents_go_to_another_folder() {
        let cache = tempfile::tempdir().unwrap();
        let other = EmbeddedFolder { name: "sample", files: &[("config.json", b"[]")] };
        let folders =
            [FOLDER.unpack_into(cache.path()).unwrap(), other.unpack_into(cache.path()).unwrap()];
        assert_ne!(folders[0], folders[1]);
        assert_whole(&folders[0]);
    }

    #[test]
    fn processes_that_unpack_at_once_all_find_it_whole() {
        let cache = tempfile::tempdir().unwrap();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        assert_whole(&FOLDER.unpack_into(cache.path()).unwrap());
                    }
                });
            }
        });
        assert_eq!(names(cache.path()).len(), 1);
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_named() {
        let cache = tempfile::tempdir().unwrap();
        let file = cache.path().join("file");
        fs::write(&file, "").unwrap();
        let error = FOLDER.unpack_into(&file).unwrap_err().to_string();
        assert!(error.contains("sample") && error.contains(file.to_str().unwrap()), "{error}");
    }
}
