//! What a conversation leaves of an image: the same facts asked under several histories, and
//! the figures that follow. Nothing here asks a model; a missing reply is never a score.

mod compare;
mod condition;
mod figures;
mod measure;
mod parse;
mod recall;
mod validity;
mod vocabulary;
mod words;

use serde::{Deserialize, Serialize};

pub use compare::{Comparison, compare};
pub use condition::{Condition, UnknownCondition};
pub use figures::{
    ConditionFigures, ContextFigures, Corrected, Decay, ParseCounts, Proportion, Retention,
    ScorerFigures,
};
pub use parse::{Parse, claimed, is_echo, is_empty, most_probable, parse};
pub use recall::{
    Agreement, RecallFigures, RecallReply, RecallTopic, ReplyCounts, Said, TopicFigures, agreement,
    contradicts,
};
pub use validity::{Description, Evidence, Invalid, identical};

/// One fact asked once, and what came of it. There is one for every probe that was planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The scenario, which is what the bootstrap draws.
    pub scenario: u64,
    /// The fact; unique in its scenario.
    pub fact: u64,
    /// What the history held.
    pub condition: Condition,
    /// Distractor turns between the description and the probe; 0 where there is no conversation.
    pub distractors: usize,
    /// Whether the thing asked for is absent; `None` where presence is not what is asked.
    pub absent: Option<bool>,
    /// The right option.
    pub expected: usize,
    /// What the reply says; `None` where there is none.
    pub parse: Option<Parse>,
    /// The option with the highest log-probability per token; `None` where none was weighed.
    pub weighed: Option<usize>,
    /// The option that the model's own description states; `None` where it states none.
    pub claimed: Option<usize>,
}
