//! A script as it is written.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{answer::Answer, faults::Crash, loss::Loss, memory::MemoryScript};
use crate::{memory::PressureStep, vlm::Phase};

/// Why a script cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The file cannot be read.
    #[error("cannot read the script {}: {source}", path.display())]
    Read {
        /// The script.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not TOML, or has a field that does not exist.
    #[error("{} is not a script: {}", path.display(), source.to_string().trim_end())]
    Parse {
        /// The script.
        path: PathBuf,
        /// What the parser says, with line and column.
        source: Box<toml::de::Error>,
    },
    /// What it says of an answer cannot happen.
    #[error("{}: answer {number}: {problem}", path.display())]
    Answer {
        /// The script.
        path: PathBuf,
        /// Which answer, from 1.
        number: usize,
        /// What to change.
        problem: &'static str,
    },
    /// The script asks for this failure.
    #[error("{0}")]
    Load(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Script {
    pub(super) default: String,
    pub(super) load_error: Option<String>,
    pub(super) load_crash: Option<Crash>,
    pub(super) load_panic: Option<String>,
    pub(super) load_hang: bool,
    pub(super) loses: Option<Loss>,
    pub(super) memory: MemoryScript,
    pub(super) pressure: Vec<PressureStep>,
    pub(super) answer: Vec<Answer>,
}

impl Script {
    pub(super) fn read(path: &Path) -> Result<Self, ScriptError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ScriptError::Read { path: path.to_owned(), source })?;
        let mut script: Self = toml::from_str(&text).map_err(|source| ScriptError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        for (index, answer) in script.answer.iter_mut().enumerate() {
            let number = index + 1;
            if let Some(problem) = problem_of(answer, script.memory.remote) {
                return Err(ScriptError::Answer { path: path.to_owned(), number, problem });
            }
            if answer.once {
                let mut marker = path.as_os_str().to_owned();
                marker.push(format!(".once-{number}"));
                answer.marker = Some(PathBuf::from(marker));
            }
        }
        Ok(script)
    }
}

fn problem_of(answer: &Answer, remote: bool) -> Option<&'static str> {
    let memory = answer.allocation_error || answer.late_error || answer.submissions_ignored;
    let tells = answer.error.is_some() || answer.image_error.is_some();
    match answer.phase {
        Some(Phase::Idle) => Some("nothing happens while the phase is 'idle': name another"),
        Some(Phase::CleanUp) if memory || tells => {
            Some("a clean-up can only crash, hang, panic, be slow or make noise")
        }
        Some(Phase::CleanUp) if remote => {
            Some("a model with `remote = true` is not cleaned up: name another phase")
        }
        _ if remote && memory => {
            Some("a model with `remote = true` has no memory here that could fail: use `error`")
        }
        _ => None,
    }
}
