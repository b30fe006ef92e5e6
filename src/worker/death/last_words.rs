//! What a worker and the libraries in it wrote last. The only place where text of other programs
//! is looked at for its meaning: where neither signal nor exit code tells, it is all there is.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

/// How Rust's allocator, C++ and MLX say that they were refused memory before they give up.
const REFUSED_MEMORY: [&str; 6] = [
    // `std::alloc::handle_alloc_error`: "memory allocation of N bytes failed".
    "memory allocation of ",
    "std::bad_alloc",
    // MLX: "[malloc] Unable to allocate N bytes."
    "Unable to allocate ",
    // MLX on Metal: "[metal::malloc] Attempting to allocate …", "… Resource limit (N) exceeded."
    "[metal::malloc]",
    // The Metal driver, in MLX's words for a failed command buffer.
    "kIOGPUCommandBufferCallbackErrorOutOfMemory",
    "CUDA_ERROR_OUT_OF_MEMORY",
];
/// How MLX's C library begins the line that it prints before it ends the process.
const UNHANDLED_ERROR: &str = "MLX error: ";

const TAIL_BYTES: u64 = 4096;
const LINES: usize = 3;
const CHARACTERS: usize = 400;

/// What a worker wrote last.
#[derive(Debug, Clone)]
pub(in crate::worker) struct LastWords {
    /// On standard error.
    log: String,
    /// On standard output, besides replies.
    output: String,
}

impl LastWords {
    pub(in crate::worker) fn new(log: String, output: String) -> Self {
        Self { log, output }
    }

    /// What was written to `log` from byte `start` on, and foreign `output`.
    pub(in crate::worker) fn read(log: &Path, start: u64, output: String) -> Self {
        Self::new(tail(log, start), output)
    }

    pub(super) fn tell_of_refused_memory(&self) -> bool {
        REFUSED_MEMORY.iter().any(|words| self.log.contains(words) || self.output.contains(words))
    }

    pub(super) fn tell_of_an_unhandled_error(&self) -> bool {
        self.output.lines().any(|line| line.contains(UNHANDLED_ERROR))
    }

    /// The last lines, on one line and short: of the log, or of the output if that is empty.
    pub(super) fn short(&self) -> String {
        let of = |text: &str| {
            let lines: Vec<&str> =
                text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            lines[lines.len().saturating_sub(LINES)..].join(" | ")
        };
        let text =
            Some(of(&self.log)).filter(|it| !it.is_empty()).unwrap_or_else(|| of(&self.output));
        let cut = text.chars().count().saturating_sub(CHARACTERS);
        text.chars().skip(cut).collect()
    }
}

fn tail(log: &Path, start: u64) -> String {
    let mut bytes = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        let end = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(start.max(end.saturating_sub(TAIL_BYTES))))?;
        file.read_to_end(&mut bytes)
    });
    if let Err(error) = read {
        tracing::debug!(%error, log = %log.display(), "cannot read the worker's log");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_last_lines_of_this_worker_alone_are_shown() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let short =
            |start, output: &str| LastWords::read(log.path(), start, output.to_owned()).short();
        fs::write(log.path(), "of another\none\n\ntwo\n three\nfour\n").unwrap();
        assert_eq!(short(11, "printed"), "two | three | four");
        assert_eq!(short(32, ""), "");
        assert_eq!(short(9999, "printed\n"), "printed");
        fs::write(log.path(), "é".repeat(5000)).unwrap();
        assert_eq!(short(0, "").chars().count(), CHARACTERS);
        assert_eq!(LastWords::read(Path::new("/no/log"), 0, String::new()).short(), "");
    }
}
