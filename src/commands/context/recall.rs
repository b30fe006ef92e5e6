//! `vlm-test context --dataset recall`: photos described, then recalled from memory.

use std::collections::HashSet;

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
        scenario::{self, RECALL_QUESTIONS},
    },
    embedded,
    error::{CommandError, ExitStatus},
    memory::CleanupSchedule,
    results::{ContextSettings, DatasetProvenance, sha256_file},
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
    distractors: Vec<usize>,
) -> Result<ExitStatus, CommandError> {
    refuse_what_needs_a_key(args)?;
    let (photos, dataset) = photos(args, distractors.last().copied().unwrap_or_default())?;
    suite_run::run(&args.run, models, "context", |_| {
        Ok(prepare(args, photos, dataset, distractors))
    })
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

/// The photos and where they come from: a folder, or the shipped dataset.
fn photos(
    args: &ContextArgs,
    turns: usize,
) -> Result<(Vec<Photo>, DatasetProvenance), CommandError> {
    let (mut images, provenance) = match &args.images {
        Some(folder) => {
            let images = dataset::image_files(folder)?;
            let chosen = args.scenarios.min(images.len());
            let provenance = suite_run::folder_provenance(folder, images.len(), chosen);
            (images, provenance)
        }
        None => {
            let shipped = find_dataset(embedded::DATASET.name)?;
            let dataset = dataset::load(&shipped, None, &Selection::default())?;
            let mut seen = HashSet::new();
            let images = dataset.questions.iter().map(|question| question.image.clone());
            let images: Vec<_> = images.filter(|image| seen.insert(image.clone())).collect();
            let chosen = args.scenarios.min(images.len());
            let provenance = suite_run::provenance(&dataset, images.len(), chosen)?;
            (images, provenance)
        }
    };
    images.truncate(args.scenarios);
    let photos = scenario::recall(images, args.seed, turns);
    // A photo that cannot be read is said when it is its turn.
    let photo = |recall: scenario::Recall| {
        let sha256 = sha256_file(&recall.image).ok();
        Photo { recall, sha256 }
    };
    Ok((photos.map(photo).collect(), provenance))
}

fn prepare(
    args: &ContextArgs,
    photos: Vec<Photo>,
    dataset: DatasetProvenance,
    distractors: Vec<usize>,
) -> Prepared {
    let introduction = introduction(&dataset, &distractors);
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
            distractors: distractors.clone(),
        }),
        suite: Box::new(RecallSuite::new(photos, &distractors, args.max_tokens)),
    }
}

fn introduction(dataset: &DatasetProvenance, distractors: &[usize]) -> String {
    let turns: Vec<_> = distractors.iter().map(ToString::to_string).collect();
    format!(
        "recall of {} of {} photos of {}: {} questions without a key, after {} turns about \
         something else",
        dataset.selected_questions,
        dataset.total_questions,
        dataset.name,
        RECALL_QUESTIONS.len(),
        turns.join(", ")
    )
}
