//! `vlm-test soak`: questions of a dataset, round after round, to see what a long run does.

use super::{
    suite_run,
    vqa::{load_questions, prepare},
};
use crate::{
    cli::SoakArgs,
    dataset::Selection,
    error::{CommandError, ExitStatus},
    results::figures::SOAK,
    suites::{Suite, soak::Soak},
};

/// Different questions unless a number is given.
const DEFAULT_ROUND: usize = 100;

/// Carries out the command.
///
/// # Errors
/// [`CommandError`] for what is wrong before a model is loaded, and for results that
/// cannot be written.
pub fn run(args: &SoakArgs) -> Result<ExitStatus, CommandError> {
    let models = suite_run::models(&args.asked.run)?;
    let selection = Selection { questions: args.round, seed: args.asked.seed, only: Vec::new() };
    let round = DEFAULT_ROUND.min(args.questions);
    let dataset = load_questions(&args.asked.dataset, &selection, round)?;
    suite_run::run(&args.asked.run, models, SOAK, |_| {
        let suite =
            |questions| -> Box<dyn Suite> { Box::new(Soak::new(questions, args.questions)) };
        let mut prepared = prepare(&args.asked, dataset, suite)?;
        let known = prepared.introduction;
        prepared.introduction =
            format!("{known}, asked in turn until {} are asked", args.questions);
        Ok(prepared)
    })
}
