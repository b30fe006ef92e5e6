//! `memory.csv`: every look at memory and every clean-up of a run, a row each.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{Entry, Event, ResultsError};
use crate::memory::{CleanupRecord, MemorySample};

/// The columns; `README.md` says what they hold.
pub const COLUMNS: [&str; 27] = [
    "elapsed_ms",
    "model",
    "kind",
    "question",
    "phase",
    "level",
    "active_bytes",
    "cache_bytes",
    "peak_bytes",
    "held_bytes",
    "footprint_bytes",
    "resident_bytes",
    "threads",
    "descriptors",
    "system_total_bytes",
    "system_available_bytes",
    "system_used_bytes",
    "swap_used_bytes",
    "pressure",
    "stall_some",
    "stall_full",
    "budget_bytes",
    "headroom_bytes",
    "freed_bytes",
    "duration_ms",
    "steps",
    "error",
];

/// Writes the rows as the events come.
#[derive(Debug)]
pub struct Timeline {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Timeline {
    /// Begins the file with its headings.
    ///
    /// # Errors
    /// [`ResultsError::Write`] naming the file.
    pub fn create(path: &Path) -> Result<Self, ResultsError> {
        let file = File::create(path).map_err(ResultsError::write(path))?;
        let mut timeline = Self { path: path.to_owned(), file: BufWriter::new(file) };
        timeline.write(&COLUMNS.join(","))?;
        Ok(timeline)
    }

    /// Writes the row of `entry`, if it has one.
    ///
    /// # Errors
    /// As [`Timeline::create`].
    pub fn observe(&mut self, entry: &Entry) -> Result<(), ResultsError> {
        let cells = match &entry.event {
            Event::MemorySampled { model, sample } => sampled(entry.elapsed_ms, model, sample),
            Event::CleanedUp { model, record } => cleaned_up(entry.elapsed_ms, model, record),
            _ => return Ok(()),
        };
        let cells: Vec<_> = cells.iter().map(|cell| quoted(cell)).collect();
        self.write(&cells.join(","))
    }

    /// Hands what was written to the system.
    ///
    /// # Errors
    /// As [`Timeline::create`].
    pub fn flush(&mut self) -> Result<(), ResultsError> {
        self.file.flush().map_err(ResultsError::write(&self.path))
    }

    fn write(&mut self, line: &str) -> Result<(), ResultsError> {
        let written: io::Result<()> = writeln!(self.file, "{line}");
        written.map_err(ResultsError::write(&self.path))
    }
}

type Row = [String; COLUMNS.len()];

fn sampled(elapsed_ms: f64, model: &str, sample: &MemorySample) -> Row {
    let (allocator, process, system) = (sample.allocator, sample.process, sample.system);
    let of_system =
        |pick: fn(&crate::memory::SystemMemory) -> u64| optional(system.as_ref().map(pick));
    let stall = system.and_then(|system| system.stall);
    [
        format!("{elapsed_ms:.1}"),
        model.to_owned(),
        "sample".to_owned(),
        optional(sample.question),
        name(&sample.phase),
        name(&sample.level),
        allocator.active_bytes.to_string(),
        allocator.cache_bytes.to_string(),
        allocator.peak_bytes.to_string(),
        sample.held_bytes.to_string(),
        optional(process.footprint_bytes),
        optional(process.resident_bytes),
        optional(process.threads),
        optional(process.descriptors),
        of_system(|system| system.total_bytes),
        of_system(|system| system.available_bytes),
        of_system(|system| system.used_bytes),
        of_system(|system| system.swap_used_bytes),
        system.and_then(|system| system.pressure).map(|it| name(&it)).unwrap_or_default(),
        optional(stall.map(|stall| stall.some)),
        optional(stall.map(|stall| stall.full)),
        sample.budget_bytes.to_string(),
        sample.headroom_bytes().to_string(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
    ]
}

fn cleaned_up(elapsed_ms: f64, model: &str, record: &CleanupRecord) -> Row {
    let steps: Vec<String> = record.steps.iter().map(name).collect();
    let mut row = Row::default();
    let [elapsed, of_model, kind, question, _, level, active, cache, ..] = &mut row;
    *elapsed = format!("{elapsed_ms:.1}");
    model.clone_into(of_model);
    "clean_up".clone_into(kind);
    *question = optional(record.before_question);
    *level = name(&record.level);
    *active = record.active_after_bytes.to_string();
    *cache = record.cache_after_bytes.to_string();
    let [.., freed, duration, taken, error] = &mut row;
    *freed = record.freed_bytes.to_string();
    *duration = format!("{:.3}", record.duration_ms);
    *taken = steps.join(" ");
    *error = record.error.clone().unwrap_or_default();
    row
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// The name that `results.json` has for it.
fn name<T: Serialize>(value: &T) -> String {
    let json = serde_json::to_value(value).ok();
    json.as_ref().and_then(|json| json.as_str()).unwrap_or_default().to_owned()
}

/// As RFC 4180 has it: in quotes where a comma, a quote or a line end stands in it.
fn quoted(cell: &str) -> Cow<'_, str> {
    if cell.contains([',', '"', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", cell.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::results::example;

    fn rows(run: &[Entry]) -> Vec<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memory.csv");
        let mut timeline = Timeline::create(&path).unwrap();
        for entry in run {
            timeline.observe(entry).unwrap();
        }
        timeline.flush().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
    }

    #[test]
    fn every_sample_and_clean_up_has_a_row_of_all_columns() {
        let rows = rows(&example::complete_run());
        assert!(rows.iter().all(|row| row.len() == COLUMNS.len()), "{rows:#?}");
        let kinds: Vec<_> = rows.iter().map(|row| row[2].as_str()).collect();
        assert_eq!(kinds, ["kind", "sample", "clean_up", "clean_up"]);
        let cell = |row: usize, column: &str| {
            rows[row][COLUMNS.iter().position(|it| *it == column).unwrap()].as_str()
        };
        let of_sample = ["question", "phase", "level", "active_bytes", "threads", "stall_some"];
        let expected = ["6", "idle", "normal", "4200000", "4", "0.25"];
        assert_eq!(of_sample.map(|column| cell(1, column)), expected);
        let of_cleanup = ["question", "freed_bytes", "duration_ms", "steps", "error", "threads"];
        let expected = ["6", "2500000", "1.250", "trimmed_heap", "", ""];
        assert_eq!(of_cleanup.map(|column| cell(2, column)), expected);
        assert_eq!(cell(3, "error"), "the cache still holds 12 bytes");
    }

    #[test]
    fn a_cell_with_a_comma_or_a_quote_stands_in_quotes() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(quoted("two\nlines"), "\"two\nlines\"");
    }

    #[test]
    fn every_column_is_documented() {
        let readme = include_str!("README.md");
        for column in COLUMNS {
            assert!(readme.contains(&format!("\n- `{column}` – ")), "{column}");
        }
    }
}
