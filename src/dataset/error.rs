//! Why a dataset cannot be used, each with what to do about it.

use std::{fmt, io, path::PathBuf};

use super::scenario::{FACTS, SCENARIOS};

/// Why a dataset cannot be found or read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// No dataset has this name, and no folder this path.
    #[error(transparent)]
    NoDataset(NoDataset),
    /// The path is a file.
    #[error("{} is not a folder; name the folder that holds the dataset", .0.display())]
    NotAFolder(PathBuf),
    /// The folder holds nothing that is known.
    #[error(
        "{} holds neither a dataset.toml nor published VQA v2 files \
         (v2_OpenEnded_mscoco_val2014_questions.json and the like, unzipped)",
        .0.display()
    )]
    NothingInFolder(PathBuf),
    /// `dataset.toml` does not parse or lacks a field; the message has the line.
    #[error("{}: {message}", path.display())]
    Manifest {
        /// The `dataset.toml`.
        path: PathBuf,
        /// What is wrong with it, and where.
        message: String,
    },
    /// The dataset has no split of this name.
    #[error("{} has no split `{split}`; it has {}", root.display(), available.join(", "))]
    UnknownSplit {
        /// The dataset's folder.
        root: PathBuf,
        /// The name asked for.
        split: String,
        /// The names there are.
        available: Vec<String>,
    },
    /// A file or folder that the dataset needs is not there.
    #[error("the {what} of split `{split}` is missing: no {}", path.display())]
    Missing {
        /// `questions file`, `annotations file` or `image folder`.
        what: &'static str,
        /// The split that needs it.
        split: String,
        /// Where it was expected.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A JSON file does not parse, lacks a field or has one of a wrong type.
    #[error("{}, line {line}, column {column}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1; 0 before the first character of a line.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// Two entries have the same question id.
    #[error("{}, line {line}: second {entry} with question id {id}", path.display())]
    DuplicateId {
        /// The file.
        path: PathBuf,
        /// Line where the second entry ends, from 1.
        line: usize,
        /// `question` or `annotation`.
        entry: &'static str,
        /// The id that appears twice.
        id: u64,
    },
    /// An annotation is about another image than its question.
    #[error(
        "{}: the annotation of question {id} is about image {annotated}, the question about image {asked}",
        path.display()
    )]
    OtherImage {
        /// The annotations file.
        path: PathBuf,
        /// The question.
        id: u64,
        /// Image id in the annotation.
        annotated: u64,
        /// Image id in the question.
        asked: u64,
    },
    /// The questions file is valid and empty.
    #[error("{} holds no question", .0.display())]
    NoQuestions(PathBuf),
    /// A sample of none was asked for.
    #[error("0 questions asked for; ask for at least 1")]
    ZeroQuestions,
    /// A larger sample was asked for than there are questions.
    #[error(
        "{wanted} questions asked for, but split `{split}` has {available}; \
         use --questions {available} at most"
    )]
    TooFewQuestions {
        /// How many were asked for.
        wanted: usize,
        /// How many there are.
        available: usize,
        /// In which split.
        split: String,
    },
    /// Ids were asked for that the questions file does not hold.
    #[error("{} holds no question with id {}", path.display(), list(ids))]
    UnknownQuestions {
        /// The questions file.
        path: PathBuf,
        /// The ids that are missing, ascending.
        ids: Vec<u64>,
    },
    /// No scenario, or too many, asked for.
    #[error("{} scenarios asked for; ask for {} to {}", .0, SCENARIOS.start(), SCENARIOS.end())]
    Scenarios(usize),
    /// No fact, or too many, asked for.
    #[error("{} facts about each scene asked for; ask for {} to {}", .0, FACTS.start(), FACTS.end())]
    Facts(usize),
    /// The folder of photos has no annotations.
    #[error("{} holds no context.json, which says what its photos show", .0.display())]
    NotAnnotated(PathBuf),
    /// The annotations are valid and empty.
    #[error("{} lists no scenario", .0.display())]
    NoScenarios(PathBuf),
    /// An annotated photo cannot be asked about.
    #[error("{}, entry {entry}, {field}: {message}", path.display())]
    Annotation {
        /// The annotations file.
        path: PathBuf,
        /// The entry's number, from 1.
        entry: u64,
        /// The field, for a fact with the fact's number, from 1.
        field: String,
        /// What is wrong with it.
        message: String,
    },
    /// A folder of photos holds none.
    #[error("{} holds no image ({})", folder.display(), endings.join(", "))]
    NoImages {
        /// The folder.
        folder: PathBuf,
        /// The endings of names that were looked for.
        endings: &'static [&'static str],
    },
}

impl DatasetError {
    /// For `map_err` on something that was done to `path`.
    pub(super) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { path: path.into(), source }
    }
}

/// A name or path that leads to no dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoDataset {
    /// What was asked for.
    pub name: String,
    /// The known name most like it, if one is.
    pub nearest: Option<String>,
    /// All known names, sorted.
    pub known: Vec<String>,
}

impl fmt::Display for NoDataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no dataset `{}`", self.name)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        if self.known.is_empty() {
            f.write_str("; give the path of a folder")
        } else {
            write!(f, " (known: {}; or give the path of a folder)", self.known.join(", "))
        }
    }
}

impl std::error::Error for NoDataset {}

/// The first few ids, and how many more there are.
fn list(ids: &[u64]) -> String {
    const SHOWN: usize = 10;
    let text = ids.iter().take(SHOWN).map(u64::to_string).collect::<Vec<_>>().join(", ");
    match ids.len().checked_sub(SHOWN) {
        None | Some(0) => text,
        Some(more) => format!("{text} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_ids_is_cut_and_counted() {
        assert_eq!(list(&[1, 2]), "1, 2");
        assert_eq!(list(&(1..=12).collect::<Vec<_>>()), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more");
    }
}
