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
    /// Whether the same was asked before, after fewer turns of the conversation.
    pub again: bool,
    /// The question.
    pub prompt: &'a str,
    /// The reply; `None` where there is none.
    pub reply: Option<&'a str>,
}

/// What a reply that nobody can mark is by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It says something.
    Something,
    /// It has no words.
    Empty,
    /// It repeats the question.
    Echo,
}

/// The things that a reply from memory says, beside the model's own description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// Those that the description says too.
    pub described: usize,
    /// How many they are, at least 1.
    pub said: usize,
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
    /// Of the pairs of the first reply and a later one, those that contradict each other.
    /// Colours: both name some, none in common. People: one says yes, one no. Scene: not judged.
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
            let share = |cases: Vec<(u64, bool)>| {
                let share = Proportion::of(cases, seed);
                if validity.is_empty() { share } else { share.withheld() }
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

impl Said {
    /// What `reply` to `prompt` is.
    pub fn of(reply: &str, prompt: &str) -> Self {
        match (is_empty(reply), is_echo(reply, prompt)) {
            (true, _) => Self::Empty,
            (_, true) => Self::Echo,
            _ => Self::Something,
        }
    }
}

impl ReplyCounts {
    fn of<'a>(replies: impl Iterator<Item = &'a RecallReply<'a>>) -> Self {
        let (mut counts, mut said) = (Self::default(), Vec::new());
        for asked in replies {
            match asked.reply.map(|reply| (reply, Said::of(reply, asked.prompt))) {
                None => counts.no_reply += 1,
                Some((_, Said::Empty)) => counts.empty += 1,
                Some((_, Said::Echo)) => counts.echo += 1,
                Some((reply, Said::Something)) => said.push((asked.image, reply)),
            }
        }
        Self { said: said.len(), identical: identical(said.iter().copied()), ..counts }
    }
}

/// The replies about one topic beside what they are compared with.
struct Pairs<'a> {
    /// Numbers of the images.
    images: &'a BTreeMap<&'a str, u64>,
    replies: &'a [RecallReply<'a>],
    topic: RecallTopic,
}

/// A reply that says something, with its question.
type Spoken<'a> = (&'a str, &'a str);

impl<'a> Pairs<'a> {
    /// The replies that say something and for which `wanted` holds, with the image's number.
    fn spoken(
        &self,
        wanted: impl Fn(&RecallReply<'_>) -> bool,
    ) -> impl Iterator<Item = (u64, Spoken<'a>)> {
        self.replies.iter().filter(move |asked| wanted(asked)).filter_map(|asked| {
            let reply = asked.reply?;
            let says = Said::of(reply, asked.prompt) == Said::Something;
            says.then_some((*self.images.get(asked.image)?, (asked.prompt, reply)))
        })
    }

    /// The first of them by image.
    fn first(&self, wanted: impl Fn(&RecallReply<'_>) -> bool) -> BTreeMap<u64, Spoken<'a>> {
        let mut first = BTreeMap::new();
        for (image, spoken) in self.spoken(wanted) {
            first.entry(image).or_insert(spoken);
        }
        first
    }

    /// By image, each thing that the reply says, and whether the description says it too.
    fn agreement(&self) -> Vec<(u64, bool)> {
        let described = self.first(|asked| asked.topic.is_none());
        let recalled = self.first(|asked| asked.topic == Some(self.topic) && !asked.again);
        let mut cases = Vec::new();
        for (image, (prompt, reply)) in recalled {
            let agreement = described
                .get(&image)
                .and_then(|(_, description)| agreement(self.topic, prompt, reply, description));
            if let Some(Agreement { described, said }) = agreement {
                cases.extend((0..said).map(|thing| (image, thing < described)));
            }
        }
        cases
    }

    /// By image, whether each later reply contradicts the first, where that can be told.
    fn contradictions(&self) -> Vec<(u64, bool)> {
        let first = self.first(|asked| asked.topic == Some(self.topic) && !asked.again);
        let later = self.spoken(|asked| asked.topic == Some(self.topic) && asked.again);
        later
            .filter_map(|(image, (_, later))| {
                let (_, first) = first.get(&image)?;
                Some((image, contradicts(self.topic, first, later)?))
            })
            .collect()
    }
}

/// What `reply` to `prompt` says beside the `description`; `None` where it says nothing of the
/// kind. [`TopicFigures::self_consistency`] tells what is counted.
pub fn agreement(
    topic: RecallTopic,
    prompt: &str,
    reply: &str,
    description: &str,
) -> Option<Agreement> {
    let (reply, description) = (words(reply), words(description));
    let (described, said) = match topic {
        RecallTopic::People => {
            let says = says_people(&reply)?;
            (usize::from(says == mentions_people(&description)), 1)
        }
        RecallTopic::Colours => {
            let (said, known) = (colours(&reply), colours(&description));
            (said.intersection(&known).count(), said.len())
        }
        RecallTopic::Scene => {
            let prompt = words(prompt);
            let (asked, known) = (content(&prompt), content(&description));
            let said = content(&reply);
            let new = || said.difference(&asked);
            (new().filter(|word| known.contains(*word)).count(), new().count())
        }
    };
    (said > 0).then_some(Agreement { described, said })
}

/// Whether two replies about one image contradict each other; `None` where that cannot be told.
/// [`TopicFigures::contradiction`] tells what does.
pub fn contradicts(topic: RecallTopic, first: &str, later: &str) -> Option<bool> {
    let (first, later) = (words(first), words(later));
    match topic {
        RecallTopic::People => Some(says_people(&first)? != says_people(&later)?),
        RecallTopic::Colours => {
            let (first, later) = (colours(&first), colours(&later));
            let both = !first.is_empty() && !later.is_empty();
            both.then(|| first.is_disjoint(&later))
        }
        RecallTopic::Scene => None,
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
