//! The context test: after it saw an image and talked for a while, does a model still know what
//! it saw? The same facts are asked after histories that differ in one thing each.

mod history;
pub mod recall;
mod steps;

use std::path::PathBuf;

use self::steps::{Step, Steps};
use super::{Item, Prompt, Replies, Suite};
use crate::{
    dataset::scenario::{Fact, Scenario},
    results::{
        About, AboutContext, AskedFact, ContextJudgement, Judgement, Outcome, Part,
        figures::CONTEXT,
    },
    scoring::context::{self, Condition, Parse},
    vlm::{CandidateScore, Chat, FinishReason, Generation, GenerationOptions, Message},
};

/// Asks for a description: turn 0.
pub const DESCRIBE: &str = "Describe this image in detail.";
/// What a probe ends with unless the user or the model's manifest says otherwise. `{options}`
/// stands for the closed set of answers.
pub const DEFAULT_PROMPT_SUFFIX: &str = "Answer with one of: {options}.";
/// Longest answer to a probe, in tokens.
const PROBE_TOKENS: usize = 32;

/// What is asked under which histories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextOptions {
    /// The histories.
    pub conditions: Vec<Condition>,
    /// Numbers of turns about something else after which facts are asked, ascending.
    pub distractors: Vec<usize>,
    /// Longest description or reply to a turn, in tokens.
    pub max_tokens: usize,
}

/// A scenario whose image is a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Illustrated {
    /// What is asked.
    pub scenario: Scenario,
    /// Its image.
    pub image: PathBuf,
    /// SHA-256 of the image file in lower-case hex.
    pub sha256: String,
}

/// The context test over some scenarios.
#[derive(Debug)]
pub struct ContextSuite {
    scenarios: Vec<Illustrated>,
    options: ContextOptions,
    steps: Steps,
    items: Vec<Item>,
}

impl ContextSuite {
    /// Asks `scenarios` as `options` say. The condition X needs at least two of them.
    pub fn new(scenarios: Vec<Illustrated>, options: ContextOptions) -> Self {
        let facts = scenarios.iter().map(|it| it.scenario.facts.len());
        let steps = Steps::new(facts, &options.conditions, &options.distractors);
        let mut suite = Self { scenarios, options, steps, items: Vec::new() };
        suite.items = (0..suite.steps.all.len()).map(|index| suite.item(index)).collect();
        suite
    }

    fn item(&self, index: usize) -> Item {
        let step = self.steps.all[index];
        // The image of another scene is asked about with that scene.
        let group = match step.condition {
            Some(Condition::X) => self.another(step.scenario),
            _ => step.scenario,
        };
        Item {
            id: index as u64 + 1,
            image: self.shown(step).map(|shown| shown.image.clone()),
            group: group as u64,
            question: match (step.part, self.fact(step)) {
                (Part::Probe | Part::Repeat, Some(fact)) => fact.question.clone(),
                (Part::Turn, _) => self.turn(step.scenario, step.distractors).to_owned(),
                _ => DESCRIBE.to_owned(),
            },
        }
    }

    /// The scenario whose image condition X shows instead.
    fn another(&self, scenario: usize) -> usize {
        (scenario + 1) % self.scenarios.len().max(1)
    }

    /// Whose image the prompt of a step shows.
    fn shown(&self, step: Step) -> Option<&Illustrated> {
        match step.condition {
            None | Some(Condition::S | Condition::A) => self.scenarios.get(step.scenario),
            Some(Condition::X) => self.scenarios.get(self.another(step.scenario)),
            Some(Condition::B | Condition::E | Condition::N) => None,
        }
    }

    fn fact(&self, step: Step) -> Option<&Fact> {
        self.scenarios.get(step.scenario)?.scenario.facts.get(step.fact)
    }

    /// The text of a scenario's turn, from 0.
    fn turn(&self, scenario: usize, turn: usize) -> &str {
        let turns = self.scenarios.get(scenario).map(|it| &it.scenario.distractors);
        turns.and_then(|turns| turns.get(turn)).map_or("", String::as_str)
    }

    /// What was said before a step.
    fn before(&self, step: Step, replies: &Replies) -> Result<Vec<Message>, Box<Outcome>> {
        let in_conversation =
            step.condition.map_or(step.part == Part::Turn, Condition::is_conversation);
        if !in_conversation {
            return Ok(Vec::new());
        }
        let Some(own) = self.scenarios.get(step.scenario) else { return Ok(Vec::new()) };
        let mut messages = Vec::new();
        let heard = self.steps.heard(step.scenario, step.distractors, replies)?;
        for (turn, reply) in heard.into_iter().enumerate() {
            let (images, text) = match turn {
                0 => (self.shown(step).map(|shown| shown.image.clone()), DESCRIBE),
                turn => (None, self.turn(step.scenario, turn - 1)),
            };
            messages.push(Message::user(images, text));
            let said = match (turn, step.condition) {
                (0, Some(Condition::E)) => own.scenario.gold.as_str(),
                _ => reply.answer.trim(),
            };
            messages.push(Message::assistant(said));
        }
        Ok(messages)
    }

