//! What is kept of a description beside what is kept of every question.

use serde::{Deserialize, Serialize};

use crate::scoring::description::{Checks, Fact, Recall};

/// What a description is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// An image.
    Image,
    /// Nothing: a short prompt of text alone, to see whether the model takes one.
    TextOnly,
}

/// An image to be described, or a prompt of the text-only probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutDescription {
    /// Which of the two.
    pub subject: Subject,
    /// What is known of it.
    pub facts: Vec<Fact>,
}

/// What a reply shows without a judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Described {
    /// What it shows by itself.
    pub checks: Checks,
    /// For each fact that is known whether it says so.
    pub mentioned: Vec<bool>,
}

impl Described {
    /// How many of the known facts it mentions.
    pub fn recall(&self) -> Recall {
        Recall::of(&self.mentioned)
    }
}
