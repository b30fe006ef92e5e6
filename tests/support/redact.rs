//! What a run prints, without what differs from run to run.

use super::Run;

impl Run {
    /// `text` with every time made the same, and the blanks that depend on its length.
    pub fn redacted(text: &str) -> String {
        let mut lines: Vec<String> = text.lines().map(redacted_line).collect();
        lines.push(String::new());
        lines.join("\n")
    }
}

fn redacted_line(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let is_figure = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let redact = |(at, word): (usize, &&str)| match words.get(at + 1) {
        Some(&("ms" | "s" | "µs" | "tokens/s")) if is_figure(word) => "[time]".to_owned(),
        Some(&"%") if is_figure(word) && words.get(at + 2) == Some(&"of") => "[share]".to_owned(),
        _ => (*word).to_owned(),
    };
    let line: Vec<String> = words.iter().enumerate().map(redact).collect();
    line.join(" ").replace("[time] ms", "[time]").replace("[time] s", "[time]")
}
