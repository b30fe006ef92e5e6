//! The classic protocol on photos that nobody annotated: have each described in extreme detail, then ask what was in it.

use std::path::PathBuf;

use super::distractors::distractors;

/// What is said with the image.
pub const SEEDING_PROMPT: &str = "Describe this image in extreme detail.";

/// What is asked afterwards, the image not being shown again.
pub const RECALL_QUESTIONS: [(RecallTopic, &str); 3] = [
    (RecallTopic::Colours, "What are the most prominent colors in the image?"),
    (RecallTopic::People, "Are there any people in the image?"),
    (RecallTopic::Summary, "Summarize the scene in one sentence."),
];

/// What a recall question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecallTopic {
    /// The most prominent colours.
    Colours,
    /// Whether there are people: yes or no.
    People,
    /// The scene in one sentence.
    Summary,
}

/// One photo to describe and to recall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recall {
    /// Its number in the run, from 1.
    pub id: u64,
    /// The file.
    pub image: PathBuf,
    /// What the user says between the description and the questions, as in [`Scenario`](super::Scenario).
    pub distractors: Vec<String>,
}

/// Each of `images` in turn, with `turns` distractors of its own, drawn by `seed`.
pub fn recall(
    images: impl IntoIterator<Item = PathBuf>,
    seed: u64,
    turns: usize,
) -> impl Iterator<Item = Recall> {
    let numbered = images.into_iter().zip(1..);
    numbered.map(move |(image, id)| Recall { id, image, distractors: distractors(seed, id, turns) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_numbered_and_each_has_turns_of_its_own() {
        let found: Vec<_> = recall(["a.png", "b.JPG"].map(PathBuf::from), 1, 3).collect();
        assert_eq!(found.iter().map(|it| it.id).collect::<Vec<_>>(), [1, 2]);
        assert!(found[1].image.ends_with("b.JPG"));
        assert!(found.iter().all(|it| it.distractors.len() == 3));
        assert_ne!(found[0].distractors, found[1].distractors);
    }

    #[test]
    fn a_run_of_fewer_images_asks_the_first_of_a_run_of_more() {
        let of = |count| recall(["a", "b", "c"].map(PathBuf::from).into_iter().take(count), 7, 2);
        assert_eq!(of(1).next(), of(3).next());
    }
}
