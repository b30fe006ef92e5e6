//! What must hold for a result to mean anything, and what did not.

use serde::{Deserialize, Serialize};

use super::Condition;

/// What was checked in a run. Each count is compared with what it is out of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Model calls that the run needs.
    pub expected_calls: usize,
    /// Model calls that gave a reply.
    pub made_calls: usize,
    /// Prompts whose token ids were compared with the conversation that was sent.
    pub checked_prompts: usize,
    /// Prompts that could not be compared: the model does not read its prompt back.
    pub unread_prompts: usize,
    /// Prompts whose token ids lack an earlier turn.
    pub missing_turns: usize,
    /// Prompts with more or fewer images than their history demands.
    pub wrong_image_counts: usize,
    /// Prompts that showed another file than the one that was sent.
    pub substitute_images: usize,
    /// Prompts that the model refused because they exceed its context window.
    pub prompts_too_long: usize,
    /// Images that were described.
    pub descriptions: usize,
    /// Descriptions without a word.
    pub empty_descriptions: usize,
    /// Descriptions that repeat the prompt.
    pub echoed_descriptions: usize,
    /// Descriptions that equal the one of another image.
    pub identical_descriptions: usize,
    /// Prompts that were sent a second time.
    pub repeats: usize,
    /// Of those, replies that were not the same again.
    pub repeats_differed: usize,
}

/// Why a result is invalid: a check of the test itself failed, so no score is given.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "check", rename_all = "snake_case")]
pub enum Invalid {
    /// Fewer replies than the run needs.
    #[error("calls: {made} of {expected} model calls gave a reply")]
    Calls {
        /// Replies.
        made: usize,
        /// Calls that the run needs.
        expected: usize,
    },
    /// Prompts that could not be compared with what was sent.
    #[error("history unknown: {found} of {of} prompts could not be read back from their token ids")]
    Unread {
        /// How many.
        found: usize,
        /// Prompts in all.
        of: usize,
    },
    /// Prompts that lack an earlier turn.
    #[error("history lost: {found} of {of} prompts lack an earlier turn")]
    History {
        /// How many.
        found: usize,
        /// Prompts in all.
        of: usize,
    },
    /// Prompts with another number of images than their history demands.
    #[error("images: {found} of {of} prompts hold more or fewer images than they should")]
    ImageCount {
        /// How many.
        found: usize,
        /// Prompts in all.
        of: usize,
    },
    /// Prompts that showed another file than was sent.
    #[error("substitute image: {found} of {of} prompts showed another image than was sent")]
    SubstituteImage {
        /// How many.
        found: usize,
        /// Prompts in all.
        of: usize,
    },
    /// Prompts longer than the context window.
    #[error("too long: {found} of {of} prompts exceed the context window")]
    TooLong {
        /// How many.
        found: usize,
        /// Prompts in all.
        of: usize,
    },
    /// Descriptions without a word.
    #[error("empty: {found} of {of} descriptions of an image are empty")]
    EmptyDescription {
        /// How many.
        found: usize,
        /// Descriptions in all.
        of: usize,
    },
    /// Descriptions that repeat the prompt.
    #[error("echo: {found} of {of} descriptions of an image repeat the prompt")]
    EchoedDescription {
        /// How many.
        found: usize,
        /// Descriptions in all.
        of: usize,
    },
    /// Descriptions that equal the one of another image.
    #[error("identical: {found} of {of} descriptions equal that of another image")]
    IdenticalDescription {
        /// How many.
        found: usize,
        /// Descriptions in all.
        of: usize,
    },
    /// The same prompt, another reply.
    #[error("not repeatable: {found} of {of} prompts sent twice gave another reply")]
    NotRepeatable {
        /// How many.
        found: usize,
        /// Prompts sent twice.
        of: usize,
    },
    /// The facts are known no better from the image than without it.
    #[error(
        "blind: {:.1} % right with the image, {:.1} % with {}",
        seen * 100.0,
        guessed * 100.0,
        if *floor == Condition::X { "another one" } else { "none" }
    )]
    Blind {
        /// Accuracy under S, in 0 to 1.
        seen: f64,
        /// Accuracy under `floor`.
        guessed: f64,
        /// The condition that S does not exceed: N or X.
        floor: Condition,
    },
}
