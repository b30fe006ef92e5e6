//! A source file as the rules see it: text, and the same text with comments, literals and test
//! modules blanked out, so that a plain search finds only code that ships.

use std::{fs, path::Path};

/// One file below `src/`.
pub struct Source {
    /// Path below `src/`, with `/`.
    pub path: String,
    /// As it is on disk.
    pub text: String,
    /// `text` with blanks for comments, literals and `#[cfg(test)]` items; the same lines.
    pub code: String,
    /// The file is (part of) a module that another file declares under `#[cfg(test)]`.
    pub is_test: bool,
}

impl Source {
    /// Builds one from a string: what the rules' own tests use.
    pub fn new(path: &str, text: &str) -> Self {
        let code = without_tests(&blank(text));
        Self { path: path.to_owned(), text: text.to_owned(), code, is_test: false }
    }

    /// The module path: `native/nn/rope.rs` is `["native", "nn", "rope"]`; `lib.rs` is empty.
    pub fn module(&self) -> Vec<&str> {
        let stem = self.path.trim_end_matches(".rs");
        let stem = stem.strip_suffix("/mod").unwrap_or(stem);
        if matches!(stem, "lib" | "main" | "mod") { Vec::new() } else { stem.split('/').collect() }
    }

    /// The line, from one, of a byte offset in `code`.
    pub fn line(&self, offset: usize) -> usize {
        1 + self.code[..offset].matches('\n').count()
    }
}

/// Reads every `.rs` file below `root`, sorted by path, and marks the test modules.
pub fn read(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    collect(root, "", &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    let test_modules: Vec<String> = found.iter().flat_map(declared_test_modules).collect();
    for source in &mut found {
        let module = source.module().join("::");
        source.is_test = test_modules.iter().any(|test| {
            module.strip_prefix(test).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        });
    }
    found
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<Source>) {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.flatten() {
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
            found.push(Source::new(&name, &text));
        }
    }
}

/// Module paths that `source` declares as `#[cfg(test)] mod name;`.
fn declared_test_modules(source: &Source) -> Vec<String> {
    let code = blank(&source.text);
    let items = code
        .match_indices(TEST_ATTRIBUTE)
        .map(|(at, _)| code[at + TEST_ATTRIBUTE.len()..].trim_start());
    let names = items.filter_map(|item| {
        let item = item.strip_prefix("pub(crate) ").unwrap_or(item);
        item.strip_prefix("mod ")?.split_once(';').map(|(name, _)| name)
    });
    let is_name = |name: &&str| name.chars().all(|c| c.is_alphanumeric() || c == '_');
    names
        .filter(is_name)
        .map(|name| {
            let mut path = source.module();
            path.push(name);
            path.join("::")
        })
        .collect()
}

const TEST_ATTRIBUTE: &str = "#[cfg(test)]";

/// Blanks every item under `#[cfg(test)]`, up to its closing brace or semicolon.
fn without_tests(code: &str) -> String {
    let mut bytes = code.as_bytes().to_vec();
    for (at, _) in code.match_indices(TEST_ATTRIBUTE) {
        let end = item_end(code, at + TEST_ATTRIBUTE.len());
        blank_range(&mut bytes, at, end);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The offset just after the item that starts at `from`: its semicolon, or its matching brace.
pub fn item_end(code: &str, from: usize) -> usize {
    let (mut braces, mut brackets) = (0_usize, 0_usize);
    for (offset, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets = brackets.saturating_sub(1),
            b'{' => braces += 1,
            b'}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 {
                    return offset + 1;
                }
            }
            b';' if braces == 0 && brackets == 0 => return offset + 1,
            _ => {}
        }
    }
    code.len()
}

fn blank_range(bytes: &mut [u8], from: usize, to: usize) {
    for byte in &mut bytes[from..to] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

/// Replaces comments and the insides of literals by blanks, byte for byte; newlines stay.
pub fn blank(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(text.as_bytes(), at);
        if end > at {
            blank_range(&mut bytes, at, end);
            at = end;
        } else {
            at += 1;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The end of the comment or literal that starts at `at`, or `at` when none does.
fn literal_end(text: &[u8], at: usize) -> usize {
    let rest = &text[at..];
    let inside_word = at > 0 && (text[at - 1].is_ascii_alphanumeric() || text[at - 1] == b'_');
    let length = match rest {
        [b'/', b'/', ..] => rest.iter().position(|&byte| byte == b'\n'),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => quoted(rest, 1),
        [b'\'', ..] => Some(character(rest)),
        [b'r', ..] if !inside_word => Some(raw_string(&rest[1..]).map_or(0, |length| length + 1)),
        [b'b', b'r', ..] if !inside_word => {
            Some(raw_string(&rest[2..]).map_or(0, |length| length + 2))
        }
        _ => Some(0),
    };
    at + length.unwrap_or(rest.len())
}

fn block_comment(rest: &[u8]) -> Option<usize> {
    let mut depth = 0;
    let mut at = 0;
    while at + 1 < rest.len() {
        match &rest[at..at + 2] {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The length of a string whose opening quote ends at `from`.
fn quoted(rest: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// The length of a character literal; 0 for a lifetime.
fn character(rest: &[u8]) -> usize {
    let text = String::from_utf8_lossy(&rest[1..rest.len().min(16)]).into_owned();
    let mut chars = text.char_indices();
    let body = match chars.next() {
        Some((_, '\\')) => text[2.min(text.len())..].find('\'').map(|end| end + 2),
        Some((_, first)) if text[first.len_utf8()..].starts_with('\'') => Some(first.len_utf8()),
        _ => None,
    };
    body.map_or(0, |length| length + 2)
}

/// The length of `#"…"#`, with any number of `#`; `None` when it is no raw string.
fn raw_string(rest: &[u8]) -> Option<usize> {
    let hashes = rest.iter().take_while(|&&byte| byte == b'#').count();
    if rest.get(hashes) != Some(&b'"') {
        return None;
    }
    let close = [b"\"".as_slice(), &rest[..hashes]].concat();
    let body = &rest[hashes + 1..];
    let end = body.windows(close.len()).position(|window| window == close.as_slice());
    Some(end.map_or(rest.len(), |end| hashes + 1 + end + close.len()))
}

#[test]
fn comments_and_literals_are_blanked_and_lines_stay() {
    let text =
        "a /* x /* y */ \n z */ b // c\n\"d\\\" {\" e r#\"f \" {\"# '{' '\\'' '\\u{7b}' 'é' g<'a>";
    let expected_words = ["a", "b", "e", "g<'a>"];
    let blanked = blank(text);
    assert_eq!(blanked.split_whitespace().collect::<Vec<_>>(), expected_words);
    assert_eq!(blanked.lines().count(), text.lines().count());
}

#[test]
fn test_modules_are_blanked_and_what_follows_stays() {
    let source =
        Source::new("x.rs", "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { {} } }\nfn c() {}\n");
    assert_eq!(
        source.code.split_whitespace().collect::<Vec<_>>(),
        ["fn", "a()", "{}", "fn", "c()", "{}"]
    );
}

#[test]
fn a_test_module_in_its_own_file_is_known() {
    let source = Source::new("native/nn/rope.rs", "#[cfg(test)]\nmod tests;\nmod angles;");
    assert_eq!(declared_test_modules(&source), ["native::nn::rope::tests"]);
}
