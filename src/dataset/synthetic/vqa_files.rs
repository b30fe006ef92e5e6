//! Writes a split of scenes in the official VQA v2 layout: questions, annotations with ten answers, COCO image names.
use super::{Dice, Question, Scene, describe, draw, sample_questions};
use image::{ExtendedColorType, ImageEncoder, ImageError, RgbImage, codecs, codecs::png};
use serde::Serialize;
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};
use thiserror::Error;

/// Why a data set could not be written.
#[derive(Debug, Error)]
pub enum SyntheticError {
    /// A folder or file could not be made or written.
    #[error("could not write {}: {source}", path.display())]
    Write {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An image could not be encoded.
    #[error("could not encode {}: {source}", path.display())]
    Encode {
        /// The image file.
        path: PathBuf,
        /// What the encoder said.
        source: ImageError,
    },
    /// The options describe no data set.
    #[error("{0}")]
    Options(&'static str),
}

/// What to write.
#[derive(Debug, Clone)]
pub struct DatasetOptions {
    /// The scenes' seed; the first `n` scenes of a seed are the same for every `images ≥ n`.
    pub seed: u64,
    /// How many scenes.
    pub images: u64,
    /// How many questions about each scene, at most 100.
    pub questions_per_image: usize,
    /// The split's name, part of every file name.
    pub split: String,
    /// Also write `scenes_<split>.jsonl`: the facts, the description and the questions of each scene.
    pub facts: bool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetSummary {
    /// The questions file.
    pub questions_file: PathBuf,
    /// The annotations file.
    pub annotations_file: PathBuf,
    /// How many images.
    pub images: u64,
    /// How many questions.
    pub questions: usize,
}

#[derive(Serialize)]
struct Info<'a> {
    description: &'a str,
    url: &'a str,
    version: &'a str,
    year: u16,
    contributor: &'a str,
    date_created: &'a str,
}

#[derive(Serialize)]
struct License<'a> {
    name: &'a str,
    url: &'a str,
}

#[derive(Serialize)]
struct AskedQuestion<'a> {
    image_id: u64,
    question: &'a str,
    question_id: u64,
}

#[derive(Serialize)]
struct Annotation<'a> {
    question_type: &'a str,
    multiple_choice_answer: &'a str,
    answers: Vec<Given<'a>>,
    image_id: u64,
    answer_type: &'a str,
    question_id: u64,
}

#[derive(Serialize)]
struct Given<'a> {
    answer: &'a str,
    answer_confidence: &'a str,
    answer_id: u8,
}

#[derive(Serialize)]
struct Facts<'a> {
    image_id: u64,
    file: &'a str,
    scene: &'a Scene,
    description: String,
    questions: &'a [Question],
}

const INFO: Info = Info {
    description: "Seeded synthetic scenes in the VQA v2 layout",
    url: "",
    version: "1.0",
    year: 2026,
    contributor: "vlm-test",
    date_created: "2026-11-20",
};
const LICENSE: License = License { name: "MIT OR Apache-2.0", url: "" };
const JPEG_QUALITY: u8 = 92;

/// Writes a split to `dir`: `v2_OpenEnded_mscoco_<split>2014_questions.json`,
/// `v2_mscoco_<split>2014_annotations.json` and `images/COCO_<split>2014_<12 digits>.{png,jpg}`, PNG and JPEG in turns.
///
/// # Errors
/// [`SyntheticError`] when the options are unusable or a file cannot be written.
pub fn write_dataset(
    dir: &Path,
    options: &DatasetOptions,
) -> Result<DatasetSummary, SyntheticError> {
    check(options)?;
    let images = dir.join("images");
    fs::create_dir_all(&images)
        .map_err(|source| SyntheticError::Write { path: images.clone(), source })?;
    let split = format!("{}2014", options.split);
    let facts_file = dir.join(format!("scenes_{}.jsonl", options.split));
    let mut facts = if options.facts { Some(LineFile::create(facts_file)?) } else { None };
    let mut asked: Vec<(u64, Vec<Question>)> = Vec::new();
    for index in 0..options.images {
        let (scene, questions) =
            scene_with_questions(options.seed, index, options.questions_per_image);
        let image_id = index + 1;
        let file = image_name(&split, image_id);
        save(&draw(&scene), &images.join(&file))?;
        if let Some(facts) = &mut facts {
            let description = describe(&scene);
            facts.line(&Facts {
                image_id,
                file: &file,
                scene: &scene,
                description,
                questions: &questions,
            })?;
        }
        asked.push((image_id, questions));
    }
    facts.map_or(Ok(()), LineFile::finish)?;
    write_json_files(dir, &split, &asked, options)
}

/// Scene `index` of `seed` and the questions the writer asks about it.
pub fn scene_with_questions(seed: u64, index: u64, questions: usize) -> (Scene, Vec<Question>) {
    let scene = Scene::random(seed, index);
    let questions = sample_questions(&scene, questions, &mut Dice::new(seed, 2 * index + 1));
    (scene, questions)
}

/// The COCO-style name of an image: odd ids are PNG, even ids JPEG.
fn image_name(split: &str, image_id: u64) -> String {
    let extension = if image_id % 2 == 1 { "png" } else { "jpg" };
    format!("COCO_{split}_{image_id:012}.{extension}")
}

