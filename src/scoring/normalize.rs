//! Answer normalisation of the published VQA evaluation, step by step:
//! `processPunctuation` and `processDigitArticle` of `vqaEval.py`.

use super::contractions::expand;

/// The 21 marks that are deleted or become a space; `' : . $ % & # * ~ ^ |` are kept.
const MARKS: [char; 21] = [
    ';', '/', '[', ']', '"', '{', '}', '(', ')', '=', '+', '\\', '_', '-', '>', '<', '@', '`', ',',
    '?', '!',
];

/// Most periods that one text loses: the published call hands its flags over as
/// the count, and the flag's value is 32.
const MOST_PERIODS: usize = 32;

/// White space as Python sees it: Unicode's, and the four ASCII separators.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Makes newlines and tabs spaces and strips the ends: the first step for the
/// prediction and for every human answer, taken even where nothing else is.
///
/// ```
/// assert_eq!(vlm_test::scoring::strip(" red\tcar\n"), "red car");
/// ```
pub fn strip(text: &str) -> String {
    text.replace(['\n', '\t'], " ").trim_matches(is_space).to_owned()
}

/// Normalises an answer: [`strip`], [`process_punctuation`], [`process_digit_article`].
///
/// ```
/// use vlm_test::scoring::normalize;
/// assert_eq!(normalize("The two T-shirts."), "2 t shirts");
/// assert_eq!(normalize("10,000 t-shirts"), "10000 tshirts");
/// assert_eq!(normalize("dont"), "don't");
/// ```
pub fn normalize(text: &str) -> String {
    process_digit_article(&process_punctuation(&strip(text)))
}

/// Deletes marks, or makes them spaces, and drops periods.
///
/// A mark is deleted everywhere if the input holds it beside a space, or holds a
/// comma between two digits; otherwise it becomes a space. Both tests look at
/// the unmodified input. Then periods that no digit follows go, at most 32.
///
/// ```
/// use vlm_test::scoring::process_punctuation;
/// assert_eq!(process_punctuation("red,white"), "red white");
/// assert_eq!(process_punctuation("red, white"), "red white");
/// assert_eq!(process_punctuation("U.S.A."), "USA");
/// assert_eq!(process_punctuation("2.5"), "2.5");
/// ```
pub fn process_punctuation(text: &str) -> String {
    let delete_all = has_comma_between_digits(text);
    let deleted = MARKS.map(|mark| delete_all || is_beside_a_space(text, mark));
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match MARKS.iter().position(|mark| *mark == c) {
            None => out.push(c),
            Some(at) if deleted[at] => {}
            Some(_) => out.push(' '),
        }
    }
    drop_periods(&out)
}

/// Lower-cases, splits on white space, maps the number words none/zero … ten to
/// digits, drops the articles a, an, the, expands contractions (whole tokens
/// only) and joins with single spaces.
///
/// ```
/// use vlm_test::scoring::process_digit_article;
/// assert_eq!(process_digit_article("The  ONE on an island"), "1 on island");
/// assert_eq!(process_digit_article("eleven"), "eleven");
/// ```
pub fn process_digit_article(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(is_space).filter(|word| !word.is_empty());
    let words = words.map(digit).filter(|word| !matches!(*word, "a" | "an" | "the"));
    words.map(expand).collect::<Vec<_>>().join(" ")
}

/// The digits of a number word up to ten; any other token is returned as it is.
pub(super) fn digit(word: &str) -> &str {
    match word {
        "none" | "zero" => "0",
        "one" => "1",
        "two" => "2",
        "three" => "3",
        "four" => "4",
        "five" => "5",
        "six" => "6",
        "seven" => "7",
        "eight" => "8",
        "nine" => "9",
        "ten" => "10",
        _ => word,
    }
}

fn is_beside_a_space(text: &str, mark: char) -> bool {
    let mut before = None;
    text.chars().any(|c| {
        let found = (c == ' ' && before == Some(mark)) || (c == mark && before == Some(' '));
        before = Some(c);
        found
    })
}

fn has_comma_between_digits(text: &str) -> bool {
    text.as_bytes()
        .windows(3)
        .any(|w| w[0].is_ascii_digit() && w[1] == b',' && w[2].is_ascii_digit())
}

fn drop_periods(text: &str) -> String {
    let mut dropped = 0;
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let digit_follows = rest.peek().is_some_and(char::is_ascii_digit);
        if c == '.' && !digit_follows && dropped < MOST_PERIODS {
            dropped += 1;
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mark_beside_a_space_is_deleted_everywhere() {
        assert_eq!(process_punctuation("t-shirt - red"), "tshirt  red");
    }

    #[test]
    fn each_mark_is_judged_on_the_unmodified_input() {
        // The slash becomes a space before the hyphen's turn; the hyphen still
        // sees no space beside it in the input.
        assert_eq!(process_punctuation("a/-b"), "a  b");
    }

    #[test]
    fn a_comma_between_digits_makes_every_mark_vanish() {
        assert_eq!(process_punctuation("1,000/2-3"), "100023");
    }

    #[test]
    fn kept_marks_stay_where_they_are() {
        assert_eq!(process_punctuation("':$%&#*~^|"), "':$%&#*~^|");
    }

    #[test]
    fn a_period_before_a_digit_stays_and_others_go() {
        assert_eq!(process_punctuation(".5 3.m e.g. 1.2.3"), ".5 3m eg 1.2.3");
    }

    #[test]
    fn the_thirty_third_period_stays() {
        assert_eq!(process_punctuation(&".".repeat(32)), "");
        assert_eq!(process_punctuation(&".".repeat(35)), "...");
    }

    #[test]
    fn contractions_are_whole_tokens() {
        assert_eq!(normalize("whats cantaloupe cant"), "what's cantaloupe can't");
    }

    #[test]
    fn articles_fall_after_number_words_and_may_leave_nothing() {
        assert_eq!(normalize("A the an"), "");
        assert_eq!(normalize(" \n\t"), "");
    }

    #[test]
    fn the_separators_of_python_are_white_space() {
        assert_eq!(normalize("red\u{1f}car\u{a0}x"), "red car x");
    }

    proptest! {
        #[test]
        fn the_result_has_single_spaces_no_marks_and_no_article(text in "\\PC{0,60}") {
            let out = normalize(&text);
            prop_assert!(!out.contains("  ") && out.trim() == out);
            prop_assert!(!out.contains(MARKS));
            prop_assert!(!out.split(' ').any(|word| matches!(word, "a" | "an" | "the")));
        }
    }
}
