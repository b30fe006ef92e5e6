//! What is kept of one step of the recall of photos, and the figures of all of them.

use serde::{Deserialize, Serialize};

use super::{
    About, HistoryCheck, Judgement, Part, QuestionResult, context::RESAMPLING_SEED,
    evidence::evidence,
};
use crate::scoring::context::{Agreement, RecallFigures, RecallReply, RecallTopic, Said};

/// What one step of the recall of photos is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutRecall {
    /// The photo, from 1.
    pub photo: u64,
    /// What is done.
    pub part: Part,
    /// Turns about something else before it.
    pub distractors: usize,
    /// What is asked from memory.
    pub topic: Option<RecallTopic>,
    /// Whether the same was asked before, after fewer turns.
    pub again: bool,
}

/// What is made of the reply to one step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecallJudgement {
    /// What it is by itself.
    pub said: Said,
    /// What an answer from memory says beside the model's own description; `None` where it says
    /// nothing of the kind.
    pub agreement: Option<Agreement>,
    /// Whether an answer contradicts the first to the same question, where that can be told.
    pub contradicts: Option<bool>,
    /// Of a repeated question: whether the reply was the same.
    pub same_again: Option<bool>,
    /// Whether the prompt held what it should.
    pub history: HistoryCheck,
}

/// The figures of the recall of photos; `not_asked` more steps were planned.
pub fn figures(questions: &[QuestionResult], not_asked: usize) -> RecallFigures {
    let replies: Vec<_> = questions.iter().filter_map(reply).collect();
    RecallFigures::of(&replies, evidence(questions, not_asked), RESAMPLING_SEED)
}

/// A description or an answer from memory as the figures see it, with a reply or without.
fn reply(question: &QuestionResult) -> Option<RecallReply<'_>> {
    let about = question.recall()?;
    let counts = matches!(about.part, Part::Describe | Part::Probe);
    counts.then(|| RecallReply {
        image: question.image_key(),
        topic: about.topic,
        again: about.again,
        prompt: &question.question,
        reply: question.outcome.raw(),
    })
}

impl QuestionResult {
    /// What is said of it if it is a step of the recall of photos.
    pub fn recall(&self) -> Option<&AboutRecall> {
        match &self.about {
            About::Recall(about) => Some(about),
            About::Vqa(_) | About::Context(_) | About::Description(_) | About::Soak(_) => None,
        }
    }

    /// What its reply shows if it is a step of the recall of photos.
    pub fn recalled(&self) -> Option<&RecallJudgement> {
        match self.outcome.judgement()? {
            Judgement::Recall(judgement) => Some(judgement),
            Judgement::Vqa(_) | Judgement::Context(_) | Judgement::Description(_) => None,
        }
    }
}
