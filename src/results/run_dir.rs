//! The folder of one run: where its journal, its report and its log lie.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Journal, ResultsError, RunReport,
    journal::{sync_folder_of, utc_now},
};

const EVENTS: &str = "events.jsonl";
const RESULTS: &str = "results.json";
const DEBUG_LOG: &str = "debug.log";
/// Where runs go unless a folder is named.
const DEFAULT_PARENT: &str = "results";

/// The folder of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes the folder of a new run of `suite` and proves that it can be written.
    ///
    /// `output` is that folder itself, which must be new or empty; without it, it
    /// is `results/<UTC time>-<suite>`, e.g. `results/2026-11-20T20-42-07Z-vqa`,
    /// with `-2`, `-3`, … behind it while that name is taken.
    ///
    /// # Errors
    /// [`ResultsError`] `Occupied` or `NotEmpty` if the folder is in use,
    /// `Folder` if it cannot be made or written.
    pub fn create(output: Option<&Path>, suite: &str) -> Result<Self, ResultsError> {
        let path = match output {
            Some(path) => chosen(path)?,
            None => fresh(Path::new(DEFAULT_PARENT), &file_name_time(&utc_now()), suite)?,
        };
        let probe = tempfile::tempfile_in(&path);
        probe.map_err(|source| ResultsError::Folder { path: path.clone(), source })?;
        Ok(Self { path })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its report, `results.json`.
    pub fn results_path(&self) -> PathBuf {
        self.path.join(RESULTS)
    }

    /// Its log for diagnosis, `debug.log`.
    pub fn debug_log_path(&self) -> PathBuf {
        self.path.join(DEBUG_LOG)
    }

    /// Its journal, `events.jsonl`.
    pub fn events_path(&self) -> PathBuf {
        self.path.join(EVENTS)
    }

    /// A folder for one of several runs inside it, which must not exist yet.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn part(&self, name: &str) -> Result<Self, ResultsError> {
        Self::create(Some(&self.path.join(name)), name)
    }

    /// Writes another file into it, whole or not at all.
    ///
    /// # Errors
    /// [`ResultsError::Write`] naming the file.
    pub fn write_file(&self, name: &str, content: &[u8]) -> Result<(), ResultsError> {
        let path = self.path.join(name);
        write_atomically(&path, content).map_err(ResultsError::write(path))
    }

    /// Begins the journal.
    ///
    /// # Errors
    /// As [`Journal::create`].
    pub fn create_journal(&self) -> Result<Journal, ResultsError> {
        Journal::create(self.events_path())
    }

    /// Writes `results.json`; a reader sees the old report or the new one, whole.
    ///
    /// # Errors
    /// [`ResultsError::Write`] naming the file; an earlier report is then untouched.
    pub fn write_results(&self, report: &RunReport) -> Result<(), ResultsError> {
        let path = self.results_path();
        let json = report.to_json()?;
        write_atomically(&path, json.as_bytes()).map_err(ResultsError::write(path))
    }
}

fn chosen(path: &Path) -> Result<PathBuf, ResultsError> {
    let folder_error = |source| ResultsError::Folder { path: path.to_owned(), source };
    fs::create_dir_all(path).map_err(folder_error)?;
    if path.join(EVENTS).exists() || path.join(RESULTS).exists() {
        return Err(ResultsError::Occupied { path: path.to_owned() });
    }
    match path.read_dir().map_err(folder_error)?.next() {
        None => Ok(path.to_owned()),
        Some(_) => Err(ResultsError::NotEmpty { path: path.to_owned() }),
    }
}

fn fresh(parent: &Path, time: &str, suite: &str) -> Result<PathBuf, ResultsError> {
    let folder_error = |path: &Path, source| ResultsError::Folder { path: path.to_owned(), source };
    fs::create_dir_all(parent).map_err(|source| folder_error(parent, source))?;
    let mut path = parent.join(format!("{time}-{suite}"));
    for number in 2_u64.. {
        match fs::create_dir(&path) {
            Ok(()) => break,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                path = parent.join(format!("{time}-{suite}-{number}"));
            }
            Err(source) => return Err(folder_error(&path, source)),
        }
    }
    Ok(path)
}

/// `2026-11-20T20:42:07.123Z` as `2026-11-20T20-42-07Z`: no colons, whole seconds.
fn file_name_time(time: &str) -> String {
    let seconds = time.split_once('.').map_or(time, |(seconds, _)| seconds);
    format!("{}Z", seconds.replace(':', "-"))
}

fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".results-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A temporary file is private; a report is as open as any other file.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    io::Write::write_all(&mut file, content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder_of(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_in_the_same_second_gets_its_own_folder() {
        let parent = tempfile::tempdir().unwrap();
        let time = file_name_time("2026-11-20T20:42:07.123Z");
        let names: Vec<_> = (0..3)
            .map(|_| fresh(parent.path(), &time, "vqa").unwrap())
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        let first = "2026-11-20T20-42-07Z-vqa";
        assert_eq!(names, [first.to_owned(), format!("{first}-2"), format!("{first}-3")]);
    }

    #[test]
    fn a_chosen_folder_may_be_new_or_empty() {
        let parent = tempfile::tempdir().unwrap();
        let new = parent.path().join("a/b");
        assert_eq!(RunDir::create(Some(&new), "vqa").unwrap().path(), new);
        assert!(RunDir::create(Some(&new), "vqa").is_ok());
        assert_eq!(new.read_dir().unwrap().count(), 0, "the probe leaves nothing behind");
    }

    #[test]
    fn a_folder_that_holds_a_run_or_other_files_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("letter.txt"), "").unwrap();
        let refused = RunDir::create(Some(folder.path()), "vqa").unwrap_err();
        assert!(matches!(refused, ResultsError::NotEmpty { .. }), "{refused}");
        fs::write(folder.path().join(EVENTS), "").unwrap();
        let refused = RunDir::create(Some(folder.path()), "vqa").unwrap_err();
        assert!(matches!(refused, ResultsError::Occupied { .. }), "{refused}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_naming_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let message = RunDir::create(Some(&file.join("run")), "vqa").unwrap_err().to_string();
        assert!(message.contains("file/run") && message.contains("--output"), "{message}");
    }

    #[test]
    fn an_atomic_write_replaces_the_old_file_and_leaves_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RESULTS);
        write_atomically(&path, b"old and longer").unwrap();
        write_atomically(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
