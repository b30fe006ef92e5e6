//! What ended a worker, told by how it ended and what was last known of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::LastWords;
use crate::memory::{MemorySample, SystemPressure};

/// What ended a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeathCause {
    /// The system killed it because memory was short, and says so.
    OutOfMemory,
    /// It died the way a process does when memory is short, and memory was short.
    OutOfMemorySuspected,
    /// Somebody else ended it with a signal.
    Killed,
    /// It gave itself up: an uncaught exception, a failed assertion.
    Aborted,
    /// It gave itself up because it was refused memory.
    AllocationFailed,
    /// It touched memory that is not its own. MLX's CPU build ends so too when it is refused
    /// memory.
    SegmentationFault,
    /// A panic of the program or the model.
    Panicked,
    /// It ended with an exit code that means nothing to the runner.
    Exited,
    /// MLX's C library ended it over an error that nothing was there to take.
    HandlerMissing,
    /// It was ended because its time was up.
    Hung,
    /// It ended in order to be replaced.
    RestartWanted,
}

impl DeathCause {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::OutOfMemory,
        Self::OutOfMemorySuspected,
        Self::Killed,
        Self::Aborted,
        Self::AllocationFailed,
        Self::SegmentationFault,
        Self::Panicked,
        Self::Exited,
        Self::HandlerMissing,
        Self::Hung,
        Self::RestartWanted,
    ];

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::OutOfMemory => "out of memory",
            Self::OutOfMemorySuspected => "probably out of memory",
            Self::Killed => "killed from outside",
            Self::Aborted => "aborted",
            Self::AllocationFailed => "refused memory",
            Self::SegmentationFault => "segmentation fault",
            Self::Panicked => "panicked",
            Self::Exited => "exited",
            Self::HandlerMissing => "ended by MLX over an unhandled error",
            Self::Hung => "hung",
            Self::RestartWanted => "asked to be replaced",
        }
    }

    /// Whether it ended for want of memory, so that a fresh worker may fare better.
    pub fn is_memory(self) -> bool {
        matches!(self, Self::OutOfMemory | Self::OutOfMemorySuspected | Self::AllocationFailed)
    }
}

impl fmt::Display for DeathCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What Rust's runtime exits with after a panic of the main thread.
const PANICKED: i32 = 101;
/// `EX_TEMPFAIL`: a worker that wants to be replaced.
const RESTART_WANTED: i32 = 75;
/// `exit(-1)`, as MLX's C library ends a process whose error handler is not set.
const UNHANDLED: i32 = 255;
/// Above this share of its budget a process is about to be killed.
const NEARLY_FULL: f64 = 0.9;

/// All that the cause is told by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clues<'a> {
    pub(super) signal: Option<i32>,
    pub(super) exit_code: Option<i32>,
    /// Processes that the system killed for want of memory meanwhile, in the worker's control
    /// group if there is one.
    pub(super) oom_kills: u64,
    /// Its memory when it was last heard of.
    pub(super) sample: Option<&'a MemorySample>,
    pub(super) words: &'a LastWords,
}

