//! What is asked: questions about images, with the answers people gave. Reads a
//! folder in the VQA v2 layout; the large published files are streamed.

mod coco_images;
mod error;
mod image_folder;
mod json_stream;
mod locate;
mod sampling;
pub mod scenario;
mod source;
pub mod synthetic;
mod vqa_v2;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use error::{DatasetError, NoDataset};
pub use image_folder::image_files;
pub use locate::{find, known};

/// One question about one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Its id, unique in the dataset.
    pub id: u64,
    /// The id of its image; several questions may share one.
    pub image_id: u64,
    /// The question as asked.
    pub text: String,
    /// What it starts with (`how many`, `is the` …), if annotated.
    pub question_type: Option<String>,
    /// `yes/no`, `number` or `other`, if annotated.
    pub answer_type: Option<String>,
    /// What people answered, ten of them in the published sets; empty if the
    /// question is not annotated.
    pub answers: Vec<String>,
    /// The image file. If none was found, where it was expected: opening it
    /// fails, and that is this question's error only.
    pub image: PathBuf,
    /// Its place in the questions file, from 0.
    pub index: usize,
}

/// The selected questions of one split of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its name: from `dataset.toml`, else the folder's.
    pub name: String,
    /// One line from `dataset.toml`, else empty.
    pub description: String,
    /// The licence from `dataset.toml`, if it states one.
    pub license: Option<String>,
    /// Its folder.
    pub root: PathBuf,
    /// The split that was read.
    pub split: String,
    /// All splits the folder holds, `split` included.
    pub available_splits: Vec<String>,
    /// The file the questions come from.
    pub questions_file: PathBuf,
    /// The file the answers come from; `None` for a split published without.
    pub annotations_file: Option<PathBuf>,
    /// Questions in the file, selected or not.
    pub total_questions: usize,
    /// The selected questions, in the order of the file.
    pub questions: Vec<Question>,
}

/// Which questions of a dataset to ask.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// How many, drawn by `seed`; `None` takes all. At least 1, and not more
    /// than there are.
    pub questions: Option<usize>,
    /// Decides the sample: the same seed draws the same questions, whatever
    /// their order in the file, and a larger sample contains a smaller one.
    pub seed: u64,
    /// Exactly these ids; if not empty, `questions` and `seed` are not used.
    pub only: Vec<u64>,
}

/// Reads the dataset in the folder `root`: its `split`, or the default one, and
/// of that the `selection`.
///
/// The folder holds a `dataset.toml`, or the published VQA v2 files unchanged.
/// Questions and annotations are read in one pass each and only what is
/// selected is kept. A question without annotation or without image is kept: it
/// is for the run to record that it cannot be scored.
///
/// # Errors
/// [`DatasetError`]: nothing to read in the folder, a file that is missing,
/// malformed (with line and column) or names an id twice, or a selection the
/// dataset cannot satisfy.
pub fn load(
    root: &Path,
    split: Option<&str>,
    selection: &Selection,
) -> Result<Dataset, DatasetError> {
    if selection.only.is_empty() && selection.questions == Some(0) {
        return Err(DatasetError::ZeroQuestions);
    }
    let source = source::Source::open(root, split)?;
    let read = vqa_v2::read(&source, selection)?;
    Ok(Dataset {
        name: source.name,
        description: source.description,
        license: source.license,
        root: root.to_path_buf(),
        split: source.split,
        available_splits: source.available_splits,
        questions_file: source.questions,
        annotations_file: source.annotations,
        total_questions: read.total_questions,
        questions: read.questions,
    })
}
