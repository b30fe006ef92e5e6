//! Reads `src/` and holds it to the rules of the design: sizes, headers, the module map of
//! `src/lib.rs`, what may panic or print, and who may import whom (the table in `imports.rs`).

mod imports;
mod map;
mod rules;
mod source;

use source::Source;
use std::path::Path;

/// A broken rule: where, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    /// Path below `src/`, with `/`.
    path: String,
    /// Counted from one.
    line: usize,
    advice: String,
}

impl Violation {
    fn new(path: &str, line: usize, advice: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, advice: advice.into() }
    }
}

fn sources() -> Vec<Source> {
    source::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

/// Fails with one line `src/file:line: advice` for each violation.
fn assert_none(violations: &[Violation]) {
    let lines: Vec<String> =
        violations.iter().map(|v| format!("src/{}:{}: {}", v.path, v.line, v.advice)).collect();
    assert!(lines.is_empty(), "{} broken rule(s):\n{}", lines.len(), lines.join("\n"));
}

/// Applies a rule that looks at one file at a time to every file that is not a test module.
fn check_each(rule: impl Fn(&Source) -> Vec<Violation>) {
    let found: Vec<Violation> =
        sources().iter().filter(|source| !source.is_test).flat_map(rule).collect();
    assert_none(&found);
}

#[test]
fn the_whole_tree_is_read() {
    let paths: Vec<String> = sources().into_iter().map(|source| source.path).collect();
    for expected in ["lib.rs", "main.rs", "vlm.rs", "native/mod.rs"] {
        assert!(paths.iter().any(|path| path == expected), "{expected} not among {paths:?}");
    }
}

#[test]
fn every_file_is_under_400_lines() {
    let found: Vec<Violation> = sources().iter().flat_map(rules::file_size).collect();
    assert_none(&found);
}

#[test]
fn every_file_opens_with_its_duty() {
    check_each(rules::header);
}

#[test]
fn every_function_is_under_60_lines() {
    check_each(rules::function_size);
}

#[test]
fn nothing_outside_tests_panics_on_purpose() {
    check_each(rules::panics);
}

#[test]
fn only_the_console_prints() {
    check_each(rules::prints);
}

#[test]
fn the_module_map_lists_exactly_the_files() {
    assert_none(&map::differences(&sources()));
}

#[test]
fn imports_obey_the_table() {
    check_each(imports::violations);
}