fn check(options: &DatasetOptions) -> Result<(), SyntheticError> {
    let plain = options.split.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if options.split.is_empty() || !plain {
        return Err(SyntheticError::Options(
            "the split's name must be letters, digits and underscores",
        ));
    }
    if !(1..=100).contains(&options.questions_per_image) {
        return Err(SyntheticError::Options("the number of questions per image must be 1 to 100"));
    }
    if !(1..=1_000_000).contains(&options.images) {
        return Err(SyntheticError::Options("the number of images must be 1 to 1 000 000"));
    }
    Ok(())
}

/// Writes `image` to `path`, as JPEG if its extension is `jpg`, else as PNG.
///
/// # Errors
/// [`SyntheticError`] when it cannot be encoded or written.
pub fn save(image: &RgbImage, path: &Path) -> Result<(), SyntheticError> {
    let mut bytes = Vec::new();
    let (width, height) = image.dimensions();
    let encoded = if path.extension().is_some_and(|extension| extension == "jpg") {
        codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).write_image(
            image,
            width,
            height,
            ExtendedColorType::Rgb8,
        )
    } else {
        png::PngEncoder::new_with_quality(
            &mut bytes,
            png::CompressionType::Default,
            png::FilterType::Adaptive,
        )
        .write_image(image, width, height, ExtendedColorType::Rgb8)
    };
    encoded.map_err(|source| SyntheticError::Encode { path: path.to_owned(), source })?;
    fs::write(path, bytes).map_err(|source| SyntheticError::Write { path: path.to_owned(), source })
}

fn write_json_files(
    dir: &Path,
    split: &str,
    asked: &[(u64, Vec<Question>)],
    options: &DatasetOptions,
) -> Result<DatasetSummary, SyntheticError> {
    let questions_file = dir.join(format!("v2_OpenEnded_mscoco_{split}_questions.json"));
    let annotations_file = dir.join(format!("v2_mscoco_{split}_annotations.json"));
    let numbered = || {
        asked.iter().flat_map(|(image_id, questions)| {
            (0_u64..)
                .zip(questions)
                .map(move |(k, question)| (*image_id, image_id * 1000 + k, question))
        })
    };
    let head = |task: &str| {
        serde_json::json!({
            "info": INFO, "task_type": task, "data_type": "mscoco", "license": LICENSE, "data_subtype": split,
        })
    };
    let questions = numbered().map(|(image_id, question_id, question)| AskedQuestion {
        image_id,
        question: &question.text,
        question_id,
    });
    write_list(&questions_file, &head("Open-Ended"), "questions", questions)?;
    let annotations = numbered()
        .map(|(image_id, question_id, question)| annotation(image_id, question_id, question));
    write_list(&annotations_file, &head("Open-Ended"), "annotations", annotations)?;
    Ok(DatasetSummary {
        questions_file,
        annotations_file,
        images: options.images,
        questions: numbered().count(),
    })
}

fn annotation(image_id: u64, question_id: u64, question: &Question) -> Annotation<'_> {
    let answer = question.answer.as_str();
    Annotation {
        question_type: question.opening(),
        multiple_choice_answer: answer,
        answers: (1..=10)
            .map(|answer_id| Given { answer, answer_confidence: "yes", answer_id })
            .collect(),
        image_id,
        answer_type: question.answer_type(),
        question_id,
    }
}

/// Writes `head` with one more member, a list with one item per line.
fn write_list<T: Serialize>(
    path: &Path,
    head: &serde_json::Value,
    member: &str,
    items: impl Iterator<Item = T>,
) -> Result<(), SyntheticError> {
    let mut file = LineFile::create(path.to_owned())?;
    let head = head.to_string();
    file.text(&format!("{},\"{member}\":[", head.strip_suffix('}').unwrap_or(&head)))?;
    let mut separator = "\n";
    for item in items {
        file.text(separator)?;
        file.json(&item)?;
        separator = ",\n";
    }
    file.text("\n]}\n")?;
    file.finish()
}

/// A buffered text file that knows its path for error messages.
struct LineFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl LineFile {
    fn create(path: PathBuf) -> Result<Self, SyntheticError> {
        match File::create(&path) {
            Ok(file) => Ok(Self { path, file: BufWriter::new(file) }),
            Err(source) => Err(SyntheticError::Write { path, source }),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), SyntheticError> {
        self.file
            .write_all(text.as_bytes())
            .map_err(|source| SyntheticError::Write { path: self.path.clone(), source })
    }

    fn json(&mut self, item: &impl Serialize) -> Result<(), SyntheticError> {
        serde_json::to_writer(&mut self.file, item).map_err(|error| SyntheticError::Write {
            path: self.path.clone(),
            source: error.into(),
        })
    }

    fn line(&mut self, item: &impl Serialize) -> Result<(), SyntheticError> {
        self.json(item)?;
        self.text("\n")
    }

    fn finish(mut self) -> Result<(), SyntheticError> {
        self.file.flush().map_err(|source| SyntheticError::Write { path: self.path, source })
    }
}

#[cfg(test)]
mod tests;
