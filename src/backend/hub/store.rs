//! A repository's part of the Hugging Face cache, written as Python's `huggingface_hub`
//! writes it: contents in `blobs`, named by their hash; per commit a folder of links to
//! them in `snapshots`; branches and tags in `refs`; locks in `.locks`.
//! Layout: <https://huggingface.co/docs/huggingface_hub/guides/manage-cache>.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process,
};

use super::{HubError, checksum::Checksum, listing::RemoteFile};
use crate::backend::hub_cache::folder_of;

/// Where one repository is kept.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    locks: PathBuf,
}

impl Store {
    /// The store of `repository` in `cache`; nothing is created yet.
    pub fn new(cache: &Path, repository: &str) -> Self {
        let name = folder_of(repository);
        Self { locks: cache.join(".locks").join(&name), folder: cache.join(name) }
    }

    /// Where contents lie that were verified.
    pub fn blob(&self, checksum: &Checksum) -> PathBuf {
        self.folder.join("blobs").join(checksum.hex())
    }

    /// Where contents lie that are still arriving.
    pub fn partial(&self, checksum: &Checksum) -> PathBuf {
        self.folder.join("blobs").join(format!("{}.incomplete", checksum.hex()))
    }

    /// The folder of a commit.
    pub fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    /// Whether `file` of `commit` is here in full.
    pub fn holds(&self, commit: &str, file: &RemoteFile) -> bool {
        let is_whole =
            |path: &Path| fs::metadata(path).is_ok_and(|it| it.is_file() && it.len() == file.size);
        is_whole(&self.blob(&file.checksum)) || is_whole(&self.snapshot(commit).join(&file.name))
    }

    /// Bytes of `file` that are still to come.
    pub fn missing_bytes(&self, file: &RemoteFile) -> u64 {
        let here = fs::metadata(self.partial(&file.checksum)).map_or(0, |it| it.len());
        if here > file.size { file.size } else { file.size - here }
    }

    /// Bytes free to this user on the disk of the cache; `None` if the system does not say.
    pub fn free_bytes(&self) -> Option<u64> {
        let existing = self.folder.ancestors().find(|folder| folder.exists())?;
        let disk = rustix::fs::statvfs(existing).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Creates the folder for contents.
    ///
    /// # Errors
    /// [`HubError::Write`].
    pub fn create(&self) -> Result<(), HubError> {
        for folder in [self.folder.join("blobs"), self.locks.clone()] {
            fs::create_dir_all(&folder).map_err(|error| HubError::write(folder, error))?;
        }
        Ok(())
    }

    /// Keeps other processes, Python's included, from fetching the same contents until the
    /// file is dropped; `None` if one of them is at it now.
    ///
    /// # Errors
    /// [`HubError::Write`].
    pub fn lock(&self, checksum: &Checksum) -> Result<Option<File>, HubError> {
        let path = self.locks.join(format!("{}.lock", checksum.hex()));
        let opened = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = opened.map_err(|error| HubError::write(&path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            // A file system without locks: better without one than not at all.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                Ok(Some(lock))
            }
            Err(TryLockError::Error(error)) => Err(HubError::write(path, error)),
        }
    }

    /// Makes the verified `files` the snapshot of `commit`, in their order, and `revision` a
    /// name of it.
    ///
    /// # Errors
    /// [`HubError::Write`].
    pub fn register(
        &self,
        commit: &str,
        revision: &str,
        files: &[RemoteFile],
    ) -> Result<PathBuf, HubError> {
        let snapshot = self.snapshot(commit);
        fs::create_dir_all(&snapshot).map_err(|error| HubError::write(&snapshot, error))?;
        for file in files {
            let link = snapshot.join(&file.name);
            self.link(&link, file).map_err(|error| HubError::write(&link, error))?;
        }
        if revision != commit {
            let name = self.folder.join("refs").join(revision);
            write_whole(&name, commit).map_err(|error| HubError::write(&name, error))?;
        }
        Ok(snapshot)
    }

    fn link(&self, link: &Path, file: &RemoteFile) -> io::Result<()> {
        let target = Path::new("../../blobs").join(file.checksum.hex());
        if fs::read_link(link).is_ok_and(|it| it == target) {
            return Ok(());
        }
        let blob = self.blob(&file.checksum);
        if !blob.exists() {
            // It lies in the snapshot itself, see below.
            return Ok(());
        }
        match fs::remove_file(link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        match symlink(target, link) {
            Ok(()) => Ok(()),
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            // A file system without links, such as exFAT, holds the file itself.
            Err(_) => fs::rename(blob, link),
        }
    }
}

/// Writes `path` so that nobody reads half of it.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", process::id()));
    let aside = path.with_file_name(name);
    fs::write(&aside, text)?;
    fs::rename(aside, path)
}
