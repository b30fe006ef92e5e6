//! One answer of a script: when it is given, and what goes wrong over it.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde::Deserialize;

use super::{
    faults::{self, Crash},
    memory::Memory,
};
use crate::{
    memory::simulated::DeviceError,
    vlm::{Chat, Message, ModelError, Phase},
};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the script")]
pub(super) struct Answer {
    question: Option<String>,
    pub(super) at: Option<usize>,
    shown: Option<String>,
    image: Option<String>,
    history: Option<String>,
    pub(super) once: bool,
    echo: bool,
    text: String,
    empty: bool,
    pub(super) question_bytes: Option<u64>,
    pub(super) phase: Option<Phase>,
    pub(super) error: Option<String>,
    pub(super) image_error: Option<String>,
    pub(super) allocation_error: bool,
    pub(super) late_error: bool,
    pub(super) submissions_ignored: bool,
    panic: Option<String>,
    crash: Option<Crash>,
    noise: Option<String>,
    hang: bool,
    eats_bytes: usize,
    slow_ms: u64,
    /// The file that says that it was given once.
    #[serde(skip)]
    pub(super) marker: Option<PathBuf>,
}

impl Answer {
    /// One that says `text` and nothing goes wrong.
    pub(super) fn of(text: String) -> Self {
        Self { text, ..Self::default() }
    }

    /// Whether its conditions hold for `chat`.
    pub(super) fn belongs_to(&self, chat: &Chat) -> bool {
        let Some((last, earlier)) = chat.messages.split_last() else { return false };
        let shows = |message: &Message, part: &str| {
            message.images().any(|path| path.to_string_lossy().contains(part))
        };
        let holds = |part: &Option<String>, found: &dyn Fn(&str) -> bool| {
            part.as_ref().is_none_or(|part| found(part))
        };
        holds(&self.question, &|part| last.text().contains(part))
            && holds(&self.shown, &|part| shows(last, part))
            && holds(&self.image, &|part| chat.messages.iter().any(|it| shows(it, part)))
            && holds(&self.history, &|part| earlier.iter().any(|it| it.text().contains(part)))
    }

    /// Whether it may be given: one that is given once leaves a file behind that no worker
    /// makes twice.
    pub(super) fn claim(&self) -> Result<bool, ModelError> {
        let Some(marker) = &self.marker else { return Ok(true) };
        match fs::File::create_new(marker) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(unwritten(marker, &error)),
        }
    }

    /// What it says to the last turn of `chat`.
    pub(super) fn says(&self, chat: &Chat) -> String {
        match (self.empty, self.echo) {
            (true, _) => String::new(),
            (_, true) => chat.messages.last().map(Message::text).unwrap_or_default(),
            _ => self.text.clone(),
        }
    }

    /// When it goes wrong, if it does.
    pub(super) fn phase(&self) -> Phase {
        self.phase.unwrap_or(Phase::Prefill)
    }

    /// Does what it says of failing, if it says that of `phase`.
    pub(super) fn fail_in(&self, phase: Phase, memory: &Memory) -> Result<(), ModelError> {
        if phase != self.phase() {
            return Ok(());
        }
        self.misbehave();
        if self.late_error {
            memory.fail_late(DeviceError::OutOfMemory);
        }
        if self.submissions_ignored {
            memory.fail_late(DeviceError::SubmissionsIgnored);
        }
        if self.allocation_error {
            memory.run_out()?;
        }
        let image_error = self.image_error.clone().map(ModelError::Image);
        image_error.or_else(|| self.error.clone().map(ModelError::Compute)).map_or(Ok(()), Err)
    }

    /// What can go wrong at any time.
    pub(super) fn misbehave(&self) {
        if let Some(noise) = &self.noise {
            faults::print(noise);
        }
        thread::sleep(Duration::from_millis(self.slow_ms));
        faults::eat(self.eats_bytes);
        if let Some(crash) = self.crash {
            crash.happen();
        }
        if let Some(message) = &self.panic {
            faults::panic(message);
        }
        if self.hang {
            faults::hang();
        }
    }
}

fn unwritten(marker: &Path, error: &io::Error) -> ModelError {
    ModelError::Compute(format!("cannot make {} beside the script: {error}", marker.display()))
}
