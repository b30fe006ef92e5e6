//! Which known facts a description mentions.

use serde::{Deserialize, Serialize};

use super::words;

/// Facts that were looked for in a description and those that it mentions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recall {
    /// Facts it mentions.
    pub mentioned: usize,
    /// Facts looked for.
    pub facts: usize,
}

impl Recall {
    /// How many of `facts` the description `text` mentions. A fact is given as the words that
    /// state it, any of which will do, see [`mentions`].
    ///
    /// This is keyword recall: that a word is said, not that it is said of the right thing. Hold
    /// it against the recall of another image's facts.
    ///
    /// ```
    /// use vlm_test::scoring::description::Recall;
    /// let facts = [vec!["grey", "gray"], vec!["top left"]];
    /// assert_eq!(Recall::of("On gray, at the left", &facts), Recall { mentioned: 1, facts: 2 });
    /// ```
    pub fn of<S: AsRef<str>>(text: &str, facts: &[Vec<S>]) -> Self {
        let said = words(text);
        let stated =
            |fact: &&Vec<S>| fact.iter().any(|phrase| mentions(&said, &words(phrase.as_ref())));
        Self { mentioned: facts.iter().filter(stated).count(), facts: facts.len() }
    }

    /// Mentioned facts per fact; `None` where none was looked for.
    pub fn share(self) -> Option<f64> {
        (self.facts > 0).then(|| self.mentioned as f64 / self.facts as f64)
    }
}

impl std::iter::Sum for Recall {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            mentioned: sum.mentioned + one.mentioned,
            facts: sum.facts + one.facts,
        })
    }
}

/// Whether the words of `phrase` stand in `said` one behind the other, the plurals in `s` and
/// `es` taken for their singular. No phrase of no words is said.
///
/// ```
/// use vlm_test::scoring::description::{mentions, words};
/// assert!(mentions(&words("Two red circles."), &words("red circle")));
/// assert!(!mentions(&words("A reddish circle."), &words("red")));
/// ```
pub fn mentions(said: &[String], phrase: &[String]) -> bool {
    let same = |(said, wanted): (&String, &String)| {
        said == wanted || is_plural(said, wanted) || is_plural(wanted, said)
    };
    !phrase.is_empty()
        && said.windows(phrase.len()).any(|window| window.iter().zip(phrase).all(same))
}

fn is_plural(word: &str, singular: &str) -> bool {
    matches!(word.strip_prefix(singular), Some("s" | "es"))
}
