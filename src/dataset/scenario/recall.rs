//! The classic protocol on photos that nobody annotated: have each described in extreme detail, then ask what was in it.

use std::path::{Path, PathBuf};

use super::{
    super::{error::DatasetError, image_folder::image_files},
    distractors::distractors,
};

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

/// Every image file in `folder`, not below it, in the order of the names; files that begin with a dot are passed over.
/// Each has `turns` distractors, drawn by `seed`.
///
/// # Errors
/// [`DatasetError`]: `folder` is none, cannot be read or holds no image.
pub fn recall(folder: &Path, seed: u64, turns: usize) -> Result<Vec<Recall>, DatasetError> {
    let images = image_files(folder)?;
    let numbered = images.into_iter().zip(1..);
    Ok(numbered
        .map(|(image, id)| Recall { id, image, distractors: distractors(seed, id, turns) })
        .collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_image_of_a_folder_is_recalled_in_the_order_of_the_names() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.JPG", "a.png", "c.webp", "notes.txt", "._a.png", "png"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("d.png")).unwrap();
        let found = recall(folder.path(), 1, 3).unwrap();
        let names: Vec<_> = found.iter().map(|r| r.image.file_name().unwrap()).collect();
        assert_eq!(names, ["a.png", "b.JPG", "c.webp"]);
        assert_eq!(found.iter().map(|r| r.id).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(found.iter().all(|r| r.distractors.len() == 3));
        assert_ne!(found[0].distractors, found[1].distractors);
    }

    #[test]
    fn a_folder_without_images_is_named_with_the_endings_that_count() {
        let folder = tempfile::tempdir().unwrap();
        let error = recall(folder.path(), 1, 0).unwrap_err().to_string();
        let wanted = format!(
            "{} holds no image (png, jpg, jpeg, webp, gif, bmp, tif, tiff)",
            folder.path().display()
        );
        assert_eq!(error, wanted);
        assert!(recall(&folder.path().join("none"), 1, 0).is_err());
    }
}
