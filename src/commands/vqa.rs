//! `vlm-test vqa`: the questions of a dataset, put to each model.

use super::{
    find_dataset::find_dataset,
    suite_run::{self, Prepared},
};
use crate::{
    cli::{QuestionArgs, VqaArgs},
    dataset::{self, Dataset, DatasetError, Selection},
    error::{CommandError, ExitStatus},
    memory::CleanupSchedule,
    suites::{
        Suite,
        vqa::{DEFAULT_PROMPT_SUFFIX, Vqa},
    },
};

/// Questions put to a model unless a number is given.
const DEFAULT_QUESTIONS: usize = 20;

/// Carries out the command.
///
/// # Errors
/// [`CommandError`] for what is wrong before a model is loaded, and for results that
/// cannot be written.
pub fn run(args: &VqaArgs) -> Result<ExitStatus, CommandError> {
    let models = suite_run::models(&args.asked.run)?;
    let dataset = load_dataset(args)?;
    suite_run::run(&args.asked.run, models, "vqa", |_| {
        prepare(&args.asked, dataset, |questions| Box::new(questions))
    })
}

/// The questions of `dataset`, ready to be asked as `args` say; `suite` makes of them what is put to
/// models.
///
/// # Errors
/// [`CommandError`] when a file of the dataset cannot be read.
pub(super) fn prepare(
    args: &QuestionArgs,
    dataset: Dataset,
    suite: impl FnOnce(Vqa) -> Box<dyn Suite>,
) -> Result<Prepared, CommandError> {
    Ok(Prepared {
        introduction: introduction(&dataset),
        dataset: suite_run::provenance(&dataset, dataset.total_questions, dataset.questions.len())?,
        suite: suite(Vqa::new(dataset.questions, args.max_tokens)),
        seed: args.seed,
        max_tokens: args.max_tokens,
        cleanup: CleanupSchedule::every_questions(args.cleanup_every),
        prompt_suffix: args.prompt_suffix.clone(),
        default_suffix: DEFAULT_PROMPT_SUFFIX,
        context: None,
    })
}

/// The questions that `args` choose.
pub(super) fn load_dataset(args: &VqaArgs) -> Result<Dataset, CommandError> {
    let selection =
        Selection { questions: args.questions, seed: args.asked.seed, only: args.only.clone() };
    load_questions(&args.asked.dataset, &selection, DEFAULT_QUESTIONS)
}

/// The `selection` of the dataset `name`; where it has no number, `default`, or all if there are
/// fewer.
///
/// # Errors
/// [`CommandError`] when there is no such dataset or selection.
pub(super) fn load_questions(
    name: &str,
    selection: &Selection,
    default: usize,
) -> Result<Dataset, CommandError> {
    let root = find_dataset(name)?;
    let load = |questions| {
        let selection = Selection { questions: Some(questions), ..selection.clone() };
        dataset::load(&root, None, &selection)
    };
    match (load(selection.questions.unwrap_or(default)), selection.questions) {
        // Nobody asked for that many: a smaller dataset is asked whole.
        (Err(DatasetError::TooFewQuestions { available, .. }), None) if available > 0 => {
            Ok(load(available)?)
        }
        (loaded, _) => Ok(loaded?),
    }
}

/// What is said of a dataset before its questions are asked.
fn introduction(dataset: &Dataset) -> String {
    let others: Vec<_> =
        dataset.available_splits.iter().filter(|split| **split != dataset.split).collect();
    let others = match others.as_slice() {
        [] => String::new(),
        splits => format!(
            " (there is also {})",
            splits.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ")
        ),
    };
    format!(
        "dataset {}, split {}{others}: {} of {} questions",
        dataset.name,
        dataset.split,
        dataset.questions.len(),
        dataset.total_questions
    )
}
