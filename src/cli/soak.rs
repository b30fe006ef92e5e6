//! The command line of `vlm-test soak`.

use clap::Args;

use super::{QuestionArgs, positive};

/// `vlm-test soak`.
#[derive(Debug, Args)]
pub struct SoakArgs {
    /// How many questions to ask each model in all
    #[arg(long, short = 'n', value_name = "N", default_value_t = 1000, value_parser = positive)]
    pub questions: usize,
    /// How many different ones, asked in turn [default: 100, or all if there are fewer]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub round: Option<usize>,
    /// What it asks and how.
    #[command(flatten)]
    pub asked: QuestionArgs,
}
