//! Descriptions: every image of a folder or dataset, one prompt, and what the replies show
//! without a judge; then three short prompts without an image.

mod facts;

use std::{collections::HashMap, path::PathBuf};

use super::{Item, Prompt, Replies, Suite};
use crate::{
    dataset::Question,
    results::{About, AboutDescription, Described, Judgement, Outcome, Subject, figures::DESCRIBE},
    scoring::description::{Checks, Fact, mentioned},
    vlm::{Chat, FinishReason, Generation, GenerationOptions, Message},
};

/// Prompts without an image, and the words of which one stands in a right reply: a model that
/// takes text alone has no trouble with them.
const TEXT_ONLY: [(&str, &[&str]); 3] = [
    ("What is the capital of France?", &["Paris"]),
    ("How many days are in a week?", &["7", "seven"]),
    ("What is the opposite of hot?", &["cold"]),
];
/// Longest reply to one of them, in tokens.
const TEXT_ONLY_TOKENS: usize = 32;

/// An image to be described and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The file.
    pub path: PathBuf,
    /// What the dataset says of it, each thing once.
    pub facts: Vec<Fact>,
}

impl Picture {
    /// An image of which nothing is known.
    pub fn of_file(path: PathBuf) -> Self {
        Self { path, facts: Vec::new() }
    }

    /// The images that `questions` are about, in order of their first question.
    pub fn of_questions(questions: &[Question]) -> Vec<Self> {
        let mut places = HashMap::new();
        let mut pictures: Vec<Self> = Vec::new();
        for question in questions {
            let place = *places.entry(&question.image).or_insert_with(|| {
                pictures.push(Self::of_file(question.image.clone()));
                pictures.len() - 1
            });
            let known = &mut pictures[place].facts;
            let new = |fact: &Fact| known.iter().all(|it| it.stated_by != fact.stated_by);
            if let Some(fact) = facts::fact(question).filter(new) {
                known.push(fact);
            }
        }
        pictures
    }
}

/// The images, then the prompts without one.
#[derive(Debug)]
pub struct Describe {
    items: Vec<Item>,
    /// What is known of each item.
    about: Vec<AboutDescription>,
    max_tokens: usize,
}

impl Describe {
    /// Asks `prompt` about each of `pictures`, for at most `max_tokens` each.
    pub fn new(pictures: Vec<Picture>, prompt: &str, max_tokens: usize) -> Self {
        let count = pictures.len() + TEXT_ONLY.len();
        let mut suite =
            Self { items: Vec::with_capacity(count), about: Vec::with_capacity(count), max_tokens };
        for Picture { path, facts } in pictures {
            suite.push(Some(path), prompt, AboutDescription { subject: Subject::Image, facts });
        }
        for (question, right) in TEXT_ONLY {
            let stated_by = right.iter().map(|it| (*it).to_owned()).collect();
            let facts = vec![Fact { question: question.to_owned(), stated_by }];
            suite.push(None, question, AboutDescription { subject: Subject::TextOnly, facts });
        }
        suite
    }

    /// Each item is a group of its own: they are asked in this order, whatever they share.
    fn push(&mut self, image: Option<PathBuf>, question: &str, about: AboutDescription) {
        let id = self.items.len() as u64 + 1;
        self.items.push(Item { id, image, group: id, question: question.to_owned() });
        self.about.push(about);
    }
}

impl Suite for Describe {
    fn name(&self) -> &'static str {
        DESCRIBE
    }

    fn items(&self) -> &[Item] {
        &self.items
    }

    fn about(&self, item: usize, _suffix: &str) -> About {
        About::Description(self.about[item].clone())
    }

    fn prompt(
        &self,
        item: usize,
        _suffix: &str,
        _replies: &Replies,
    ) -> Result<Prompt, Box<Outcome>> {
        let Item { image, question, .. } = &self.items[item];
        let max_tokens = match self.about[item].subject {
            Subject::Image => self.max_tokens,
            Subject::TextOnly => self.max_tokens.min(TEXT_ONLY_TOKENS),
        };
        let messages = vec![Message::user(image.clone(), question.clone())];
        let options = GenerationOptions { max_tokens, ..Default::default() };
        Ok(Prompt { chat: Chat { messages }, options })
    }

    fn judge(&self, item: usize, _: &str, reply: &Generation, _: &Replies) -> Outcome {
        judge(&self.items[item].question, &self.about[item].facts, reply)
    }
}

/// A reply with a word in it is checked and searched for what is known; any other is empty.
fn judge(asked: &str, facts: &[Fact], reply: &Generation) -> Outcome {
    let raw = reply.answer.clone();
    let limited = reply.finish_reason == FinishReason::Length;
    match Checks::of(&raw, &[asked, &reply.prompt], limited) {
        Some(checks) => Outcome::Answered {
            finish_reason: reply.finish_reason,
            judgement: Judgement::Description(Described {
                checks,
                mentioned: mentioned(&raw, facts),
            }),
            raw,
        },
        None => Outcome::Empty { raw },
    }
}

#[cfg(test)]
mod tests;
