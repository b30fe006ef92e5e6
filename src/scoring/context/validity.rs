//! What must hold for a result to mean anything, and what did not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Condition, ConditionFigures, ParseCounts, is_echo, is_empty};
use crate::scoring::description;

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
    /// The replies to facts in plain sight name no option, so that nothing can be said by words.
    #[error("unreadable: {found} of {of} replies name an option with the image in sight")]
    Unreadable {
        /// How many do.
        found: usize,
        /// Replies under S.
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

/// What a model said of an image at the start of a conversation.
#[derive(Debug, Clone, Copy)]
pub struct Description<'a> {
    /// Tells images apart by their content, e.g. a digest.
    pub image: &'a str,
    /// What was asked.
    pub prompt: &'a str,
    /// What came back.
    pub reply: &'a str,
}

impl Evidence {
    /// Counts `descriptions`, all of a run, into the four fields about them.
    pub fn count_descriptions(&mut self, descriptions: &[Description<'_>]) {
        let empty = descriptions.iter().filter(|d| is_empty(d.reply)).count();
        let echoed = descriptions.iter().filter(|d| is_echo(d.reply, d.prompt)).count();
        self.descriptions += descriptions.len();
        self.empty_descriptions += empty;
        self.echoed_descriptions += echoed;
        self.identical_descriptions += identical(descriptions.iter().map(|d| (d.image, d.reply)));
    }

    /// The checks that failed.
    pub(super) fn failures(&self) -> Vec<Invalid> {
        let prompts = self.checked_prompts + self.unread_prompts;
        let (made, expected) = (self.made_calls, self.expected_calls);
        let described = self.descriptions;
        let failed = |found: usize, invalid: Invalid| (found > 0).then_some(invalid);
        let of = |found: usize, of: usize, invalid: fn(usize, usize) -> Invalid| {
            failed(found, invalid(found, of))
        };
        [
            (made != expected).then_some(Invalid::Calls { made, expected }),
            of(self.unread_prompts, prompts, |found, of| Invalid::Unread { found, of }),
            of(self.missing_turns, prompts, |found, of| Invalid::History { found, of }),
            of(self.wrong_image_counts, prompts, |found, of| Invalid::ImageCount { found, of }),
            of(self.substitute_images, prompts, |found, of| Invalid::SubstituteImage { found, of }),
            of(self.prompts_too_long, expected, |found, of| Invalid::TooLong { found, of }),
            of(self.empty_descriptions, described, |found, of| Invalid::EmptyDescription {
                found,
                of,
            }),
            of(self.echoed_descriptions, described, |found, of| Invalid::EchoedDescription {
                found,
                of,
            }),
            of(self.identical_descriptions, described, |found, of| Invalid::IdenticalDescription {
                found,
                of,
            }),
            of(self.repeats_differed, self.repeats, |found, of| Invalid::NotRepeatable {
                found,
                of,
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// How many of `(image, reply)` have the words of the reply about another image.
pub fn identical<'a>(replies: impl IntoIterator<Item = (&'a str, &'a str)>) -> usize {
    description::identical(replies).iter().map(Vec::len).sum()
}

/// Why what was written cannot tell that the model sees, if it cannot: under S it is right no
/// more often than without the image, or with another one. Nothing where these were not asked.
pub(super) fn blindness(
    strict: &BTreeMap<Condition, ConditionFigures>,
    outcomes: &BTreeMap<Condition, ParseCounts>,
) -> Option<Invalid> {
    let accuracy = |condition| strict.get(&condition)?.accuracy.value;
    let seen = accuracy(Condition::S)?;
    let guesses = [Condition::N, Condition::X].into_iter();
    let (floor, guessed) = guesses
        .filter_map(|condition| Some((condition, accuracy(condition)?)))
        .reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    let replies = outcomes.get(&Condition::S).copied().unwrap_or_default();
    let (found, of) = (replies.chosen, replies.replies());
    (seen <= guessed).then_some(if found * 2 < of {
        Invalid::Unreadable { found, of }
    } else {
        Invalid::Blind { seen, guessed, floor }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_a_fault_is_valid() {
        let evidence = Evidence { expected_calls: 3, made_calls: 3, ..Evidence::default() };
        assert_eq!(evidence.failures(), []);
    }

    #[test]
    fn every_fault_is_a_reason_with_its_counts() {
        let evidence = Evidence {
            expected_calls: 9,
            made_calls: 8,
            checked_prompts: 6,
            unread_prompts: 1,
            missing_turns: 2,
            wrong_image_counts: 3,
            substitute_images: 4,
            prompts_too_long: 1,
            descriptions: 5,
            empty_descriptions: 1,
            echoed_descriptions: 2,
            identical_descriptions: 2,
            repeats: 4,
            repeats_differed: 1,
        };
        let reasons: Vec<_> = evidence.failures().iter().map(ToString::to_string).collect();
        assert_eq!(
            reasons,
            [
                "calls: 8 of 9 model calls gave a reply",
                "history unknown: 1 of 7 prompts could not be read back from their token ids",
                "history lost: 2 of 7 prompts lack an earlier turn",
                "images: 3 of 7 prompts hold more or fewer images than they should",
                "substitute image: 4 of 7 prompts showed another image than was sent",
                "too long: 1 of 9 prompts exceed the context window",
                "empty: 1 of 5 descriptions of an image are empty",
                "echo: 2 of 5 descriptions of an image repeat the prompt",
                "identical: 2 of 5 descriptions equal that of another image",
                "not repeatable: 1 of 4 prompts sent twice gave another reply",
            ]
        );
    }

    #[test]
    fn descriptions_are_counted_by_what_is_wrong_with_them() {
        let prompt = "Describe this image in detail.";
        let describe = |image, reply| Description { image, prompt, reply };
        let mut evidence = Evidence::default();
        evidence.count_descriptions(&[
            describe("a", "A cat."),
            describe("b", " A cat.\n"),
            describe("c", "A dog."),
            describe("c", "A dog."),
            describe("d", ""),
            describe("e", " "),
            describe("f", "Describe this image"),
        ]);
        let expected = Evidence {
            descriptions: 7,
            empty_descriptions: 2,
            echoed_descriptions: 1,
            identical_descriptions: 2,
            ..Evidence::default()
        };
        assert_eq!(evidence, expected);
    }

    #[test]
    fn a_reason_names_its_check_in_json() {
        let blind = Invalid::Blind { seen: 0.25, guessed: 0.5, floor: Condition::X };
        let json = r#"{"check":"blind","seen":0.25,"guessed":0.5,"floor":"X"}"#;
        assert_eq!(serde_json::to_string(&blind).unwrap(), json);
        assert_eq!(
            blind.to_string(),
            "blind: 25.0 % right with the image, 50.0 % with another one"
        );
    }
}
