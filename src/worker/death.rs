//! How a worker died, in words.

use std::{
    fmt,
    fs::File,
    io::{Read, Seek, SeekFrom},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::ExitStatus,
};

use serde::{Deserialize, Serialize};

/// How a worker ended that should not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// The code it exited with.
    pub exit_code: Option<i32>,
    /// The last lines it wrote to its log; may be empty.
    pub detail: String,
}

impl Death {
    pub(super) fn new(status: Option<ExitStatus>, detail: String) -> Self {
        let signal = status.and_then(|status| status.signal());
        Self { signal, exit_code: status.and_then(|status| status.code()), detail }
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.signal, self.exit_code) {
            (Some(signal), _) => write!(f, "killed by signal {signal}{}", name(signal))?,
            (None, Some(code)) => write!(f, "ended with exit code {code}")?,
            (None, None) => write!(f, "ended without a status")?,
        }
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

fn name(signal: i32) -> &'static str {
    match signal {
        libc::SIGABRT => " (SIGABRT)",
        libc::SIGBUS => " (SIGBUS)",
        libc::SIGFPE => " (SIGFPE)",
        libc::SIGILL => " (SIGILL)",
        libc::SIGKILL => " (SIGKILL; out of memory, if nobody sent it)",
        libc::SIGSEGV => " (SIGSEGV)",
        libc::SIGTERM => " (SIGTERM)",
        libc::SIGTRAP => " (SIGTRAP)",
        _ => "",
    }
}

const LINES: usize = 3;
const CHARACTERS: usize = 400;

/// The last lines written to `log` from byte `start` on, on one line and short.
pub(super) fn last_lines(log: &Path, start: u64) -> String {
    let mut bytes = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        let end = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(start.max(end.saturating_sub(4096))))?;
        file.read_to_end(&mut bytes)
    });
    if let Err(error) = read {
        tracing::debug!(%error, log = %log.display(), "cannot read the worker's log");
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let text = lines[lines.len().saturating_sub(LINES)..].join(" | ");
    let cut = text.chars().count().saturating_sub(CHARACTERS);
    text.chars().skip(cut).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_last_lines_of_this_worker_alone_are_shown() {
        let log = tempfile::NamedTempFile::new().unwrap();
        fs::write(log.path(), "of another\none\n\ntwo\n three\nfour\n").unwrap();
        assert_eq!(last_lines(log.path(), 11), "two | three | four");
        assert_eq!(last_lines(log.path(), 32), "");
        assert_eq!(last_lines(log.path(), 9999), "");
        fs::write(log.path(), "é".repeat(5000)).unwrap();
        let cut = last_lines(log.path(), 0);
        assert_eq!(cut.chars().count(), CHARACTERS);
        assert_eq!(last_lines(Path::new("/no/log"), 0), "");
    }

    #[test]
    fn a_death_is_put_into_words() {
        let death = |signal, exit_code, detail: &str| {
            Death { signal, exit_code, detail: detail.to_owned() }.to_string()
        };
        assert_eq!(death(Some(11), None, ""), "killed by signal 11 (SIGSEGV)");
        assert_eq!(death(None, Some(255), "oops"), "ended with exit code 255: oops");
    }
}
