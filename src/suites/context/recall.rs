//! The classic protocol on photos that nobody annotated: each is described, then recalled from
//! memory after turns about something else. Scored by what can be told without a key.

use super::{
    super::{Item, Prompt, Replies, Suite},
    history,
    steps::{Step, Steps},
};
use crate::{
    dataset::scenario::{RECALL_QUESTIONS, Recall, RecallTopic as Asked, SEEDING_PROMPT},
    results::{About, AboutRecall, Judgement, Outcome, Part, RecallJudgement, figures::RECALL},
    scoring::context::{Condition, RecallTopic, Said, agreement, contradicts},
    vlm::{Chat, Generation, GenerationOptions, Message},
};

/// A photo with its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// What is done with it.
    pub recall: Recall,
    /// SHA-256 of the file in lower-case hex; `None` if it cannot be read.
    pub sha256: Option<String>,
}

/// The recall of some photos.
#[derive(Debug)]
pub struct RecallSuite {
    photos: Vec<Photo>,
    /// Fewest turns after which is asked.
    fewest: usize,
    max_tokens: usize,
    steps: Steps,
    items: Vec<Item>,
}

impl RecallSuite {
    /// Asks of each photo after each of the numbers of turns in `distractors`, ascending; a reply
    /// has at most `max_tokens`.
    pub fn new(photos: Vec<Photo>, distractors: &[usize], max_tokens: usize) -> Self {
        // The image stays in sight of the conversation: that is condition A.
        let questions = photos.iter().map(|_| RECALL_QUESTIONS.len());
        let steps = Steps::new(questions, &[Condition::A], distractors);
        let fewest = distractors.first().copied().unwrap_or_default();
        let mut suite = Self { photos, fewest, max_tokens, steps, items: Vec::new() };
        suite.items = (0..suite.steps.all.len()).map(|index| suite.item(index)).collect();
        suite
    }

    fn item(&self, index: usize) -> Item {
        let step = self.steps.all[index];
        Item {
            id: index as u64 + 1,
            image: self.photos.get(step.scenario).map(|photo| photo.recall.image.clone()),
            group: step.scenario as u64,
            question: self.text(step).to_owned(),
        }
    }

    /// What the user says in a step.
    fn text(&self, step: Step) -> &str {
        match step.part {
            Part::Describe => SEEDING_PROMPT,
            Part::Turn => self.turn(step.scenario, step.distractors),
            Part::Probe | Part::Repeat => question(step).map_or("", |(_, question)| question),
        }
    }

    /// The text of a photo's turn, from 0.
    fn turn(&self, photo: usize, turn: usize) -> &str {
        let turns = self.photos.get(photo).map(|photo| &photo.recall.distractors);
        turns.and_then(|turns| turns.get(turn)).map_or("", String::as_str)
    }

    fn chat(&self, step: Step, replies: &Replies) -> Result<Chat, Box<Outcome>> {
        let image = self.photos.get(step.scenario).map(|photo| photo.recall.image.clone());
        if step.part == Part::Describe {
            return Ok(Chat { messages: vec![Message::user(image, SEEDING_PROMPT)] });
        }
        let heard = self.steps.heard(step.scenario, step.distractors, replies)?;
        let mut messages = Vec::with_capacity(2 * heard.len() + 1);
        for (turn, reply) in heard.into_iter().enumerate() {
            messages.push(match turn.checked_sub(1) {
                None => Message::user(image.clone(), SEEDING_PROMPT),
                Some(turn) => Message::user(None, self.turn(step.scenario, turn)),
            });
            messages.push(Message::assistant(reply.answer.trim()));
        }
        messages.push(Message::user(None, self.text(step)));
        Ok(Chat { messages })
    }

    /// The reply at `place` to `prompt`, if it says something: an echo is compared with nothing.
    fn spoken<'a>(place: Option<usize>, prompt: &str, replies: &'a Replies) -> Option<&'a str> {
        let reply = replies.get(&place?)?.answer.as_str();
        (Said::of(reply, prompt) == Said::Something).then_some(reply)
    }

    fn judgement(&self, index: usize, reply: &Generation, replies: &Replies) -> RecallJudgement {
        let step = self.steps.all[index];
        let (text, said) = (self.text(step), Said::of(&reply.answer, self.text(step)));
        let compared = topic(step).filter(|_| step.part == Part::Probe && said == Said::Something);
        let agreement = compared.and_then(|topic| {
            let described = self.steps.conversation(step.scenario, 0).first().copied();
            let described = Self::spoken(described, SEEDING_PROMPT, replies)?;
            agreement(topic, text, &reply.answer, described)
        });
        let contradicts = compared.filter(|_| self.is_again(step)).and_then(|topic| {
            let first = self.steps.earlier(index, Step { distractors: self.fewest, ..step });
            contradicts(topic, Self::spoken(first, text, replies)?, &reply.answer)
        });
        let repeated = self.steps.repeated(index).and_then(|place| replies.get(&place));
        let chat = self.chat(step, replies).unwrap_or_default();
        let sha256 = self.photos.get(step.scenario).and_then(|photo| photo.sha256.as_deref());
        RecallJudgement {
            said,
            agreement,
            contradicts,
            same_again: repeated.map(|first| first.token_ids == reply.token_ids),
            history: history::check(&chat, sha256.as_slice(), reply),
        }
    }

    /// Whether a step asks what was asked after fewer turns.
    fn is_again(&self, step: Step) -> bool {
        question(step).is_some() && step.distractors > self.fewest
    }
}

/// What a step asks from memory.
fn question(step: Step) -> Option<(Asked, &'static str)> {
    let asks = matches!(step.part, Part::Probe | Part::Repeat);
    RECALL_QUESTIONS.get(step.fact).copied().filter(|_| asks)
}

fn topic(step: Step) -> Option<RecallTopic> {
    let (topic, _) = question(step)?;
    Some(match topic {
        Asked::Colours => RecallTopic::Colours,
        Asked::People => RecallTopic::People,
        Asked::Summary => RecallTopic::Scene,
    })
}

impl Suite for RecallSuite {
    fn name(&self) -> &'static str {
        RECALL
    }

    fn items(&self) -> &[Item] {
        &self.items
    }

    fn about(&self, item: usize, _suffix: &str) -> About {
        let step = self.steps.all[item];
        About::Recall(AboutRecall {
            photo: step.scenario as u64 + 1,
            part: step.part,
            distractors: step.distractors,
            topic: topic(step),
            again: self.is_again(step),
        })
    }

    fn prompt(&self, item: usize, _: &str, replies: &Replies) -> Result<Prompt, Box<Outcome>> {
        let chat = self.chat(self.steps.all[item], replies)?;
        let options = GenerationOptions {
            max_tokens: self.max_tokens,
            read_back: true,
            ..GenerationOptions::default()
        };
        Ok(Prompt { chat, options })
    }

    fn judge(&self, item: usize, _suffix: &str, reply: &Generation, replies: &Replies) -> Outcome {
        Outcome::Answered {
            raw: reply.answer.clone(),
            finish_reason: reply.finish_reason,
            judgement: Judgement::Recall(self.judgement(item, reply, replies)),
        }
    }
}

#[cfg(test)]
mod tests;
