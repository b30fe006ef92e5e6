//! The rules that look at one file: its size, header, functions, panics and prints.

use crate::{
    Violation,
    source::{Source, item_end},
};

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 60;

/// What ships must return an error instead.
const PANICS: [&str; 6] = [".unwrap()", ".expect(", "panic!", "todo!", "unimplemented!", "dbg!"];

/// Panics on purpose: a fault that a script asks for.
const PANICS_ON_REQUEST: &str = "backend/scripted/faults.rs";

const PRINTS: [&str; 4] = ["println!", "eprintln!", "print!", "eprint!"];
/// The files that may print.
const PRINTERS: [&str; 2] = ["report/console.rs", "main.rs"];

pub fn file_size(source: &Source) -> Vec<Violation> {
    let lines = source.text.lines().count();
    let advice = format!("{lines} lines: split it by concept; a file stays under {FILE_LINES}");
    if lines < FILE_LINES { Vec::new() } else { vec![Violation::new(&source.path, lines, advice)] }
}

pub fn header(source: &Source) -> Vec<Violation> {
    let advice = "open the file with one to four `//!` lines that say what it is for";
    if source.text.starts_with("//!") {
        Vec::new()
    } else {
        vec![Violation::new(&source.path, 1, advice)]
    }
}

pub fn function_size(source: &Source) -> Vec<Violation> {
    let starts = words(&source.code, "fn").filter(|&at| names_a_function(&source.code[at..]));
    let sized = starts.map(|at| (at, source.code[at..item_end(&source.code, at)].lines().count()));
    sized
        .filter(|&(_, lines)| lines >= FUNCTION_LINES)
        .map(|(at, lines)| {
            let advice = format!(
                "a function of {lines} lines: split it; a function stays under {FUNCTION_LINES}"
            );
            Violation::new(&source.path, source.line(at), advice)
        })
        .collect()
}

/// Tells `fn name` from the type `fn(…)`.
fn names_a_function(code: &str) -> bool {
    code["fn".len()..].trim_start().starts_with(|c: char| c.is_alphabetic() || c == '_')
}

pub fn panics(source: &Source) -> Vec<Violation> {
    if source.path == PANICS_ON_REQUEST {
        return Vec::new();
    }
    occurrences(source, &PANICS, "return a typed error instead; only tests may panic")
}

pub fn prints(source: &Source) -> Vec<Violation> {
    if PRINTERS.contains(&source.path.as_str()) {
        return Vec::new();
    }
    occurrences(source, &PRINTS, "send an event to report/console.rs, or use tracing")
}

fn occurrences(source: &Source, words_sought: &[&str], advice: &str) -> Vec<Violation> {
    let found =
        words_sought.iter().flat_map(|word| words(&source.code, word).map(move |at| (at, word)));
    found
        .map(|(at, word)| {
            Violation::new(&source.path, source.line(at), format!("`{word}`: {advice}"))
        })
        .collect()
}

/// Offsets of `word` where it is not the end of a longer name.
pub fn words(code: &str, word: &str) -> impl Iterator<Item = usize> {
    let starts_with_name = word.starts_with(|c: char| c.is_alphanumeric());
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = code[..at].chars().next_back();
        !starts_with_name || !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(found: &[Violation]) -> Vec<usize> {
        found.iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn a_file_of_400_lines_is_too_long() {
        assert!(file_size(&Source::new("a.rs", &"x\n".repeat(399))).is_empty());
        assert_eq!(lines(&file_size(&Source::new("a.rs", &"x\n".repeat(400)))), [400]);
    }

    #[test]
    fn a_file_without_a_header_is_found() {
        assert!(header(&Source::new("a.rs", "//! Duty.\n")).is_empty());
        assert_eq!(lines(&header(&Source::new("a.rs", "// Duty.\n"))), [1]);
    }

    #[test]
    fn a_function_of_60_lines_is_too_long_wherever_it_stands() {
        let function = |body: usize| {
            format!("impl A {{\n  fn b(c: fn(u8)) -> [u8; 2] {{\n{}  }}\n}}\n", "{}\n".repeat(body))
        };
        assert!(function_size(&Source::new("a.rs", &function(57))).is_empty());
        assert_eq!(lines(&function_size(&Source::new("a.rs", &function(58)))), [2]);
    }

    #[test]
    fn panics_are_found_in_code_but_not_in_tests_or_text() {
        let text = "/// Never `.unwrap()`s.\nfn a() { b.unwrap(); c.expect(\"panic!\"); d.expect_err(e); }\n#[expect(x)]\nfn f() { todo!() }\n#[cfg(test)]\nmod tests { fn g() { panic!() } }\n";
        assert_eq!(lines(&panics(&Source::new("a.rs", text))), [2, 2, 4]);
    }

    #[test]
    fn only_the_named_files_may_print() {
        let text = "fn a() {\n  eprintln!(\"b\");\n}\n";
        assert_eq!(lines(&prints(&Source::new("runner.rs", text))), [2]);
        assert!(prints(&Source::new("report/console.rs", text)).is_empty());
    }
}
