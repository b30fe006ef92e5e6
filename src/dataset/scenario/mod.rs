//! What the context test asks: an image, facts about it with closed sets of answers, and turns that distract from it.

mod claims;
mod distractors;
mod facts;
mod photos;
mod recall;
mod scenes;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::synthetic::{Scene, SyntheticError, draw, save};

pub use photos::{ANNOTATIONS, read};
pub use recall::{RECALL_QUESTIONS, Recall, RecallTopic, SEEDING_PROMPT, recall};
pub use scenes::{FACTS, SCENARIOS, SceneOptions, scenes};

/// One image to talk about, and what is asked about it afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Its number in the run, from 1.
    pub id: u64,
    /// What is shown.
    pub image: ScenarioImage,
    /// A true description: every fact about a drawn scene follows from it; of a photo, what its annotator wrote.
    pub gold: String,
    /// What is asked, in this order.
    pub facts: Vec<Fact>,
    /// What the user says between the image and the questions. A shorter list for the same scenario is the beginning
    /// of a longer one.
    pub distractors: Vec<String>,
}

impl Scenario {
    /// The image as a file: its own, or drawn into `folder` as `scene_<id>.png`, losslessly.
    ///
    /// # Errors
    /// [`SyntheticError`] if the file cannot be written.
    pub fn image_file(&self, folder: &Path) -> Result<PathBuf, SyntheticError> {
        match &self.image {
            ScenarioImage::File(path) => Ok(path.clone()),
            ScenarioImage::Drawn(scene) => {
                let path = folder.join(format!("scene_{:05}.png", self.id));
                save(&draw(scene), &path)?;
                Ok(path)
            }
        }
    }
}

/// Where a scenario's image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScenarioImage {
    /// It is drawn from its own fact table.
    Drawn(Scene),
    /// It is a file.
    File(PathBuf),
}

/// One thing that an image shows, or that it does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Unique in the run: 1000 times the scenario's id plus the fact's place in it, from 0.
    pub id: u64,
    /// What it is about: of a scene `colour`, `count`, `text`, `relation`, `presence`, `position` or `shape`.
    pub topic: String,
    /// The question.
    pub question: String,
    /// The closed set of answers, at least two, all different.
    pub options: Vec<String>,
    /// Index of the right one in `options`.
    pub answer: usize,
    /// Of a question whether something is there: whether it is absent. `None` for every other question.
    pub absent: Option<bool>,
    /// For each option the lower-case phrases that state it in a description, e.g. `red circle`; none if a
    /// description does not state such a thing in so many words.
    pub claims: Vec<Vec<String>>,
}
