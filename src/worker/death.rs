//! How a worker died: the cause, what it was doing, and the evidence for it.

mod cause;
mod last_words;

use std::{fmt, os::unix::process::ExitStatusExt, process::ExitStatus};

use serde::{Deserialize, Serialize};

use self::cause::Clues;
pub use self::cause::DeathCause;
pub(super) use self::last_words::LastWords;
use crate::{memory::MemorySample, vlm::Phase};

/// How a worker ended that should not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// What ended it, as far as that can be told.
    pub cause: DeathCause,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// The code it exited with.
    pub exit_code: Option<i32>,
    /// What it was doing when it was last heard of; `None` if it never said.
    pub phase: Option<Phase>,
    /// What the cause is told by, with the numbers of the last sample of its memory.
    pub evidence: String,
    /// The last lines it wrote; may be empty.
    pub detail: String,
}

/// The last that was heard of a worker.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LastSeen<'a> {
    /// What it was doing.
    pub(super) phase: Option<Phase>,
    /// Its memory, and how many seconds before its end that was.
    pub(super) sample: Option<(&'a MemorySample, f64)>,
}

impl Death {
    /// Of a worker that ended with `status` (`None`: unknown), when the system has killed
    /// `oom_kills` processes around it for want of memory since it was started.
    pub(super) fn new(
        status: Option<ExitStatus>,
        oom_kills: u64,
        seen: LastSeen<'_>,
        words: &LastWords,
    ) -> Self {
        let signal = status.and_then(|status| status.signal());
        let exit_code = status.and_then(|status| status.code());
        let sample = seen.sample.map(|(sample, _)| sample);
        let cause = Clues { signal, exit_code, oom_kills, sample, words }.cause();
        let kills = (oom_kills > 0).then(|| {
            format!(
                "the system's count of processes that it killed for want of memory rose by {oom_kills}"
            )
        });
        let last = seen
            .sample
            .map(|(sample, seconds)| format!("{seconds:.1} s before, {}", memory_numbers(sample)));
        let evidence: Vec<String> =
            [Some(ended_by(signal, exit_code)), kills, last].into_iter().flatten().collect();
        let evidence = evidence.join("; ");
        Self { cause, signal, exit_code, phase: seen.phase, evidence, detail: words.short() }
    }

    /// The cause and what the worker was doing, without the evidence.
    pub fn headline(&self) -> String {
        match self.phase {
            Some(phase) => format!("{} while {phase}", self.cause),
            None => self.cause.to_string(),
        }
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.headline(), self.evidence)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

fn ended_by(signal: Option<i32>, exit_code: Option<i32>) -> String {
    match (signal, exit_code) {
        (Some(signal), _) => format!("signal {signal}{}", name(signal)),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => "no exit status".to_owned(),
    }
}

fn name(signal: i32) -> &'static str {
    match signal {
        libc::SIGABRT => ", SIGABRT",
        libc::SIGBUS => ", SIGBUS",
        libc::SIGFPE => ", SIGFPE",
        libc::SIGILL => ", SIGILL",
        libc::SIGKILL => ", SIGKILL",
        libc::SIGSEGV => ", SIGSEGV",
        libc::SIGTERM => ", SIGTERM",
        libc::SIGTRAP => ", SIGTRAP",
        _ => "",
    }
}

/// What a sample says of how short memory is, after a time.
pub fn memory_numbers(sample: &MemorySample) -> String {
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    let used = format!(
        "{:.2} GB of its {:.2} GB were in use, level {}",
        gigabytes(sample.used_bytes()),
        gigabytes(sample.budget_bytes),
        sample.level
    );
    let Some(system) = sample.system else { return used };
    let (left, total) = (gigabytes(system.available_bytes), gigabytes(system.total_bytes));
    format!("{used}, {left:.2} GB of the system's {total:.2} GB available")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{MemoryReading, SystemMemory};

    #[test]
    fn a_death_is_put_into_words_with_the_numbers_of_the_last_sample() {
        let killed = ExitStatus::from_raw(libc::SIGKILL);
        let words = LastWords::new("loading\nAllocating tensors\n".to_owned(), String::new());
        let sample = MemorySample {
            allocator: MemoryReading { active_bytes: 900_000_000, ..MemoryReading::default() },
            budget_bytes: 2_000_000_000,
            system: Some(SystemMemory {
                total_bytes: 8_000_000_000,
                available_bytes: 500_000_000,
                ..SystemMemory::default()
            }),
            ..MemorySample::default()
        };
        let seen = LastSeen { phase: Some(Phase::Prefill), sample: Some((&sample, 0.42)) };
        let death = Death::new(Some(killed), 1, seen, &words);
        assert_eq!(
            death.to_string(),
            "out of memory while running the prompt (signal 9, SIGKILL; the system's count of \
             processes that it killed for want of memory rose by 1; 0.4 s before, \
             0.90 GB of its 2.00 GB were in use, level normal, 0.50 GB of the system's 8.00 GB \
             available): loading | Allocating tensors"
        );
        let silent = LastWords::new(String::new(), String::new());
        let exited = ExitStatus::from_raw(3 << 8);
        let death = Death::new(Some(exited), 0, LastSeen::default(), &silent);
        assert_eq!(death.to_string(), "exited (exit code 3)");
        let unknown = Death::new(None, 0, LastSeen::default(), &silent);
        assert_eq!(unknown.to_string(), "exited (no exit status)");
    }
}
