//! What can be said of a free description without a judge: whether it says anything, only
//! repeats its prompt, was cut off, goes round in circles, is told of another image too, and
//! which known facts it mentions. Pure functions of text.

mod echo;
mod identical;
mod recall;
mod repetition;
mod words;

use serde::{Deserialize, Serialize};

pub use self::{
    echo::is_echo,
    identical::identical,
    recall::{Fact, Recall, mentioned, mentions},
    repetition::{is_repetitive, repeated_4grams},
    words::words,
};

/// Marks that end a sentence.
const SENTENCE_ENDS: [char; 8] = ['.', '!', '?', '…', '。', '！', '？', '।'];
/// Marks that may follow the end of a sentence.
const CLOSERS: [char; 9] = ['"', '\'', '”', '’', ')', ']', '»', '*', '」'];

/// How a description stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The model ended it, or the limit met the end of a sentence.
    Finished,
    /// The limit cut a sentence behind a space or a mark: the last word is whole.
    BetweenWords,
    /// The limit cut behind a letter or digit: within a word, or right after a whole one, which
    /// the text cannot tell.
    InWord,
}

impl Ending {
    /// How `text` stops; `limited` if the model was stopped by its limit.
    ///
    /// ```
    /// use vlm_test::scoring::description::Ending;
    /// assert_eq!(Ending::of("A red circ", true), Ending::InWord);
    /// assert_eq!(Ending::of("A red circle, ", true), Ending::BetweenWords);
    /// assert_eq!(Ending::of("It says \"stop.\"", true), Ending::Finished);
    /// assert_eq!(Ending::of("A red circle", false), Ending::Finished);
    /// ```
    pub fn of(text: &str, limited: bool) -> Self {
        if !limited || text.trim_end().trim_end_matches(CLOSERS).ends_with(SENTENCE_ENDS) {
            Self::Finished
        } else if text.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '\'' | '’')) {
            Self::InWord
        } else {
            Self::BetweenWords
        }
    }
}

/// What a single description shows without a judge.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Checks {
    /// It repeats its prompt and says nothing else, see [`is_echo`].
    pub echo: bool,
    /// How it stops.
    pub ending: Ending,
    /// It goes round in circles, see [`is_repetitive`].
    pub repetitive: bool,
    /// Share of its word 4-grams that occurred in it before, in `0..=1`, see [`repeated_4grams`].
    pub repeated_4grams: f64,
    /// Its words.
    pub words: usize,
}

impl Checks {
    /// Checks `text`, the reply to `prompts`: what was asked, in every form the model was given
    /// it. `None` if there is no word in it.
    ///
    /// ```
    /// use vlm_test::scoring::description::Checks;
    /// let checks = Checks::of("A red circle.", &["Describe this image."], false).unwrap();
    /// assert!(checks.passed() && checks.words == 3);
    /// assert_eq!(Checks::of(" …\n", &[], false), None);
    /// ```
    pub fn of(text: &str, prompts: &[&str], limited: bool) -> Option<Self> {
        let (all, ending) = (words(text), Ending::of(text, limited));
        let (_, whole) = all.split_last()?;
        // The last word may be a piece that no other occurrence equals.
        let whole = if ending == Ending::InWord { whole } else { &all };
        Some(Self {
            echo: prompts.iter().any(|prompt| is_echo(text, prompt)),
            ending,
            repetitive: is_repetitive(whole),
            repeated_4grams: repeated_4grams(whole),
            words: all.len(),
        })
    }

    /// Whether nothing speaks against it.
    pub fn passed(&self) -> bool {
        !self.echo && !self.repetitive && self.ending != Ending::InWord
    }
}

#[cfg(test)]
mod tests;
