//! What can go wrong while results are written or read.

use std::{io, path::PathBuf};

/// Why results could not be kept or read. Every variant names the path.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// A folder of the run cannot be made or written.
    #[error("cannot write results into {path}: {source}; choose another folder with --output")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The chosen folder is in use by an earlier run.
    #[error("{path} already holds a run; choose another folder with --output")]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// The chosen folder holds other files.
    #[error("{path} is not empty; choose a new or an empty folder with --output")]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A file of the run cannot be written: a full disk, a read-only folder.
    #[error("cannot write {path}: {source}; what was recorded before stays valid")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The journal refused an earlier event, so later ones would leave a gap.
    #[error("{path} takes no more events after a failed write")]
    Closed {
        /// The journal.
        path: PathBuf,
    },
    /// A value does not fit into JSON.
    #[error("cannot express {what} as JSON: {source}")]
    Encode {
        /// What was to be written.
        what: &'static str,
        /// The encoder's reason.
        source: serde_json::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl ResultsError {
    /// For `map_err`: a [`ResultsError::Write`] of `path`.
    pub(crate) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }

    /// For `map_err`: a [`ResultsError::Read`] of `path`.
    pub(crate) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Read { path, source }
    }
}
