//! What ends a command, and the exit status that says so.

use crate::{
    backend::{checkpoint_folder::CheckpointError, hub::HubError, registry::RegistryError},
    dataset::DatasetError,
    report::Problem,
    results::ResultsError,
    worker::StartError,
};

/// Exit statuses of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// Everything asked was answered.
    Pass = 0,
    /// A question has no answer.
    Failed = 1,
    /// The command line, or what it names, is wrong.
    Usage = 2,
    /// A model or the results could not be used.
    CouldNotTest = 3,
    /// A mistake of this program.
    Internal = 70,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
}

/// A command that cannot go on.
#[derive(Debug)]
pub struct CommandError {
    /// The exit status.
    pub status: ExitStatus,
    /// What to tell the user.
    pub problem: Problem,
}

impl CommandError {
    /// An error with this status.
    pub fn new(status: ExitStatus, error: impl std::fmt::Display) -> Self {
        Self { status, problem: Problem::new(error.to_string()) }
    }

    /// Wrong usage.
    pub fn usage(error: impl std::fmt::Display) -> Self {
        Self::new(ExitStatus::Usage, error)
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.problem = self.problem.hint(hint);
        self
    }
}

impl From<RegistryError> for CommandError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Unknown { .. } => Self::usage(error)
                .hint("`vlm-test models` lists them; a folder with a checkpoint works as well"),
            RegistryError::Manifest(_)
            | RegistryError::Duplicate { .. }
            | RegistryError::Checkpoint(CheckpointError::NoFolder { .. }) => Self::usage(error),
            RegistryError::Missing { .. }
            | RegistryError::Checkpoint(_)
            | RegistryError::Embedded(_) => Self::new(ExitStatus::CouldNotTest, error),
        }
    }
}

impl From<HubError> for CommandError {
    fn from(error: HubError) -> Self {
        let status = match error {
            HubError::Interrupted => ExitStatus::Interrupted,
            HubError::Setting { .. } => ExitStatus::Usage,
            _ => ExitStatus::CouldNotTest,
        };
        Self::new(status, error)
    }
}

impl From<DatasetError> for CommandError {
    fn from(error: DatasetError) -> Self {
        Self::usage(error)
    }
}

impl From<ResultsError> for CommandError {
    fn from(error: ResultsError) -> Self {
        let status = match error {
            ResultsError::Folder { .. }
            | ResultsError::Occupied { .. }
            | ResultsError::NotEmpty { .. } => ExitStatus::Usage,
            ResultsError::Encode { .. } => ExitStatus::Internal,
            _ => ExitStatus::CouldNotTest,
        };
        Self::new(status, error)
    }
}

impl From<StartError> for CommandError {
    fn from(error: StartError) -> Self {
        let status = match error {
            StartError::Interrupted => ExitStatus::Interrupted,
            _ => ExitStatus::CouldNotTest,
        };
        Self::new(status, error)
    }
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        Self::new(ExitStatus::CouldNotTest, format!("cannot write to standard output: {error}"))
    }
}
