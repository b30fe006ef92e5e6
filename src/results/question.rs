//! Everything kept of one question put to one model.

use serde::{Deserialize, Serialize};

use super::{
    AboutContext, AboutDescription, AboutRecall, AboutSoak, Outcome,
    figures::{CONTEXT, DESCRIBE, RECALL, SOAK},
};
use crate::{
    memory::QuestionMemory,
    vlm::{Timings, Usage},
};

/// One question put to one model, what came of it and what it cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuestionResult {
    /// Place among the run's questions, from 1, in dataset order.
    pub position: usize,
    /// The suite's id of the question.
    pub question_id: u64,
    /// The image file it is about, as it was given to the model, if it is about one.
    pub image: Option<String>,
    /// SHA-256 of the image file in lower-case hex; `None` if it cannot be read.
    pub image_sha256: Option<String>,
    /// The question without suffix.
    pub question: String,
    /// What else its suite says of it.
    #[serde(flatten)]
    pub about: About,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How earlier attempts at it ended, where a fresh worker was asked again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Outcome>,
    /// Token counts, where a generation finished.
    pub usage: Option<Usage>,
    /// Where the time went, where a generation finished.
    pub timings_ms: Option<Timings>,
    /// Allocator counters, where a generation finished.
    pub memory: Option<QuestionMemory>,
    /// From sending the question to its outcome, in milliseconds.
    pub wall_ms: f64,
}

/// What a suite says of a question. The fields of the variants tell them apart in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum About {
    /// A question of a VQA dataset.
    Vqa(AboutVqa),
    /// A step of a context test.
    Context(AboutContext),
    /// An image to be described, or a prompt without one.
    Description(AboutDescription),
    /// A step of the recall of photos.
    Recall(AboutRecall),
    /// A question of a soak test.
    Soak(AboutSoak),
}

/// A question of a VQA dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutVqa {
    /// The dataset's id of the image.
    pub image_id: u64,
    /// What was added to the question, e.g. a request for a short answer.
    pub prompt_suffix: String,
    /// The dataset's class of the question, e.g. `what color`.
    pub question_type: String,
    /// The dataset's class of the answer, e.g. `yes/no`.
    pub answer_type: String,
    /// The human answers it is judged by.
    pub references: Vec<String>,
}

impl About {
    /// The suite that it is of.
    pub fn suite(&self) -> &'static str {
        match self {
            Self::Vqa(_) => "vqa",
            Self::Context(_) => CONTEXT,
            Self::Description(_) => DESCRIBE,
            Self::Recall(_) => RECALL,
            Self::Soak(_) => SOAK,
        }
    }
}

impl QuestionResult {
    /// Tells its image from others by the content, or by the path where that cannot be read.
    pub fn image_key(&self) -> &str {
        self.image_sha256.as_ref().or(self.image.as_ref()).map_or("", String::as_str)
    }

    /// What is said of it if it is a question of a VQA dataset.
    pub fn vqa(&self) -> Option<&AboutVqa> {
        match &self.about {
            About::Vqa(about) => Some(about),
            About::Context(_) | About::Description(_) | About::Recall(_) | About::Soak(_) => None,
        }
    }

    /// What is said of it if a description is asked for.
    pub fn description(&self) -> Option<&AboutDescription> {
        match &self.about {
            About::Description(about) => Some(about),
            About::Vqa(_) | About::Context(_) | About::Recall(_) | About::Soak(_) => None,
        }
    }
}
