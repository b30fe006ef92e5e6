//! What is kept of one step of a context test, and the figures of all of them.

use serde::{Deserialize, Serialize};

use super::{About, Judgement, QuestionResult, evidence::evidence};
use crate::scoring::context::{Condition, ContextFigures, Observation, Parse};

/// Decides the resampling of figures. They are the same whenever they are computed.
pub(super) const RESAMPLING_SEED: u64 = 0;

/// What a context test asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextSettings {
    /// Images that are talked about.
    pub scenarios: usize,
    /// Facts of all of them; 0 where none are known.
    pub facts: usize,
    /// The histories under which they are asked.
    pub conditions: Vec<Condition>,
    /// After how many turns about something else, ascending.
    pub distractors: Vec<usize>,
}

/// What one step of a context test is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutContext {
    /// The scenario, from 1.
    pub scenario: u64,
    /// What is done.
    pub part: Part,
    /// What the history of a probe holds.
    pub condition: Option<Condition>,
    /// Turns about something else before it.
    pub distractors: usize,
    /// What a probe asks.
    pub fact: Option<AskedFact>,
}

/// What one step of a context test does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Shows the image and asks for a description: turn 0.
    Describe,
    /// Talks about something else.
    Turn,
    /// Asks for a fact, or about the image from memory.
    Probe,
    /// Asks a probe a second time, in the same words.
    Repeat,
}

/// A fact with its closed set of answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedFact {
    /// Unique in the run.
    pub id: u64,
    /// What it is about, e.g. `colour`.
    pub topic: String,
    /// The closed set.
    pub options: Vec<String>,
    /// Place of the right one in `options`, from 0.
    pub expected: usize,
    /// Where presence is asked: whether the thing is absent.
    pub absent: Option<bool>,
}

/// What is made of the reply to one step of a context test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContextJudgement {
    /// What it says: of a probe, which option; of a description, whether it is empty or an echo.
    pub parse: Option<Parse>,
    /// Whether a probe's option is the right one.
    pub correct: Option<bool>,
    /// The option with the highest log-probability per token, from 0.
    pub weighed: Option<usize>,
    /// Log-probability per token of each option; empty where none was weighed.
    pub option_logprobs: Vec<f64>,
    /// The option that the model's own description states, from 0.
    pub claimed: Option<usize>,
    /// Of a repeated probe: whether the reply was the same.
    pub same_again: Option<bool>,
    /// Whether the prompt held what it should.
    pub history: HistoryCheck,
}

/// The conversation that was sent against the token ids and images that the model got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryCheck {
    /// Turns of the conversation, the last included.
    pub turns: usize,
    /// Those found in the token ids, in order; `None` where the ids could not be read back.
    pub turns_found: Option<usize>,
    /// Images of the conversation.
    pub images: usize,
    /// Those the model got.
    pub images_found: usize,
    /// Whether these were the files that were sent, in order.
    pub images_match: bool,
}

/// The figures of a context test; `not_asked` more steps were planned.
pub fn figures(questions: &[QuestionResult], not_asked: usize) -> ContextFigures {
    ContextFigures::of(&observations(questions), evidence(questions, not_asked), RESAMPLING_SEED)
}

/// The probes of a context test.
pub fn observations(questions: &[QuestionResult]) -> Vec<Observation> {
    questions.iter().filter_map(observation).collect()
}

fn about(question: &QuestionResult) -> Option<&AboutContext> {
    match &question.about {
        About::Context(about) => Some(about),
        About::Vqa(_) | About::Description(_) | About::Recall(_) | About::Soak(_) => None,
    }
}

fn judgement(question: &QuestionResult) -> Option<&ContextJudgement> {
    match question.outcome.judgement()? {
        Judgement::Context(judgement) => Some(judgement),
        Judgement::Vqa(_) | Judgement::Description(_) | Judgement::Recall(_) => None,
    }
}

/// A probe as the figures see it; there is one for each, with a reply or without.
fn observation(question: &QuestionResult) -> Option<Observation> {
    let about = about(question).filter(|about| about.part == Part::Probe)?;
    let (condition, fact) = (about.condition?, about.fact.as_ref()?);
    let judgement = judgement(question);
    Some(Observation {
        scenario: about.scenario,
        fact: fact.id,
        condition,
        distractors: about.distractors,
        absent: fact.absent,
        expected: fact.expected,
        parse: judgement.and_then(|it| it.parse),
        weighed: judgement.and_then(|it| it.weighed),
        claimed: judgement.and_then(|it| it.claimed),
    })
}
