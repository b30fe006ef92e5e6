//! Who may import whom: the table, and the check of every `crate::` and `super::` path against it.

use crate::{Violation, rules::words, source::Source};

/// A module, and what it may import of the crate besides itself; `*` is anything. The row with the
/// longest fitting name counts, so a part of a module can have a row of its own. Amend it here.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("vlm", &[]),
    ("dataset", &[]),
    ("embedded", &["sha256"]),
    ("sha256", &[]),
    ("scoring", &[]),
    ("memory", &["vlm"]),
    ("suites", &["vlm", "dataset", "scoring", "results"]),
    ("native", &["vlm", "sha256"]),
    ("backend", &["vlm", "native", "memory", "embedded", "sha256"]),
    ("worker", &["vlm", "backend", "memory"]),
    ("results", &["vlm", "scoring", "memory", "sha256", "worker::Death", "worker::DeathCause"]),
    ("runner", &["vlm", "suites", "worker", "results", "memory", "backend"]),
    ("report", &["results", "scoring", "vlm", "memory", "backend::hub::PullEvent"]),
    ("error", &["*"]),
    ("cli", &["vlm", "scoring", "memory"]),
    ("commands", &["*"]),
];

/// Exceptions to what the table allows: the first never imports the second.
const NEVER: &[(&str, &str)] = &[("native::nn", "native::models")];

/// The folder of model families, which never import each other, and its files that they share.
const FAMILIES: &str = "native::models";
const SHARED_BY_FAMILIES: &[&str] = &[
    "architecture",
    "clip",
    "config_fields",
    "decoder",
    "frames",
    "names",
    "outline",
    "prompt",
    "rope_config",
    "siglip",
    "text_config",
    "text_side",
    "vision_config",
];

/// Imports of `source` that the table does not allow. `lib.rs` and `main.rs` may import anything.
pub fn violations(source: &Source) -> Vec<Violation> {
    let module = source.module().join("::");
    if module.is_empty() {
        return Vec::new();
    }
    let Some((row, allowed)) = row(&module) else {
        let advice =
            format!("`{module}` has no row in the table of tests/architecture/imports.rs: add one");
        return vec![Violation::new(&source.path, 1, advice)];
    };
    let imports = imported_paths(source).into_iter();
    imports
        .filter_map(|(at, path)| {
            let refusal = refusal(&module, row, allowed, &path)?;
            Some(Violation::new(
                &source.path,
                source.line(at),
                format!("imports `crate::{path}`: {refusal}"),
            ))
        })
        .collect()
}

