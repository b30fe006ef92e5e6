//! `vlm-test describe`: every image of a folder or dataset, described by each model.

use std::path::Path;

use super::{
    find_dataset::find_dataset,
    suite_run::{self, Prepared},
};
use crate::{
    cli::DescribeArgs,
    dataset::{self, Selection},
    error::{CommandError, ExitStatus},
    memory::CleanupSchedule,
    results::DatasetProvenance,
    suites::describe::{Describe, Picture},
};

/// Images to describe and where they come from.
struct Pictures {
    pictures: Vec<Picture>,
    provenance: DatasetProvenance,
}

/// Carries out the command.
///
/// # Errors
/// [`CommandError`] for what is wrong before a model is loaded, and for results that
/// cannot be written.
pub fn run(args: &DescribeArgs) -> Result<ExitStatus, CommandError> {
    let models = suite_run::models(&args.run)?;
    let pictures = match &args.images {
        Some(folder) => of_folder(folder, args.limit)?,
        None => of_dataset(&args.dataset, args.limit)?,
    };
    suite_run::run(&args.run, models, "describe", |_| Ok(prepare(args, pictures)))
}

fn prepare(args: &DescribeArgs, Pictures { pictures, provenance }: Pictures) -> Prepared {
    Prepared {
        introduction: introduction(&provenance),
        dataset: provenance,
        suite: Box::new(Describe::new(pictures, &args.prompt, args.max_tokens)),
        seed: 0,
        max_tokens: args.max_tokens,
        cleanup: CleanupSchedule::every_images(args.cleanup_every),
        prompt_suffix: None,
        default_suffix: "",
        context: None,
    }
}

/// The first `limit` images of a folder: nothing is known of them.
fn of_folder(folder: &Path, limit: Option<usize>) -> Result<Pictures, CommandError> {
    let files = dataset::image_files(folder)?;
    let total = files.len();
    let pictures: Vec<_> =
        files.into_iter().take(limit.unwrap_or(total)).map(Picture::of_file).collect();
    let provenance = suite_run::folder_provenance(folder, total, pictures.len());
    Ok(Pictures { pictures, provenance })
}

/// The first `limit` images of a dataset, with what its answers say of them.
fn of_dataset(name_or_dir: &str, limit: Option<usize>) -> Result<Pictures, CommandError> {
    let dataset = dataset::load(&find_dataset(name_or_dir)?, None, &Selection::default())?;
    let mut pictures = Picture::of_questions(&dataset.questions);
    let total = pictures.len();
    pictures.truncate(limit.unwrap_or(total));
    let provenance = suite_run::provenance(&dataset, total, pictures.len())?;
    Ok(Pictures { pictures, provenance })
}

fn introduction(dataset: &DatasetProvenance) -> String {
    let DatasetProvenance { name, split, total_questions, selected_questions, .. } = dataset;
    let place =
        if split.is_empty() { name.clone() } else { format!("dataset {name}, split {split}") };
    format!("{place}: {selected_questions} of {total_questions} images, then 3 prompts without one")
}
