//! `vlm-test soak`: questions of a dataset, round after round, to see what a long run does.

use super::{
    suite_run::{self, Prepared},
    vqa::{introduction, load_questions},
};
use crate::{
    cli::SoakArgs,
    dataset::Selection,
    error::{CommandError, ExitStatus},
    memory::CleanupSchedule,
    results::figures::SOAK,
    suites::{
        soak::Soak,
        vqa::{DEFAULT_PROMPT_SUFFIX, Vqa},
    },
};

/// Different questions unless a number is given.
const DEFAULT_ROUND: usize = 100;

/// Carries out the command.
///
/// # Errors
/// [`CommandError`] for what is wrong before a model is loaded, and for results that
/// cannot be written.
pub fn run(args: &SoakArgs) -> Result<ExitStatus, CommandError> {
    let models = suite_run::models(&args.run)?;
    let selection = Selection { questions: args.round, seed: args.seed, only: Vec::new() };
    let dataset = load_questions(&args.dataset, &selection, DEFAULT_ROUND.min(args.questions))?;
    suite_run::run(&args.run, models, SOAK, |_| {
        Ok(Prepared {
            introduction: format!(
                "{}, asked in turn until {} are asked",
                introduction(&dataset),
                args.questions
            ),
            dataset: suite_run::provenance(
                &dataset,
                dataset.total_questions,
                dataset.questions.len(),
            )?,
            suite: Box::new(Soak::new(
                Vqa::new(dataset.questions, args.max_tokens),
                args.questions,
            )),
            seed: args.seed,
            max_tokens: args.max_tokens,
            cleanup: CleanupSchedule::every_questions(args.cleanup_every),
            prompt_suffix: args.prompt_suffix.clone(),
            default_suffix: DEFAULT_PROMPT_SUFFIX,
            context: None,
        })
    })
}
