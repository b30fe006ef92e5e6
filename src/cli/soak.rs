//! The command line of `vlm-test soak`.

use clap::Args;

use super::{RunArgs, positive};

/// `vlm-test soak`.
#[derive(Debug, Args)]
pub struct SoakArgs {
    /// How many questions to ask each model in all
    #[arg(long, short = 'n', value_name = "N", default_value_t = 1000, value_parser = positive)]
    pub questions: usize,
    /// How many different ones, asked in turn [default: 100, or all if there are fewer]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub round: Option<usize>,
    /// Dataset to ask, by name or folder in VQA v2 layout
    #[arg(long, short, value_name = "NAME|DIR", default_value = "shapes")]
    pub dataset: String,
    /// Seed of the sample of questions
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Longest answer, in tokens
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = positive)]
    pub max_tokens: usize,
    /// Text put after every question [default: a line that asks for a word or phrase]
    #[arg(long, value_name = "TEXT")]
    pub prompt_suffix: Option<String>,
    /// Clear MLX's memory after every N questions; 0 never
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub cleanup_every: usize,
    /// What all suites have.
    #[command(flatten)]
    pub run: RunArgs,
}
