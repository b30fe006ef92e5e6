//! `events.jsonl`: one event a line, each line valid JSON that carries its place
//! and a checksum, so that a torn or damaged tail is found and left out.
//!
//! A line is `{"crc32":"89abcdef",` followed by `"seq":3,"time":"…",…}`; the checksum
//! (CRC-32, IEEE, as eight lower-case hex digits) covers the bytes after that first
//! comma up to the newline.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

use serde::Serialize;

use super::{Entry, Event, ResultsError};

const PREFIX: &str = "{\"crc32\":\"";
const HEX_DIGITS: usize = 8;
const SEPARATOR: &str = "\",";
/// Bytes before those the checksum covers.
const COVERED_FROM: usize = PREFIX.len() + HEX_DIGITS + SEPARATOR.len();

/// A journal being written. It has one writer, the one that created it.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    opened: Instant,
    next_seq: u64,
    valid_bytes: u64,
    failed: bool,
}

impl Journal {
    /// Creates the file, which must not exist, and makes its name durable.
    ///
    /// # Errors
    /// [`ResultsError::Write`] if it exists or cannot be created.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, ResultsError> {
        let path = path.into();
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)
            .map_err(ResultsError::write(&path))?;
        sync_folder_of(&path).map_err(ResultsError::write(&path))?;
        Ok(Self::on(file, path))
    }

    fn on(file: File, path: PathBuf) -> Self {
        Self { file, path, opened: Instant::now(), next_seq: 0, valid_bytes: 0, failed: false }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts place and time on `event`, writes it with one write, and waits for
    /// the disk where [`Event::must_be_synced`]. Only what this returns has
    /// happened; it is what a reader of the line will get.
    ///
    /// # Errors
    /// [`ResultsError::Write`] if the disk does not take it: the file is cut back
    /// to its last whole line and every later call is [`ResultsError::Closed`].
    /// [`ResultsError::Encode`] if the event has no JSON form that can be read
    /// back, e.g. for a time that is not a number: nothing is then written.
    pub fn append(&mut self, event: Event) -> Result<Entry, ResultsError> {
        if self.failed {
            return Err(ResultsError::Closed { path: self.path.clone() });
        }
        let entry = Entry {
            seq: self.next_seq,
            time: utc_now(),
            elapsed_ms: whole_microseconds(self.opened.elapsed().as_secs_f64() * 1e3),
            event,
        };
        let line = encode(&entry)?;
        let entry = parse(line.trim_end_matches('\n').as_bytes())
            .map_err(|source| ResultsError::Encode { what: "an event", source })?;
        self.write(line.as_bytes(), entry.event.must_be_synced()).map_err(|source| {
            self.failed = true;
            // Best effort: a reader leaves out a torn line all the same.
            let _ = self.file.set_len(self.valid_bytes);
            ResultsError::Write { path: self.path.clone(), source }
        })?;
        self.next_seq += 1;
        self.valid_bytes += line.len() as u64;
        Ok(entry)
    }

    fn write(&mut self, line: &[u8], sync: bool) -> std::io::Result<()> {
        self.file.write_all(line)?;
        if sync { self.file.sync_data() } else { Ok(()) }
    }
}

/// Three decimals keep a line short and are read back exactly.
fn whole_microseconds(ms: f64) -> f64 {
    (ms * 1e3).round() / 1e3
}

/// The time in UTC, RFC 3339 with milliseconds.
pub(crate) fn utc_now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Makes a new name in the folder of `path` survive a power cut.
pub(crate) fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// One line of the journal, newline included.
fn encode<T: Serialize>(entry: &T) -> Result<String, ResultsError> {
    let json = serde_json::to_string(entry)
        .map_err(|source| ResultsError::Encode { what: "an event", source })?;
    let covered = json.strip_prefix('{').unwrap_or(&json);
    Ok(format!("{PREFIX}{:08x}{SEPARATOR}{covered}\n", crc32fast::hash(covered.as_bytes())))
}

/// Why reading ended before the end of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The last line was never finished.
    #[error("the last line has no end")]
    TornLine,
    /// The line is not what was written.
    #[error("a line does not match its checksum")]
    Checksum,
    /// A line is missing or repeated.
    #[error("entry {expected} is missing")]
    Sequence {
        /// The number that should have come.
        expected: u64,
    },
    /// The line is whole, but this version does not know the event.
    #[error("an event is not understood: {0}")]
    Unknown(String),
}

/// What could be read of a journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovered {
    /// The entries before any damage, oldest first.
    pub entries: Vec<Entry>,
    /// Length of the part that holds them.
    pub valid_bytes: u64,
    /// Length of the part left out.
    pub cut_bytes: u64,
    /// Why it was left out.
    pub damage: Option<Damage>,
}

/// Reads a journal up to its end or the first damage. The file is not changed.
///
/// # Errors
/// [`ResultsError::Read`] if there is no such file or the system refuses it.
pub fn read_journal(path: &Path) -> Result<Recovered, ResultsError> {
    std::fs::read(path).map(|bytes| recover(&bytes)).map_err(ResultsError::read(path))
}

/// Reads the bytes of a journal up to their end or the first damage.
pub fn recover(bytes: &[u8]) -> Recovered {
    let (mut entries, mut valid, mut damage) = (Vec::new(), 0, None);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match decode(line, entries.len() as u64) {
            Ok(entry) => entries.push(entry),
            Err(found) => {
                damage = Some(found);
                break;
            }
        }
        valid += line.len();
    }
    let cut_bytes = (bytes.len() - valid) as u64;
    Recovered { entries, valid_bytes: valid as u64, cut_bytes, damage }
}

fn decode(line: &[u8], expected: u64) -> Result<Entry, Damage> {
    let line = line.strip_suffix(b"\n").ok_or(Damage::TornLine)?;
    let (head, covered) = line.split_at_checked(COVERED_FROM).ok_or(Damage::Checksum)?;
    // Comparing the whole head leaves no byte of the line unchecked.
    let checksum = crc32fast::hash(covered);
    if head != format!("{PREFIX}{checksum:08x}{SEPARATOR}").as_bytes() {
        return Err(Damage::Checksum);
    }
    let entry = parse(line).map_err(|error| Damage::Unknown(error.to_string()))?;
    if entry.seq == expected { Ok(entry) } else { Err(Damage::Sequence { expected }) }
}

/// The entry of a line without its newline. Its checksum is one more field to skip.
fn parse(line: &[u8]) -> serde_json::Result<Entry> {
    serde_json::from_slice(line)
}

#[cfg(test)]
mod tests;
