//! Which known facts a description mentions.

use serde::{Deserialize, Serialize};

use super::words;

/// Something known of an image that a description can mention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it answers.
    pub question: String,
    /// The words that state it, any of which will do.
    pub stated_by: Vec<String>,
}

impl Fact {
    /// Whether the words `said` state it, see [`mentions`].
    pub fn is_in(&self, said: &[String]) -> bool {
        self.stated_by.iter().any(|phrase| mentions(said, &words(phrase)))
    }
}

/// For each of `facts` whether the description `text` mentions it.
///
/// This is keyword recall: that a word is said, not that it is said of the right thing. Hold it
/// against the recall of another image's facts.
///
/// ```
/// use vlm_test::scoring::description::{Fact, mentioned};
/// let fact = |stated_by: &[&str]| Fact {
///     question: String::new(),
///     stated_by: stated_by.iter().map(|it| it.to_string()).collect(),
/// };
/// let facts = [fact(&["grey", "gray"]), fact(&["top left"])];
/// assert_eq!(mentioned("On gray, at the left", &facts), [true, false]);
/// ```
pub fn mentioned(text: &str, facts: &[Fact]) -> Vec<bool> {
    let said = words(text);
    facts.iter().map(|fact| fact.is_in(&said)).collect()
}

/// Facts that were looked for in a description and those that it mentions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recall {
    /// Facts it mentions.
    pub mentioned: usize,
    /// Facts looked for.
    pub facts: usize,
}

impl Recall {
    /// Counts what [`mentioned`] found.
    pub fn of(mentioned: &[bool]) -> Self {
        Self { mentioned: mentioned.iter().filter(|it| **it).count(), facts: mentioned.len() }
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
