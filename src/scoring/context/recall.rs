//! Recall of photos that have no key: what a reply says about itself, about the model's own
//! description, and about the same question asked again. Nothing here says what is right.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    Evidence, Invalid, Proportion, identical, is_echo, is_empty,
    vocabulary::{COLOURS, PEOPLE, STOP_WORDS, holds},
    words::{Phrase, Word, mentions, words},
};

/// What is asked from memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecallTopic {
    /// The most prominent colours.
    Colours,
    /// Whether there are people.
    People,
    /// The scene in one sentence.
    Scene,
}

/// One reply of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecallReply<'a> {
    /// Tells images apart by their content, e.g. a digest.
    pub image: &'a str,
    /// What was asked for; `None` for the description that the conversation starts with.
    pub topic: Option<RecallTopic>,
    /// Whether the question was asked before in the same conversation.
    pub again: bool,
    /// The question.
    pub prompt: &'a str,
    /// The reply; `None` where there is none.
    pub reply: Option<&'a str>,
}

/// The figures of one model; shares are withheld where `validity` names a reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecallFigures {
    /// Images shown.
    pub images: usize,
    /// Why the result is invalid; empty if it is valid.
    pub validity: Vec<Invalid>,
    /// What validity was judged by.
    pub evidence: Evidence,
    /// What became of the descriptions.
    pub descriptions: ReplyCounts,
    /// By what was asked from memory.
    pub by_topic: BTreeMap<RecallTopic, TopicFigures>,
}

/// The figures of one recall question.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TopicFigures {
    /// What became of the replies, those to the question asked again included.
    pub replies: ReplyCounts,
    /// Agreement of the first reply with the model's own description. Colours: of the colours
    /// named, those that the description names. People: of the replies that say yes or no,
    /// those that say yes exactly where the description mentions people. Scene: of the content
    /// words, those that the description has.
    pub self_consistency: Proportion,
    /// Of the pairs of first and later reply, those that contradict each other. Colours: both
    /// name some, none in common. People: one says yes, one no. Scene: not judged.
    pub contradiction: Proportion,
}

/// What became of replies that nobody can mark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyCounts {
    /// Said something.
    pub said: usize,
    /// Had no words.
    pub empty: usize,
    /// Repeated the question.
    pub echo: usize,
    /// Never came.
    pub no_reply: usize,
    /// Of `said`: equal to the reply about another image. For people that means little.
    pub identical: usize,
}

impl RecallFigures {
    /// The figures of `replies`, in the order they were asked. `seed` is that of the bootstrap
    /// over images.
    pub fn of(replies: &[RecallReply<'_>], evidence: Evidence, seed: u64) -> Self {
        let images: BTreeSet<_> = replies.iter().map(|reply| reply.image).collect();
        let images: BTreeMap<_, _> = images.into_iter().zip(0_u64..).collect();
        let about = |topic| replies.iter().filter(move |reply| reply.topic == topic);
        let validity = evidence.failures();
        let topics: BTreeSet<_> = replies.iter().filter_map(|reply| reply.topic).collect();
        let figures = |topic| {
            let pairs = Pairs { images: &images, replies, topic };
            let share = |cases: Vec<(u64, bool)>| match validity.is_empty() {
                true => Proportion::of(cases, seed),
                false => Proportion::of(cases, seed).withheld(),
            };
            TopicFigures {
                replies: ReplyCounts::of(about(Some(topic))),
                self_consistency: share(pairs.agreement()),
                contradiction: share(pairs.contradictions()),
            }
        };
        Self {
            images: images.len(),
            descriptions: ReplyCounts::of(about(None)),
            by_topic: topics.into_iter().map(|topic| (topic, figures(topic))).collect(),
            validity,
            evidence,
        }
    }
}

impl ReplyCounts {
    fn of<'a>(replies: impl Iterator<Item = &'a RecallReply<'a>>) -> Self {
        let (mut counts, mut said) = (Self::default(), Vec::new());
        for asked in replies {
            match asked.reply {
                None => counts.no_reply += 1,
                Some(reply) if is_empty(reply) => counts.empty += 1,
                Some(reply) if is_echo(reply, asked.prompt) => counts.echo += 1,
                Some(reply) => said.push((asked.image, reply)),
            }
        }
        Self { said: said.len(), identical: identical(said), ..counts }
    }
}

/// The replies about one topic beside what they are compared with.
struct Pairs<'a> {
    /// Numbers of the images.
    images: &'a BTreeMap<&'a str, u64>,
    replies: &'a [RecallReply<'a>],
    topic: RecallTopic,
}

