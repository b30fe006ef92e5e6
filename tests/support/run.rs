//! What a run of the program left: its status and what it printed.

use std::process::Command;

use serde_json::Value;

/// The end of a process.
#[derive(Debug)]
pub struct Run {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Fails, with all that was printed, unless it ended with `status`.
    #[track_caller]
    pub fn ended(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{self:#?}");
        self
    }

    /// Standard output, which is one JSON value and nothing else.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// The one error that it printed, without `error: ` and hints; no trace of a panic.
    #[track_caller]
    pub fn error(&self) -> &str {
        self.assert_no_panic();
        let mut errors = self.stderr.lines().filter_map(|line| line.strip_prefix("error: "));
        let error = errors.next().unwrap_or_else(|| panic!("no error: {self:#?}"));
        assert_eq!(errors.next(), None, "{self:#?}");
        error
    }

    #[track_caller]
    pub fn assert_no_panic(&self) {
        for trace in ["panicked at", "backtrace", "BACKTRACE", "src/", ".rs:", "C++ exception"] {
            let printed = self.stderr.contains(trace) || self.stdout.contains(trace);
            assert!(!printed, "{trace} in {self:#?}");
        }
    }
}
