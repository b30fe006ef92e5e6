//! From a reply to the one option it names, or to the reason why there is none; and the second
//! scorer, by the probabilities of the options.

use serde::{Deserialize, Serialize};

use super::words::{Mention, Phrase, Word, find, mentions, only, words};
use crate::scoring::extract::answer_of_line;

/// What a reply says, read strictly: nothing is guessed into an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Parse {
    /// It names exactly one option.
    Chosen {
        /// Which one, from 0.
        option: usize,
    },
    /// It has no words.
    Empty,
    /// It repeats the question, or a piece of it, and says no more.
    Echo,
    /// It declines to answer, or says that there is no image.
    Refused,
    /// It was cut off before a sentence or line that names an option was complete.
    Truncated,
    /// It names several options.
    Ambiguous,
    /// It names no option.
    Unparsed,
}

impl Parse {
    /// The option it names.
    pub fn option(self) -> Option<usize> {
        match self {
            Self::Chosen { option } => Some(option),
            _ => None,
        }
    }
}

/// A piece of the question from this many words on is no answer.
const ECHO_WORDS: usize = 3;

/// How models decline, as words. One of these before any option makes a reply a refusal.
const REFUSALS: [&str; 18] = [
    "I cannot",
    "I can not",
    "I can't",
    "I could not",
    "I couldn't",
    "I am unable",
    "I'm unable",
    "unable to",
    "I am not able",
    "I'm not able",
    "I do not know",
    "I don't know",
    "sorry",
    "as an AI",
    "language model",
    "is no image",
    "no image provided",
    "no image was",
];

/// Reads a reply strictly.
///
/// `raw` is what the model wrote, `question` what it was asked (its whole last turn), `cut_off`
/// whether it reached the token limit. Template debris is removed from each line, then:
/// - the words after the last repetition of the question, or of its first line, count; none are left: `Echo`. So is a
///   beginning of the question, or a piece of at least three words that names none of the options, or several;
/// - a phrase of refusal before any option: `Refused`;
/// - options are found as whole words in any case, the longest first (`top left` is not
///   `left`), number words up to ten as digits, and not where they are denied (`not red`);
/// - one option, however often: `Chosen`, if the reply was cut off only when a complete
///   sentence or line names it. Several: `Ambiguous`.
///
/// ```
/// use vlm_test::scoring::context::{Parse, parse};
/// let places = ["top left", "left"];
/// assert_eq!(parse("At the Top-Left.", &places, "Where?", false), Parse::Chosen { option: 0 });
/// assert_eq!(parse("two", &["1", "2"], "How many?", false), Parse::Chosen { option: 1 });
/// assert_eq!(parse("yes and no", &["yes", "no"], "Is it?", false), Parse::Ambiguous);
/// ```
pub fn parse(raw: &str, options: &[impl AsRef<str>], question: &str, cut_off: bool) -> Parse {
    let text = without_debris(raw);
    let (said, asked) = (words(&text), Asked::new(question));
    if said.is_empty() {
        return Parse::Empty;
    }
    let rest = asked.rest_of(&said);
    if repeats_beginning(rest, &asked.whole, cut_off) {
        return Parse::Echo;
    }
    let options: Vec<_> =
        options.iter().enumerate().map(|(at, text)| Phrase::new(text.as_ref(), at)).collect();
    let named = mentions(rest, &options);
    if refuses(rest, &named) {
        return Parse::Refused;
    }
    match only(&named) {
        Some(option) if cut_off => {
            let complete = words(complete_part(&text));
            match only(&mentions(asked.rest_of(&complete), &options)) {
                Some(same) if same == option => Parse::Chosen { option },
                _ => Parse::Truncated,
            }
        }
        Some(option) => Parse::Chosen { option },
        None if is_piece(rest, &asked.whole) => Parse::Echo,
        None if !named.is_empty() => Parse::Ambiguous,
        None if cut_off => Parse::Truncated,
        None => Parse::Unparsed,
    }
}

/// The option with the highest mean log-probability of a token; `None` of no options, where one
/// is not a number, or where several are equally probable.
///
/// ```
/// use vlm_test::scoring::context::most_probable;
/// assert_eq!(most_probable(&[-2.0, -0.5, -1.0]), Some(1));
/// assert_eq!(most_probable(&[-0.5, -0.5]), None);
/// ```
pub fn most_probable(per_token: &[f64]) -> Option<usize> {
    if per_token.iter().any(|value| value.is_nan()) {
        return None;
    }
    let best = per_token.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut at_best = per_token.iter().enumerate().filter(|(_, value)| **value == best);
    match (at_best.next(), at_best.next()) {
        (Some((option, _)), None) => Some(option),
        _ => None,
    }
}

