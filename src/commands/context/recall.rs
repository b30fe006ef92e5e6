//! `vlm-test context --dataset recall`: photos described, then recalled from memory.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use super::{
    super::{
        find_dataset::find_dataset,
        suite_run::{self, Prepared},
    },
    RECALL,
};
use crate::{
    backend::registry::ResolvedModel,
    cli::ContextArgs,
    dataset::{
        self, Selection,
        scenario::{self, RECALL_QUESTIONS, Recall},
    },
    embedded,
    error::{CommandError, ExitStatus},
    memory::CleanupSchedule,
    results::{ContextSettings, DatasetProvenance, RunDir, sha256_file},
    scoring::context::Condition,
    suites::context::recall::{Photo, RecallSuite},
};

/// Carries out the command for `models`; questions are asked after each of the numbers of turns
/// in `distractors`, ascending.
///
/// # Errors
/// As the command.
pub fn run(
    args: &ContextArgs,
    models: Vec<ResolvedModel>,
    distractors: &[usize],
) -> Result<ExitStatus, CommandError> {
    refuse_what_needs_a_key(args)?;
    let (photos, dataset) = photos(args, distractors.last().copied().unwrap_or_default())?;
    let prepare = |_: &RunDir| Ok(prepare(args, photos, dataset, distractors));
    suite_run::run(&args.run, models, "context", prepare)
}

/// What the user asks for that only facts have.
fn refuse_what_needs_a_key(args: &ContextArgs) -> Result<(), CommandError> {
    let given = [
        (args.facts.is_some(), "--facts"),
        (args.conditions.is_some(), "--conditions"),
        (args.prompt_suffix.is_some(), "--prompt-suffix"),
    ];
    let Some((_, option)) = given.into_iter().find(|(given, _)| *given) else { return Ok(()) };
    let error = format!(
        "{option} does not apply to --dataset {RECALL}: it asks {} fixed questions about each \
         photo, in one conversation",
        RECALL_QUESTIONS.len()
    );
    Err(CommandError::usage(error).hint(format!("leave {option} out")))
}

/// The photos and where they come from.
fn photos(
    args: &ContextArgs,
    turns: usize,
) -> Result<(Vec<Photo>, DatasetProvenance), CommandError> {
    let (images, provenance) = match args.images.as_deref() {
        Some(folder) => of_folder(folder, args.scenarios)?,
        None => of_shipped_dataset(args.scenarios)?,
    };
    // A photo that cannot be read is said when it is its turn.
    let photo = |recall: Recall| {
        let sha256 = sha256_file(&recall.image).ok();
        Photo { recall, sha256 }
    };
    Ok((scenario::recall(images, args.seed, turns).map(photo).collect(), provenance))
}

/// The first `limit` images of a folder.
fn of_folder(
    folder: &Path,
    limit: usize,
) -> Result<(Vec<PathBuf>, DatasetProvenance), CommandError> {
    let mut images = dataset::image_files(folder)?;
    let total = images.len();
    images.truncate(limit);
    let provenance = suite_run::folder_provenance(folder, total, images.len());
    Ok((images, provenance))
}

/// The first `limit` images of the shipped dataset, in order of their first question.
fn of_shipped_dataset(limit: usize) -> Result<(Vec<PathBuf>, DatasetProvenance), CommandError> {
    let shipped = find_dataset(embedded::DATASET.name)?;
    let dataset = dataset::load(&shipped, None, &Selection::default())?;
    let mut seen = HashSet::new();
    let images = dataset.questions.iter().map(|question| &question.image);
    let mut images: Vec<_> = images.filter(|image| seen.insert(*image)).collect();
    let total = images.len();
    images.truncate(limit);
    let provenance = suite_run::provenance(&dataset, total, images.len())?;
    Ok((images.into_iter().cloned().collect(), provenance))
}

fn prepare(
    args: &ContextArgs,
    photos: Vec<Photo>,
    dataset: DatasetProvenance,
    distractors: &[usize],
) -> Prepared {
    let introduction = introduction(&dataset, distractors);
    Prepared {
        introduction,
        dataset,
        seed: args.seed,
        max_tokens: args.max_tokens,
        cleanup: CleanupSchedule::every_images(args.cleanup_every),
        prompt_suffix: None,
        default_suffix: "",
        context: Some(ContextSettings {
            scenarios: photos.len(),
            facts: 0,
            conditions: vec![Condition::A],
            distractors: distractors.to_vec(),
        }),
        suite: Box::new(RecallSuite::new(photos, distractors, args.max_tokens)),
    }
}

fn introduction(dataset: &DatasetProvenance, distractors: &[usize]) -> String {
    let turns: Vec<_> = distractors.iter().map(ToString::to_string).collect();
    format!(
        "{}: {} of {} photos, each described and then recalled by {} questions, after {} turns \
         about something else",
        dataset.name,
        dataset.selected_questions,
        dataset.total_questions,
        RECALL_QUESTIONS.len(),
        turns.join(", ")
    )
}
