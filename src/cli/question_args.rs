//! What the commands that ask the questions of a VQA dataset have in common.

use clap::Args;

use super::{RunArgs, positive};

/// Which dataset is asked, and how.
#[derive(Debug, Args)]
pub struct QuestionArgs {
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