/// The option that a description states: exactly one of `claims`, each of which lists the
/// phrases that state its option. Found as in [`parse()`].
///
/// ```
/// use vlm_test::scoring::context::claimed;
/// let claims = [vec!["red circle".to_owned()], vec!["blue circle".to_owned()]];
/// assert_eq!(claimed("A blue circle beside a star.", &claims), Some(1));
/// assert_eq!(claimed("A red circle and a blue circle.", &claims), None);
/// ```
pub fn claimed(description: &str, claims: &[Vec<String>]) -> Option<usize> {
    let phrases = claims.iter().enumerate();
    let phrases: Vec<_> = phrases
        .flat_map(|(option, texts)| texts.iter().map(move |text| Phrase::new(text, option)))
        .collect();
    only(&mentions(&words(&without_debris(description)), &phrases))
}

/// Whether `reply` says nothing but what it was asked: it has words, and they end with the
/// prompt or are a piece of it, three words at least unless the prompt is shorter.
///
/// ```
/// use vlm_test::scoring::context::is_echo;
/// assert!(is_echo("Describe the image", "Describe the image in detail."));
/// assert!(!is_echo("A red circle in the image", "Describe the image in detail."));
/// ```
pub fn is_echo(reply: &str, prompt: &str) -> bool {
    let (said, asked) = (words(&without_debris(reply)), Asked::new(prompt));
    let rest = asked.rest_of(&said);
    !said.is_empty() && (rest.is_empty() || is_piece(rest, &asked.whole))
}

/// Whether `reply` has no words.
pub fn is_empty(reply: &str) -> bool {
    words(&without_debris(reply)).is_empty()
}

/// The lines of a reply without special tokens and role prefixes.
fn without_debris(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    for line in raw.split(['\n', '\r']) {
        text.push_str(answer_of_line(line));
        text.push('\n');
    }
    // A line break that the model did not write would make its last line look complete.
    text.pop();
    text
}

/// What a model was asked: all of it, and its first line, which models repeat without the
/// instructions that follow it.
struct Asked {
    whole: Vec<Word>,
    first_line: Vec<Word>,
}

impl Asked {
    fn new(question: &str) -> Self {
        let first_line = question.trim().lines().next().unwrap_or("");
        Self { whole: words(question), first_line: words(first_line) }
    }

    /// What follows the last repetition of the question in `said`.
    fn rest_of<'a>(&self, said: &'a [Word]) -> &'a [Word] {
        [&self.whole, &self.first_line].into_iter().fold(said, |mut rest, asked| {
            while let Some(at) = find(rest, asked) {
                rest = rest.get(at + asked.len()..).unwrap_or_default();
            }
            rest
        })
    }
}

/// Whether `rest` is nothing or how the question begins; its last word may be unfinished.
fn repeats_beginning(rest: &[Word], asked: &[Word], cut_off: bool) -> bool {
    let whole = match rest.split_last() {
        Some((_, whole)) if cut_off => whole,
        _ => rest,
    };
    rest.is_empty() || (whole.len() >= ECHO_WORDS && asked.starts_with(whole))
}

fn is_piece(rest: &[Word], asked: &[Word]) -> bool {
    rest.len() >= ECHO_WORDS && find(asked, rest).is_some()
}

fn refuses(rest: &[Word], named: &[Mention]) -> bool {
    let first = named.first().map_or(rest.len(), |mention| mention.at);
    let at = REFUSALS.iter().filter_map(|phrase| find(rest, &words(phrase))).min();
    at.is_some_and(|at| at <= first)
}

/// `text` up to its last line break or sentence end.
fn complete_part(text: &str) -> &str {
    let mut ends = text.char_indices().filter(|&(at, c)| {
        let after = text.get(at + c.len_utf8()..).unwrap_or_default();
        c == '\n' || (".!?".contains(c) && !after.starts_with(|next: char| !next.is_whitespace()))
    });
    ends.next_back().and_then(|(at, c)| text.get(..at + c.len_utf8())).unwrap_or("")
}

#[cfg(test)]
mod tests;