fn row(module: &str) -> Option<(&'static str, &'static [&'static str])> {
    let fitting = MAY_IMPORT.iter().filter(|(name, _)| is_within(module, name));
    fitting.max_by_key(|(name, _)| name.len()).copied()
}

/// Whether `path` is `module` or lies below it.
fn is_within(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Why `module`, which falls under the row `row`, may not import `path`.
fn refusal(module: &str, row: &str, allowed: &[&str], path: &str) -> Option<String> {
    if let Some((who, whom)) =
        NEVER.iter().find(|(who, whom)| is_within(module, who) && is_within(path, whom))
    {
        return Some(format!("`{who}` never imports `{whom}`; pass what it needs as an argument"));
    }
    if let (Some(own), Some(other)) = (family(module), family(path))
        && own != other
    {
        return Some(format!(
            "the family `{own}` never imports the family `{other}`; move what both need to a shared file of {FAMILIES}"
        ));
    }
    let fits =
        is_within(path, row) || allowed.iter().any(|name| *name == "*" || is_within(path, name));
    let list =
        if allowed.is_empty() { "nothing of the crate".to_owned() } else { allowed.join(", ") };
    (!fits).then(|| {
        format!("`{row}` may import {list}; move the type, pass it as an argument, or amend tests/architecture/imports.rs")
    })
}

/// The model family that a path belongs to. A type of `native::models` itself is none.
fn family(path: &str) -> Option<&str> {
    let name = path.strip_prefix(FAMILIES)?.strip_prefix("::")?.split("::").next()?;
    let is_module = name.starts_with(|c: char| c.is_ascii_lowercase());
    (is_module && !SHARED_BY_FAMILIES.contains(&name)).then_some(name)
}

/// Offset and path below the crate of everything written as `crate::…` or `super::…`.
fn imported_paths(source: &Source) -> Vec<(usize, String)> {
    let code = &source.code;
    let absolute = words(code, "crate::").map(|at| (at, Vec::new(), at + "crate::".len()));
    let relative =
        words(code, "super::").filter(|&at| !code[..at].ends_with("super::")).map(|at| {
            let supers = code[at..].split("::").take_while(|&word| word == "super").count();
            let mut base = source.module();
            base.truncate(base.len().saturating_sub(supers));
            (at, base, at + supers * "super::".len())
        });
    let mut found = Vec::new();
    for (at, base, rest) in absolute.chain(relative) {
        let prefix: String = base.iter().flat_map(|name| [*name, "::"]).collect();
        expand(&prefix, &code[rest..], &mut |path| {
            found.push((at, path.trim_end_matches("::").to_owned()));
        });
    }
    found
}

/// Calls `found` with every leaf of the use tree or path at the start of `code`; returns its length.
fn expand(prefix: &str, code: &str, found: &mut dyn FnMut(&str)) -> usize {
    if code.starts_with('{') {
        return expand_group(prefix, code, found);
    }
    let name = code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
    let path = format!("{prefix}{}", &code[..name]);
    match code[name..].strip_prefix("::") {
        Some(rest) if rest.starts_with(|c: char| c.is_alphanumeric() || "_{*".contains(c)) => {
            name + 2 + expand(&format!("{path}::"), rest, found)
        }
        _ => {
            found(&path);
            name
        }
    }
}

/// As `expand`, for `{a, b::{c, d}}`.
fn expand_group(prefix: &str, code: &str, found: &mut dyn FnMut(&str)) -> usize {
    let mut at = 1;
    while let Some(next) = code[at..].chars().next() {
        match next {
            '}' => return at + 1,
            c if c.is_alphanumeric() || "_{".contains(c) => {
                at += expand(prefix, &code[at..], found);
                // The new name in `a as b` is no path.
                at += code[at..].find([',', '}']).unwrap_or(code.len() - at);
            }
            c => at += c.len_utf8(),
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(file: &str, text: &str) -> Vec<String> {
        imported_paths(&Source::new(file, text)).into_iter().map(|(_, path)| path).collect()
    }

    fn refused(file: &str, text: &str) -> Vec<usize> {
        violations(&Source::new(file, text)).into_iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn use_trees_and_inline_paths_are_read() {
        let text = "use crate::{\n  vlm::{Chat as C, Role},\n  dataset,\n};\nfn a() -> crate::native::nn::Linear { crate::vlm::b() }\n// crate::runner\n";
        let expected = ["vlm::Chat", "vlm::Role", "dataset", "native::nn::Linear", "vlm::b"];
        assert_eq!(paths("suites/vqa.rs", text), expected);
    }

    #[test]
    fn super_leads_out_of_the_module() {
        let text = "use super::{Suite, Score};\nuse super::super::runner::go;\nuse super::*;\n";
        assert_eq!(paths("suites/vqa.rs", "use super::Suite;"), ["suites::Suite"]);
        assert_eq!(paths("suites/vqa.rs", "use super::super::runner::go;"), ["runner::go"]);
        assert_eq!(paths("suites/vqa.rs", "use super::*;"), ["suites"]);
        assert_eq!(refused("suites/vqa.rs", text), [2]);
    }

    #[test]
    fn the_table_is_applied_by_line() {
        let text =
            "use crate::vlm::Chat;\nuse crate::scoring::{anls, recall};\nuse crate::runner::Run;\n";
        assert_eq!(refused("suites/vqa.rs", text), [3]);
        assert_eq!(refused("scoring/anls.rs", text), [1, 3]);
        assert!(refused("commands/mod.rs", text).is_empty());
        assert!(refused("main.rs", text).is_empty());
    }

    #[test]
    fn a_module_without_a_row_is_found() {
        assert_eq!(refused("novelty.rs", ""), [1]);
    }

    #[test]
    fn layers_never_import_models() {
        assert_eq!(
            refused("native/nn/rope.rs", "use crate::native::models::decoder::Config;"),
            [1]
        );
        assert_eq!(refused("native/nn/rope.rs", "use super::super::models::decoder::Config;"), [1]);
        assert!(
            refused("native/models/decoder.rs", "use crate::native::nn::rope::Rope;").is_empty()
        );
    }

    #[test]
    fn families_share_only_the_shared_files() {
        let text = "use super::decoder::Decoder;\nuse super::Architecture;\nuse super::llava::Projector;\n";
        assert_eq!(refused("native/models/smolvlm.rs", text), [3]);
        assert_eq!(
            refused("native/models/smolvlm/vision.rs", "use super::super::llava::Projector;"),
            [1]
        );
        assert!(
            refused("native/models/mod.rs", "use smolvlm::SmolVlm;\nuse self::llava::Llava;")
                .is_empty()
        );
    }
}
