//! The module map in the crate documentation of `src/lib.rs`, against the files that exist.
//!
//! An entry is a line ``//! - `native/nn/rope.rs` — what it does``; one line may name several
//! files, separated by commas, before its text. Test modules and `lib.rs` itself are not listed.

use crate::{Violation, source::Source};
use std::path::Path;

const LIB: &str = "lib.rs";

/// Files that the map lacks, entries without a file, and entries that come twice.
pub fn differences(sources: &[Source]) -> Vec<Violation> {
    let lib = sources.iter().find(|source| source.path == LIB);
    let entries = lib.map_or_else(Vec::new, |lib| entries(&lib.text));
    let listed: Vec<&Source> =
        sources.iter().filter(|source| !source.is_test && source.path != LIB).collect();
    let missing =
        listed.iter().filter(|source| !entries.iter().any(|(_, path)| *path == source.path));
    let mut found: Vec<Violation> =
        missing.map(|source| Violation::new(LIB, 1, suggestion(source))).collect();
    for (index, (line, path)) in entries.iter().enumerate() {
        if !listed.iter().any(|source| source.path == *path) {
            found.push(Violation::new(
                LIB,
                *line,
                format!("the map names `{path}`, which does not exist: remove or correct it"),
            ));
        } else if entries[..index].iter().any(|(_, earlier)| earlier == path) {
            found.push(Violation::new(
                LIB,
                *line,
                format!("the map names `{path}` twice: remove one"),
            ));
        }
    }
    found
}

/// The line to add, taken from the file's own header.
fn suggestion(source: &Source) -> String {
    let duty = source.text.lines().next().unwrap_or_default().trim_start_matches("//!").trim();
    format!("add to the map: //! - `{}` — {duty}", source.path)
}

/// Line number and path of every file that the crate documentation names.
fn entries(lib: &str) -> Vec<(usize, String)> {
    let docs = lib.lines().enumerate().take_while(|(_, line)| line.starts_with("//!"));
    docs.flat_map(|(index, line)| {
        let entry =
            line.trim_start_matches("//!").trim_start().strip_prefix("- ").unwrap_or_default();
        leading_paths(entry).into_iter().map(move |path| (index + 1, path))
    })
    .collect()
}

/// ``"`a.rs`, `b.rs` — text about `c.rs`"`` gives `a.rs` and `b.rs`.
fn leading_paths(entry: &str) -> Vec<String> {
    let mut rest = entry;
    let mut paths = Vec::new();
    while let Some((path, after)) = rest.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
        if Path::new(path).extension().is_some_and(|extension| extension == "rs") {
            paths.push(path.to_owned());
        }
        match after.strip_prefix(", ") {
            Some(next) => rest = next,
            None => break,
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(lib: &str, others: &[&str]) -> Vec<String> {
        let mut sources: Vec<Source> =
            others.iter().map(|path| Source::new(path, "//! Duty.\n")).collect();
        sources.push(Source::new(LIB, lib));
        differences(&sources)
            .into_iter()
            .map(|violation| format!("{}: {}", violation.line, violation.advice))
            .collect()
    }

    #[test]
    fn a_complete_map_passes() {
        let lib = "//! The crate.\n//!\n//! - `a.rs`, `b/mod.rs` — like `c.rs`\n//!   - `b/d.rs` — nested\npub mod a;\n";
        assert_eq!(advice(lib, &["a.rs", "b/mod.rs", "b/d.rs"]), [""; 0]);
    }

    #[test]
    fn a_missing_file_is_suggested_with_its_header() {
        assert_eq!(
            advice("//! - `a.rs` — x\n", &["a.rs", "b.rs"]),
            ["1: add to the map: //! - `b.rs` — Duty."]
        );
    }

    #[test]
    fn a_stale_entry_and_a_double_one_are_found() {
        let found = advice("//! - `a.rs` — x\n//! - `a.rs` — y\n//! - `gone.rs` — z\n", &["a.rs"]);
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("2: ") && found[0].ends_with("twice: remove one"));
        assert!(
            found[1].starts_with("3: ") && found[1].contains("`gone.rs`, which does not exist")
        );
    }
}
