//! Reads questions and annotations in the VQA v2 layout, each file in one pass,
//! keeping what is selected only.
//! Layout: <https://visualqa.org/download.html>, "Input Questions Format".

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
};

use serde::Deserialize;

use super::{
    Question, Selection,
    coco_images::Images,
    error::DatasetError,
    json_stream::{DuplicateId, Items, for_each},
    sampling::Sample,
    source::Source,
};

const QUESTIONS: Items = Items { key: "questions", entry: "question" };
const ANNOTATIONS: Items = Items { key: "annotations", entry: "annotation" };

/// The selected questions, and how many there were.
pub(super) struct Read {
    pub(super) total_questions: usize,
    pub(super) questions: Vec<Question>,
}

/// An entry of the questions file; other fields are passed over.
#[derive(Debug, Deserialize)]
struct QuestionEntry {
    question_id: u64,
    image_id: u64,
    question: String,
}

/// An entry of the annotations file; other fields are passed over.
#[derive(Debug, Deserialize)]
struct AnnotationEntry {
    question_id: u64,
    image_id: Option<u64>,
    question_type: Option<String>,
    answer_type: Option<String>,
    answers: Vec<AnswerEntry>,
}

#[derive(Debug, Deserialize)]
struct AnswerEntry {
    answer: String,
}

/// Reads the `selection` from the files of `source`.
///
/// # Errors
/// [`DatasetError`] for a file that cannot be used, an id that appears twice, or
/// a selection that cannot be satisfied.
pub(super) fn read(source: &Source, selection: &Selection) -> Result<Read, DatasetError> {
    let (mut questions, total_questions, subtype) = read_questions(source, selection)?;
    read_annotations(source, &mut questions)?;
    // The images of test-dev2015 are named after test2015.
    let subtype = subtype.unwrap_or_else(|| source.split.clone()).replace("-dev", "");
    let wanted = questions.iter().map(|question| question.image_id).collect();
    let images = Images::find(&source.images, &subtype, wanted)?;
    for question in &mut questions {
        question.image = images.path(question.image_id);
    }
    Ok(Read { total_questions, questions })
}

/// What is kept while the questions file passes by.
enum Kept {
    All(Vec<Question>),
    Sampled(Sample<Question>),
    Only { missing: HashSet<u64>, questions: Vec<Question> },
}

impl Kept {
    fn new(selection: &Selection) -> Self {
        match selection.questions {
            _ if !selection.only.is_empty() => {
                Self::Only { missing: selection.only.iter().copied().collect(), questions: vec![] }
            }
            Some(size) => Self::Sampled(Sample::new(size, selection.seed)),
            None => Self::All(vec![]),
        }
    }

    fn offer(&mut self, entry: QuestionEntry, index: usize) {
        let id = entry.question_id;
        match self {
            Self::All(questions) => questions.push(entry.at(index)),
            Self::Sampled(sample) => sample.offer(id, || entry.at(index)),
            Self::Only { missing, questions } => {
                if missing.remove(&id) {
                    questions.push(entry.at(index));
                }
            }
        }
    }

    /// The questions, in the order of the file.
    fn finish(
        self,
        source: &Source,
        selection: &Selection,
        total: usize,
    ) -> Result<Vec<Question>, DatasetError> {
        let path = || source.questions.clone();
        if total == 0 {
            return Err(DatasetError::NoQuestions(path()));
        }
        let mut questions: Vec<_> = match self {
            Self::All(questions) => questions,
            Self::Sampled(sample) => sample.into_items().collect(),
            Self::Only { missing, questions } if missing.is_empty() => questions,
            Self::Only { missing, .. } => {
                let mut ids: Vec<_> = missing.into_iter().collect();
                ids.sort_unstable();
                return Err(DatasetError::UnknownQuestions { path: path(), ids });
            }
        };
        if let Some(wanted) =
            selection.questions.filter(|&n| selection.only.is_empty() && n > total)
        {
            let split = source.split.clone();
            return Err(DatasetError::TooFewQuestions { wanted, available: total, split });
        }
        questions.sort_unstable_by_key(|question| question.index);
        Ok(questions)
    }
}

impl QuestionEntry {
    /// The question, not annotated and without image yet.
    fn at(self, index: usize) -> Question {
        Question {
            id: self.question_id,
            image_id: self.image_id,
            text: self.question,
            question_type: None,
            answer_type: None,
            answers: Vec::new(),
            image: PathBuf::new(),
            index,
        }
    }
}

fn read_questions(
    source: &Source,
    selection: &Selection,
) -> Result<(Vec<Question>, usize, Option<String>), DatasetError> {
    let mut seen = HashSet::new();
    let mut kept = Kept::new(selection);
    let subtype = for_each(&source.questions, QUESTIONS, |entry: QuestionEntry| {
        let index = seen.len();
        note(&mut seen, entry.question_id)?;
        kept.offer(entry, index);
        Ok(())
    })?;
    let total = seen.len();
    Ok((kept.finish(source, selection, total)?, total, subtype))
}

/// Gives the questions their answers; those without annotation keep none.
fn read_annotations(source: &Source, questions: &mut [Question]) -> Result<(), DatasetError> {
    let Some(path) = &source.annotations else { return Ok(()) };
    let mut by_id: HashMap<u64, &mut Question> =
        questions.iter_mut().map(|question| (question.id, question)).collect();
    let mut seen = HashSet::new();
    let mut other_image = None;
    for_each(path, ANNOTATIONS, |entry: AnnotationEntry| {
        note(&mut seen, entry.question_id)?;
        let Some(question) = by_id.get_mut(&entry.question_id) else { return Ok(()) };
        if let Some(annotated) = entry.image_id.filter(|id| *id != question.image_id) {
            other_image.get_or_insert((question.id, annotated, question.image_id));
        }
        question.question_type = entry.question_type;
        question.answer_type = entry.answer_type;
        question.answers = entry.answers.into_iter().map(|answer| answer.answer).collect();
        Ok(())
    })?;
    match other_image {
        Some((id, annotated, asked)) => {
            Err(DatasetError::OtherImage { path: path.clone(), id, annotated, asked })
        }
        None => Ok(()),
    }
}

fn note(seen: &mut HashSet<u64>, id: u64) -> Result<(), DuplicateId> {
    if seen.insert(id) { Ok(()) } else { Err(DuplicateId(id)) }
}