impl<'a> Pairs<'a> {
    /// The first usable reply of each image for which `wanted` holds.
    fn first(
        &self,
        wanted: impl Fn(&RecallReply<'_>) -> bool,
    ) -> BTreeMap<u64, (&'a str, &'a str)> {
        let mut first = BTreeMap::new();
        for asked in self.replies.iter().filter(|asked| wanted(asked)) {
            let usable = |reply: &&str| !is_empty(reply) && !is_echo(reply, asked.prompt);
            if let (Some(reply), Some(image)) =
                (asked.reply.filter(usable), self.images.get(asked.image))
            {
                first.entry(*image).or_insert((asked.prompt, reply));
            }
        }
        first
    }

    /// By image, each thing that the reply says, and whether the description says it too.
    fn agreement(&self) -> Vec<(u64, bool)> {
        let described = self.first(|asked| asked.topic.is_none());
        let recalled = self.first(|asked| asked.topic == Some(self.topic) && !asked.again);
        let mut cases = Vec::new();
        for (image, (prompt, reply)) in recalled {
            let Some((_, description)) = described.get(&image) else { continue };
            let (reply, description) = (words(reply), words(description));
            match self.topic {
                RecallTopic::People => {
                    let mentioned = mentions_people(&description);
                    cases.extend(says_people(&reply).map(|says| (image, says == mentioned)));
                }
                RecallTopic::Colours => {
                    let known = colours(&description);
                    cases.extend(colours(&reply).iter().map(|one| (image, known.contains(one))));
                }
                RecallTopic::Scene => {
                    let prompt = words(prompt);
                    let (asked, known) = (content(&prompt), content(&description));
                    let said = content(&reply);
                    let new = said.iter().filter(|word| !asked.contains(*word));
                    cases.extend(new.map(|word| (image, known.contains(word))));
                }
            }
        }
        cases
    }

    /// By image, whether the later reply contradicts the first, where that can be told.
    fn contradictions(&self) -> Vec<(u64, bool)> {
        let of = |again| {
            self.first(move |asked| asked.topic == Some(self.topic) && asked.again == again)
        };
        let later = of(true);
        let contradict = |(image, (_, first)): (u64, (&str, &str))| {
            let (first, later) = (words(first), words(later.get(&image)?.1));
            let contradict = match self.topic {
                RecallTopic::People => says_people(&first)? != says_people(&later)?,
                RecallTopic::Colours => {
                    let (first, later) = (colours(&first), colours(&later));
                    if first.is_empty() || later.is_empty() {
                        return None;
                    }
                    first.is_disjoint(&later)
                }
                RecallTopic::Scene => return None,
            };
            Some((image, contradict))
        };
        of(false).into_iter().filter_map(contradict).collect()
    }
}

/// The colours that a text names, in one spelling.
fn colours(text: &[Word]) -> BTreeSet<&str> {
    let known = text.iter().map(|word| match word.text.as_str() {
        "gray" => "grey",
        "golden" => "gold",
        other => other,
    });
    known.filter(|word| holds(COLOURS, word)).collect()
}

/// Words with content, without the s of a plural.
fn content(text: &[Word]) -> BTreeSet<&str> {
    let content = text.iter().map(|word| word.text.as_str());
    content.filter(|word| !holds(STOP_WORDS, word)).map(singular).collect()
}

fn singular(word: &str) -> &str {
    word.strip_suffix('s').filter(|rest| rest.len() > 2 && !rest.ends_with('s')).unwrap_or(word)
}

/// Whether a description mentions people, and does not deny them.
fn mentions_people(text: &[Word]) -> bool {
    !mentions(text, &phrases(PEOPLE, 1)).is_empty()
}

/// Whether a reply says that there are people; `None` where it says neither. The first of yes,
/// no and a word of people counts.
fn says_people(text: &[Word]) -> Option<bool> {
    let mut known = phrases(PEOPLE, 1);
    known.push(Phrase::new("yes", 1));
    known.extend(phrases("no none nobody", 0));
    let first = mentions(text, &known).first().map(|mention| mention.option == 1);
    let denied = || text.iter().any(|word| holds(PEOPLE, &word.text)).then_some(false);
    first.or_else(denied)
}

fn phrases(list: &str, option: usize) -> Vec<Phrase> {
    list.split(' ').map(|text| Phrase::new(text, option)).collect()
}

#[cfg(test)]
mod tests;
