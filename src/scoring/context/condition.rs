//! The histories under which the same facts are asked.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What the history of a probe holds, by its letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Condition {
    /// The image alone, in the turn that asks: can the model see the fact at all?
    S,
    /// The image and its description, then every turn of the conversation: visual retention.
    A,
    /// As `A` without the image, the model's own description kept: retention of its own words.
    B,
    /// As `B` with a true description in place of the model's: use of context without vision.
    E,
    /// Nothing: what guessing gives.
    N,
    /// The image of another scene, in the turn that asks: what guessing before an image gives.
    X,
}

impl Condition {
    /// Every condition, in the order of reports.
    pub const ALL: [Self; 6] = [Self::S, Self::A, Self::B, Self::E, Self::N, Self::X];

    /// Its letter.
    pub fn letter(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::A => "A",
            Self::B => "B",
            Self::E => "E",
            Self::N => "N",
            Self::X => "X",
        }
    }

    /// Whether distractor turns lie between the image, or its description, and the probe.
    pub fn is_conversation(self) -> bool {
        matches!(self, Self::A | Self::B | Self::E)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.letter())
    }
}

/// A letter that is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no condition: use S, A, B, E, N or X")]
pub struct UnknownCondition(String);

impl FromStr for Condition {
    type Err = UnknownCondition;

    /// Reads a letter of either case.
    fn from_str(text: &str) -> Result<Self, UnknownCondition> {
        let known = Self::ALL.into_iter().find(|known| known.letter().eq_ignore_ascii_case(text));
        known.ok_or_else(|| UnknownCondition(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_its_letter_in_text_and_json() {
        for condition in Condition::ALL {
            let letter = condition.to_string();
            assert_eq!(letter.to_lowercase().parse(), Ok(condition));
            assert_eq!(serde_json::to_value(condition).unwrap(), letter);
        }
    }

    #[test]
    fn another_letter_is_refused_by_name() {
        let error = Condition::from_str("Q").unwrap_err();
        assert_eq!(error.to_string(), "`Q` is no condition: use S, A, B, E, N or X");
    }
}