impl Clues<'_> {
    pub(super) fn cause(self) -> DeathCause {
        match (self.signal, self.exit_code) {
            (Some(libc::SIGKILL), _) if self.oom_kills > 0 => DeathCause::OutOfMemory,
            (Some(libc::SIGKILL | libc::SIGSEGV | libc::SIGBUS), _) if self.memory_was_short() => {
                DeathCause::OutOfMemorySuspected
            }
            (Some(libc::SIGSEGV | libc::SIGBUS), _) => DeathCause::SegmentationFault,
            (Some(libc::SIGABRT), _) if self.words.tell_of_refused_memory() => {
                DeathCause::AllocationFailed
            }
            (Some(libc::SIGABRT | libc::SIGTRAP | libc::SIGILL | libc::SIGFPE), _) => {
                DeathCause::Aborted
            }
            (Some(_), _) => DeathCause::Killed,
            (None, Some(PANICKED)) => DeathCause::Panicked,
            (None, Some(RESTART_WANTED)) => DeathCause::RestartWanted,
            (None, Some(UNHANDLED)) if self.words.tell_of_an_unhandled_error() => {
                DeathCause::HandlerMissing
            }
            (None, _) => DeathCause::Exited,
        }
    }

    fn memory_was_short(self) -> bool {
        self.sample.is_some_and(|sample| {
            let full = NEARLY_FULL * sample.budget_bytes as f64;
            let complained = sample.system.and_then(|system| system.pressure);
            (sample.budget_bytes > 0 && sample.used_bytes() as f64 > full)
                || complained.is_some_and(|it| it > SystemPressure::Normal)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{MemoryReading, SystemMemory};

    fn told(
        (signal, exit_code): (Option<i32>, Option<i32>),
        oom_kills: u64,
        sample: Option<&MemorySample>,
        (log, output): (&str, &str),
    ) -> DeathCause {
        let words = LastWords::new(log.to_owned(), output.to_owned());
        Clues { signal, exit_code, oom_kills, sample, words: &words }.cause()
    }

    fn sample(used: u64, pressure: SystemPressure) -> MemorySample {
        let pressure = Some(pressure);
        MemorySample {
            allocator: MemoryReading { active_bytes: used, ..MemoryReading::default() },
            budget_bytes: 1000,
            system: Some(SystemMemory { pressure, ..SystemMemory::default() }),
            ..MemorySample::default()
        }
    }

    #[test]
    fn signals_and_codes_are_told_apart() {
        use DeathCause as C;
        let expected = [
            ((Some(libc::SIGKILL), None), C::Killed),
            ((Some(libc::SIGTERM), None), C::Killed),
            ((Some(libc::SIGSEGV), None), C::SegmentationFault),
            ((Some(libc::SIGBUS), None), C::SegmentationFault),
            ((Some(libc::SIGABRT), None), C::Aborted),
            ((Some(libc::SIGTRAP), None), C::Aborted),
            ((None, Some(101)), C::Panicked),
            ((None, Some(75)), C::RestartWanted),
            ((None, Some(255)), C::Exited),
            ((None, Some(0)), C::Exited),
            ((None, None), C::Exited),
        ];
        for (end, cause) in expected {
            assert_eq!(told(end, 0, None, ("", "")), cause, "{end:?}");
        }
    }

    #[test]
    fn a_kill_is_for_memory_if_the_counter_says_so_and_perhaps_if_memory_was_short() {
        let kill = (Some(libc::SIGKILL), None);
        let (well, full) =
            (sample(900, SystemPressure::Normal), sample(901, SystemPressure::Normal));
        let short = sample(10, SystemPressure::Warning);
        assert_eq!(told(kill, 1, Some(&well), ("", "")), DeathCause::OutOfMemory);
        assert_eq!(told(kill, 0, Some(&well), ("", "")), DeathCause::Killed);
        for seen in [&full, &short] {
            assert_eq!(told(kill, 0, Some(seen), ("", "")), DeathCause::OutOfMemorySuspected);
            let fault = (Some(libc::SIGSEGV), None);
            assert_eq!(told(fault, 0, Some(seen), ("", "")), DeathCause::OutOfMemorySuspected);
            // Another process of the group may have been the one that was killed.
            assert_eq!(told(fault, 1, Some(&well), ("", "")), DeathCause::SegmentationFault);
        }
    }

    #[test]
    fn an_abort_over_refused_memory_is_one() {
        let abort = (Some(libc::SIGABRT), None);
        for words in [
            "memory allocation of 137438953472 bytes failed\n",
            "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n",
            "libc++abi: terminating due to uncaught exception of type std::runtime_error: [METAL] Command buffer execution failed: Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)\n",
            "what(): [metal::malloc] Resource limit (499000) exceeded.\n",
        ] {
            assert_eq!(told(abort, 0, None, (words, "")), DeathCause::AllocationFailed, "{words}");
        }
        assert_eq!(told(abort, 0, None, ("assertion failed", "")), DeathCause::Aborted);
    }

    #[test]
    fn only_the_line_of_the_c_library_makes_255_an_unhandled_error() {
        let exit = (None, Some(255));
        let line = "MLX error: [matmul] shapes do not fit at ops.cpp:12\n";
        assert_eq!(told(exit, 0, None, ("", line)), DeathCause::HandlerMissing);
        assert_eq!(told(exit, 0, None, ("no MLX here", "MLX is fast")), DeathCause::Exited);
        assert_eq!(told((None, Some(1)), 0, None, ("", line)), DeathCause::Exited);
    }

    #[test]
    fn names_differ() {
        let names: std::collections::BTreeSet<_> =
            DeathCause::ALL.iter().map(|it| it.name()).collect();
        assert_eq!(names.len(), DeathCause::ALL.len());
    }
}