    /// The last turn of a step.
    fn last(&self, step: Step, suffix: &str, has_image: bool) -> Message {
        let image = self.shown(step).filter(|_| has_image).map(|shown| shown.image.clone());
        let text = match (step.part, self.fact(step)) {
            (Part::Probe | Part::Repeat, Some(fact)) => probe(fact, suffix),
            (Part::Turn, _) => self.turn(step.scenario, step.distractors).to_owned(),
            _ => DESCRIBE.to_owned(),
        };
        Message::user(image, text)
    }

    fn chat(&self, step: Step, suffix: &str, replies: &Replies) -> Result<Chat, Box<Outcome>> {
        let mut messages = self.before(step, replies)?;
        let opens = messages.is_empty();
        messages.push(self.last(step, suffix, opens));
        Ok(Chat { messages })
    }

    fn judgement(
        &self,
        index: usize,
        suffix: &str,
        reply: &Generation,
        replies: &Replies,
    ) -> ContextJudgement {
        let step = self.steps.all[index];
        let probed = self.fact(step).filter(|_| step.condition.is_some());
        let cut_off = reply.finish_reason == FinishReason::Length;
        let parse = match (step.part, probed) {
            (_, Some(fact)) => {
                let asked = probe(fact, suffix);
                Some(context::parse(&reply.answer, &fact.options, &asked, cut_off))
            }
            (Part::Describe, None) => {
                match (context::is_empty(&reply.answer), context::is_echo(&reply.answer, DESCRIBE))
                {
                    (true, _) => Some(Parse::Empty),
                    (_, true) => Some(Parse::Echo),
                    _ => None,
                }
            }
            _ => None,
        };
        let option_logprobs: Vec<f64> =
            reply.candidates.iter().map(CandidateScore::per_token).collect();
        let described = self.steps.conversation(step.scenario, 0).first();
        let described = described.and_then(|place| replies.get(place));
        let first = self.steps.repeated(index).and_then(|place| replies.get(&place));
        let chat = self.chat(step, suffix, replies).unwrap_or_default();
        let expected: Vec<_> =
            chat.images().filter_map(|_| Some(self.shown(step)?.sha256.as_str())).collect();
        ContextJudgement {
            parse,
            correct: probed.zip(parse).map(|(fact, parse)| parse == chosen(fact.answer)),
            weighed: context::most_probable(&option_logprobs),
            option_logprobs,
            claimed: probed.zip(described).and_then(|(fact, description)| {
                context::claimed(&description.answer, &fact.claims)
            }),
            same_again: first.map(|first| first.token_ids == reply.token_ids),
            history: history::check(&chat, &expected, reply),
        }
    }
}

impl Suite for ContextSuite {
    fn name(&self) -> &'static str {
        CONTEXT
    }

    fn items(&self) -> &[Item] {
        &self.items
    }

    fn about(&self, item: usize, _suffix: &str) -> About {
        let step = self.steps.all[item];
        let asked = self.fact(step).filter(|_| step.condition.is_some());
        About::Context(AboutContext {
            scenario: step.scenario as u64 + 1,
            part: step.part,
            condition: step.condition,
            distractors: step.distractors,
            fact: asked.map(|fact| AskedFact {
                id: fact.id,
                topic: fact.topic.clone(),
                options: fact.options.clone(),
                expected: fact.answer,
                absent: fact.absent,
            }),
        })
    }

    fn prompt(&self, item: usize, suffix: &str, replies: &Replies) -> Result<Prompt, Box<Outcome>> {
        let step = self.steps.all[item];
        let chat = self.chat(step, suffix, replies)?;
        let probed = self.fact(step).filter(|_| step.condition.is_some());
        let options = GenerationOptions {
            max_tokens: if probed.is_some() { PROBE_TOKENS } else { self.options.max_tokens },
            candidates: probed.map(|fact| fact.options.clone()).unwrap_or_default(),
            read_back: true,
            ..GenerationOptions::default()
        };
        Ok(Prompt { chat, options })
    }

    fn judge(&self, item: usize, suffix: &str, reply: &Generation, replies: &Replies) -> Outcome {
        Outcome::Answered {
            raw: reply.answer.clone(),
            finish_reason: reply.finish_reason,
            judgement: Judgement::Context(self.judgement(item, suffix, reply, replies)),
        }
    }
}

fn chosen(option: usize) -> Parse {
    Parse::Chosen { option }
}

/// A question and, on a line of its own, how to answer it.
fn probe(fact: &Fact, suffix: &str) -> String {
    let suffix = suffix.replace("{options}", &fact.options.join(", "));
    if suffix.is_empty() { fact.question.clone() } else { format!("{}\n{suffix}", fact.question) }
}

#[cfg(test)]
mod tests;
