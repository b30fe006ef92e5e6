//! Text of models and data sets made safe for a terminal.

use std::fmt::Write as _;

/// `text` with everything a terminal could act on spelled out: line breaks and
/// tabs as `\n`, `\r`, `\t`, other control characters and those that are
/// invisible or change the direction of writing as `\u{1b}`.
///
/// ```
/// use vlm_test::report::text::escape;
/// assert_eq!(escape("two\nlines \u{1b}[31mred"), "two\\nlines \\u{1b}[31mred");
/// assert_eq!(escape("café 二"), "café 二");
/// ```
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            _ if character.is_control() || is_invisible(character) => {
                // Writing into a String cannot fail.
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(character));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// Like [`escape`], but line breaks and tabs stay: for an answer shown as a whole.
pub fn escape_keeping_lines(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for piece in text.split_inclusive(['\n', '\t']) {
        let end = piece.len() - usize::from(piece.ends_with(['\n', '\t']));
        let (body, end) = piece.split_at(end);
        escaped.push_str(&escape(body));
        escaped.push_str(end);
    }
    escaped
}

/// Zero-width, bidirectional and line-separating characters (Unicode categories
/// Cf, Zl and Zp as far as they are in use), which hide or reorder what follows.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// `text` in at most `width` columns, its end replaced by `…` where it is longer.
pub fn truncate(text: &str, width: usize) -> String {
    console::truncate_str(text, width, "…").into_owned()
}

/// Columns `text` takes on a terminal; colour codes take none.
pub fn width(text: &str) -> usize {
    console::measure_text_width(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_that_turns_its_own_direction_is_spelled_out() {
        assert_eq!(escape("a\u{202e}b"), "a\\u{202e}b");
    }

    #[test]
    fn wide_characters_count_two_columns() {
        assert_eq!(truncate("二二二", 5), "二二…");
        assert_eq!(width("二…"), 3);
    }

    #[test]
    fn an_answer_shown_whole_keeps_its_lines_and_nothing_else() {
        assert_eq!(escape_keeping_lines("a\n\tb\r\u{7}"), "a\n\tb\\r\\u{7}");
    }

    proptest! {
        #[test]
        fn nothing_a_terminal_acts_on_survives(text in any::<String>()) {
            prop_assert!(!escape(&text).chars().any(|c| c.is_control() || is_invisible(c)));
        }

        #[test]
        fn a_truncated_text_fits(text in any::<String>(), columns in 1_usize..40) {
            prop_assert!(width(&truncate(&escape(&text), columns)) <= columns);
        }
    }
}
