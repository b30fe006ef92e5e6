//! Text as words, and which of some phrases it states: whole words, the longest phrase first.

use crate::scoring::normalize::digit;

/// One word in lower case, a number word up to ten as digits. Compared by its text alone.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) text: String,
    /// Whether punctuation or the start of the text stands before it.
    opens: bool,
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// The words of `text`: runs of letters and digits. An apostrophe between letters and a
/// period, comma or colon between digits belong to the word (`don't`, `2.5`); hyphens part.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let (mut word, mut opens, mut before) = (String::new(), true, ' ');
    let mut rest = text.chars().map(|c| if c == '’' { '\'' } else { c }).peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied().unwrap_or(' ');
        let joins = match c {
            '\'' => before.is_alphabetic() && next.is_alphabetic(),
            '.' | ',' | ':' => before.is_ascii_digit() && next.is_ascii_digit(),
            _ => c.is_alphanumeric(),
        };
        if joins {
            word.extend(c.to_lowercase());
        } else {
            close(&mut word, &mut opens, &mut words);
            opens |= !c.is_whitespace() && c != '-';
        }
        before = c;
    }
    close(&mut word, &mut opens, &mut words);
    words
}

fn close(word: &mut String, opens: &mut bool, words: &mut Vec<Word>) {
    if !word.is_empty() {
        let text = match digit(word) {
            same if same == word.as_str() => std::mem::take(word),
            digits => digits.to_owned(),
        };
        word.clear();
        words.push(Word { text, opens: std::mem::take(opens) });
    }
}

/// Where `needle` first stands in `text`; an empty one stands nowhere.
pub(super) fn find(text: &[Word], needle: &[Word]) -> Option<usize> {
    if needle.is_empty() {
        return None;
    }
    text.windows(needle.len()).position(|window| window == needle)
}

/// A phrase and the option it stands for.
#[derive(Debug)]
pub(super) struct Phrase {
    words: Vec<Word>,
    option: usize,
}

impl Phrase {
    /// `text` without its first article, if there is more to it.
    pub(super) fn new(text: &str, option: usize) -> Self {
        let mut words = words(text);
        if words.len() > 1 && words.first().is_some_and(is_article) {
            words.remove(0);
        }
        Self { words, option }
    }
}

/// An option that a text states, and at which word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) at: usize,
    pub(super) option: usize,
}

/// What `text` states, in its order. Of phrases that start at the same word the longest counts,
/// and its words count for no other: `top left` is not `left`. A denied phrase (`not red`,
/// `no circle`) is not stated.
pub(super) fn mentions(text: &[Word], phrases: &[Phrase]) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let here = || phrases.iter().filter(|phrase| starts_with(rest, &phrase.words));
        let longest = here().map(|phrase| phrase.words.len()).max().unwrap_or(0);
        if longest > 0 && !is_denied(text, at) {
            let equal = here().filter(|phrase| phrase.words.len() == longest);
            found.extend(equal.map(|phrase| Mention { at, option: phrase.option }));
        }
        at += longest.max(1);
    }
    found
}

/// The one option that is mentioned, if it is one.
pub(super) fn only(mentions: &[Mention]) -> Option<usize> {
    let first = mentions.first()?.option;
    mentions.iter().all(|mention| mention.option == first).then_some(first)
}

fn starts_with(text: &[Word], phrase: &[Word]) -> bool {
    !phrase.is_empty() && text.starts_with(phrase)
}

fn is_article(word: &Word) -> bool {
    matches!(word.text.as_str(), "a" | "an" | "the")
}

/// Whether a denial stands before the word `at`, with nothing but an article or `any` between.
fn is_denied(text: &[Word], mut at: usize) -> bool {
    loop {
        match (text.get(at), at.checked_sub(1).and_then(|before| text.get(before))) {
            (Some(word), Some(before)) if !word.opens => match before.text.as_str() {
                "a" | "an" | "the" | "any" => at -= 1,
                "not" | "never" | "no" | "nor" | "neither" | "without" => return true,
                other => return other.ends_with("n't"),
            },
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.text).collect()
    }

    fn stated(text: &str, phrases: &[&str]) -> Vec<usize> {
        let phrases: Vec<_> =
            phrases.iter().enumerate().map(|(at, text)| Phrase::new(text, at)).collect();
        mentions(&words(text), &phrases).into_iter().map(|mention| mention.option).collect()
    }

    #[test]
    fn words_are_lower_case_without_punctuation_and_numbers_are_digits() {
        assert_eq!(texts("Top-left: THREE \"dogs\"!"), ["top", "left", "3", "dogs"]);
        assert_eq!(
            texts("It isn’t 2.5, 1,000 or 2:50."),
            ["it", "isn't", "2.5", "1,000", "or", "2:50"]
        );
        assert_eq!(texts(" \n…"), [""; 0]);
    }

    #[test]
    fn the_longest_phrase_takes_its_words() {
        let places = ["left", "top left", "top"];
        assert_eq!(stated("At the top left.", &places), [1]);
        assert_eq!(stated("Top, then left", &places), [2, 0]);
    }

    #[test]
    fn a_phrase_is_whole_words_and_its_first_article_does_not_count() {
        assert_eq!(stated("a hundred redder reds", &["red"]), [0; 0]);
        assert_eq!(stated("dog", &["a dog"]), [0]);
        assert_eq!(stated("a", &["A", "B"]), [0]);
    }

    #[test]
    fn what_is_denied_is_not_stated_but_what_follows_a_comma_is() {
        assert_eq!(stated("It is not red but blue", &["red", "blue"]), [1]);
        assert_eq!(stated("There isn't a circle", &["circle"]), [0; 0]);
        assert_eq!(stated("There is no red circle", &["red circle", "no"]), [1]);
        assert_eq!(stated("no red circle", &["red circle", "no red circle"]), [1]);
        assert_eq!(stated("No, red", &["red"]), [0]);
    }

    #[test]
    fn two_options_of_the_same_words_are_both_stated() {
        assert_eq!(stated("red", &["Red", "the red"]), [0, 1]);
    }
}
