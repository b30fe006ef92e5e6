//! The command line: what can be asked for, and which values make sense.

mod memory_args;
mod plan_args;
mod question_args;
mod soak;

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::{
    scoring::context::Condition,
    vlm::{LoadOptions, Precision},
};

pub use self::{
    memory_args::{Cleanup, MemoryArgs, MemoryCommandArgs, Policy},
    plan_args::PlanArgs,
    question_args::QuestionArgs,
    soak::SoakArgs,
};

/// Tests vision-language models on Apple Silicon: native MLX inference, honest
/// scores, flat memory.
#[derive(Debug, Parser)]
#[command(name = "vlm-test", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// No context window holds more turns about something else.
const MOST_TURNS: usize = 10_000;

const AFTER_HELP: &str = "Examples:
  vlm-test vqa                                     ask the shipped model 20 questions
  vlm-test vqa --models smolvlm,phi35_vision       compare two models
  vlm-test context --models smolvlm                what it still knows of an image after a talk
  vlm-test describe --images photos                have every image of a folder described
  vlm-test soak --questions 10000                  whether a long run stays flat
  vlm-test ask --model smolvlm --image cat.jpg \"What is on the sofa?\"
  vlm-test plan --models llava --image-size 1024x768   what it needs of memory, and what fits
  vlm-test models                                  what is known and what can run here
  vlm-test models pull smolvlm                     fetch its weights now, not at its first use

Exit status: 0 all answered, 1 a question failed or a result is invalid,
2 wrong usage, 3 could not test, 70 internal error, 130 interrupted.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask the questions of a VQA dataset and score the answers
    Vqa(VqaArgs),
    /// Show an image, talk about something else, and ask what the model still knows of it
    #[command(after_help = HISTORIES)]
    Context(ContextArgs),
    /// Have the images of a folder or dataset described and check what can be checked without a judge
    #[command(visible_alias = "vlm")]
    Describe(DescribeArgs),
    /// Ask the questions of a VQA dataset round after round: does memory grow, do answers change?
    Soak(SoakArgs),
    /// Ask the same questions under several ways to keep memory, and compare what they cost
    Memory(MemoryCommandArgs),
    /// Ask one question, about images or not
    Ask(AskArgs),
    /// List the known models: where their weights are, their size, whether they run here;
    /// or fetch them
    Models(ModelsArgs),
    /// Say what models will need of memory before any is loaded, and what fits this machine
    Plan(PlanArgs),
    /// Serve one model to the process that started this one
    #[command(hide = true)]
    Worker,
}

/// How much is printed.
#[derive(Debug, Clone, Copy, Args)]
pub struct Verbosity {
    /// Print the final table only
    #[arg(long, short, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print every question with its answer
    #[arg(long, short)]
    pub verbose: bool,
}

/// How models are loaded.
#[derive(Debug, Clone, Copy, Args)]
pub struct LoadArgs {
    /// Convert the weights to float32, float16 or bfloat16 when loading [default: as stored]
    #[arg(long, value_name = "PRECISION", value_parser = precision)]
    pub dtype: Option<Precision>,
    /// Most tiles an image is cut into, for Phi-3.5 [default: the checkpoint's, usually 4]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub num_crops: Option<usize>,
    /// Compute everything anew for each question; the answers are the same, only slower
    #[arg(long)]
    pub no_cache: bool,
    // Gigabytes from a slow disk.
    /// Seconds loading a model may take
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = positive)]
    pub load_timeout: usize,
}

impl LoadArgs {
    /// As the model takes them.
    pub fn options(&self) -> LoadOptions {
        LoadOptions { dtype: self.dtype, num_crops: self.num_crops, no_cache: self.no_cache }
    }

    /// The longest that loading may take.
    pub fn limit(&self) -> Duration {
        Duration::from_secs(self.load_timeout as u64)
    }
}

/// What the commands that run a suite have in common.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Models to ask, by name, checkpoint folder or repository; several separated by commas or spaces
    #[arg(long, short, value_name = "NAME|DIR|OWNER/NAME", value_delimiter = ',', num_args = 1.., default_value = "smolvlm_tiny")]
    pub models: Vec<String>,
    /// Seconds a question may take
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = positive)]
    pub timeout: usize,
    /// How the models are loaded.
    #[command(flatten)]
    pub load: LoadArgs,
    /// How memory is kept.
    #[command(flatten)]
    pub memory: MemoryArgs,
    /// Folder for the results [default: results/TIME-SUITE]
    #[arg(long, short, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Never use the network: models that are not on this machine are not fetched
    #[arg(long)]
    pub offline: bool,
    /// Print results.json on standard output, and nothing else there
    #[arg(long, action = ArgAction::SetTrue)]
    pub json: bool,
    /// How much is printed.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// `vlm-test vqa`.
#[derive(Debug, Args)]
pub struct VqaArgs {
    /// How many questions to ask each model [default: 20, or all if there are fewer]
    #[arg(long, short = 'n', value_name = "N", value_parser = positive)]
    pub questions: Option<usize>,
    /// Ask these question ids only; several separated by commas
    #[arg(long, value_name = "ID", value_delimiter = ',', num_args = 1..)]
    pub only: Vec<u64>,
    /// What it asks and how.
    #[command(flatten)]
    pub asked: QuestionArgs,
}

/// `vlm-test context`.
#[derive(Debug, Args)]
pub struct ContextArgs {
    /// How many images to talk about
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = positive)]
    pub scenarios: usize,
    /// How many facts to ask about each [default: 5]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub facts: Option<usize>,
    /// After how many turns about something else to ask; several separated by commas
    #[arg(long, value_name = "N", value_delimiter = ',', num_args = 1.., default_value = "0,2,6", value_parser = turns)]
    pub distractors: Vec<usize>,
    /// Histories to ask under, see below; several separated by commas [default: all]
    #[arg(long, value_name = "LETTER", value_delimiter = ',', num_args = 1..)]
    pub conditions: Option<Vec<Condition>>,
    /// What to ask: drawn scenes, recall of photos that nobody annotated, or a folder of
    /// annotated photos with a context.json
    #[arg(long, short, value_name = "scenes|recall|DIR", default_value = "scenes")]
    pub dataset: String,
    /// Folder of the photos of --dataset recall [default: the images of the shipped dataset]
    #[arg(long, value_name = "DIR")]
    pub images: Option<PathBuf>,
    /// Seed of the scenes, the facts and the turns
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Longest description and longest reply to a turn, in tokens
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = positive)]
    pub max_tokens: usize,
    /// Text put after every question about a fact; {options} stands for its answers
    /// [default: a line that lists them]
    #[arg(long, value_name = "TEXT")]
    pub prompt_suffix: Option<String>,
    /// Clear MLX's memory after every N images; 0 never
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub cleanup_every: usize,
    /// What all suites have.
    #[command(flatten)]
    pub run: RunArgs,
}

/// `vlm-test describe`.
#[derive(Debug, Args)]
pub struct DescribeArgs {
    /// Describe every image of this folder
    #[arg(long, value_name = "DIR", conflicts_with = "dataset")]
    pub images: Option<PathBuf>,
    /// Describe the images of this dataset, by name or folder in VQA v2 layout; what its answers
    /// name is looked for in the descriptions
    #[arg(long, short, value_name = "NAME|DIR", default_value = "shapes")]
    pub dataset: String,
    /// Describe only the first N images
    #[arg(long, short = 'n', value_name = "N", value_parser = positive)]
    pub limit: Option<usize>,
    /// What is asked about every image
    #[arg(long, value_name = "TEXT", default_value = "Describe what you see in this image in detail.", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub prompt: String,
    /// Longest description, in tokens
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = positive)]
    pub max_tokens: usize,
    /// Clear MLX's memory after every N images; 0 never
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub cleanup_every: usize,
    /// What all suites have.
    #[command(flatten)]
    pub run: RunArgs,
}

const HISTORIES: &str = "Histories:
  S  the image only                      what the model can see at all
  A  the image, then the conversation    what it retains, as in a real chat
  B  as A, the image taken away          what it retains of its own description
  E  as B, a true description instead    what it makes of words alone
  N  nothing                             what guessing gives
  X  another image                       what guessing before an image gives";

/// `vlm-test ask`.
#[derive(Debug, Args)]
pub struct AskArgs {
    /// The question
    pub question: String,
    /// Model to ask, by name, checkpoint folder or repository
    #[arg(long, short, value_name = "NAME|DIR|OWNER/NAME", default_value = "smolvlm_tiny")]
    pub model: String,
    /// Image to show; may be given several times
    #[arg(long, short, value_name = "FILE")]
    pub image: Vec<PathBuf>,
    /// Earlier turns: a JSON list of chat-format messages
    #[arg(long, value_name = "FILE.json")]
    pub history: Option<PathBuf>,
    /// Longest answer, in tokens
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = positive)]
    pub max_tokens: usize,
    /// Report the K most probable tokens at every step (with --json)
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub logprobs: usize,
    /// Sampling temperature; 0 takes the most probable token
    #[arg(long, value_name = "T", default_value_t = 0.0, value_parser = temperature)]
    pub temperature: f32,
    /// Sample from the smallest set of tokens with this probability
    #[arg(long, value_name = "P", default_value_t = 1.0, value_parser = probability)]
    pub top_p: f32,
    /// Seed of the sampler
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Seconds the answer may take
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = positive)]
    pub timeout: usize,
    /// How the model is loaded.
    #[command(flatten)]
    pub load: LoadArgs,
    /// Never use the network: a model that is not on this machine is not fetched
    #[arg(long)]
    pub offline: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `vlm-test models`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ModelsArgs {
    /// What to do instead of listing.
    #[command(subcommand)]
    pub action: Option<ModelsAction>,
    /// Print a JSON list
    #[arg(long)]
    pub json: bool,
}

/// What `vlm-test models` can do besides listing.
#[derive(Debug, Subcommand)]
pub enum ModelsAction {
    /// Fetch weights from the Hugging Face hub into its cache on this machine
    Pull(PullArgs),
}

/// `vlm-test models pull`.
#[derive(Debug, Args)]
pub struct PullArgs {
    /// Models to fetch, by name or repository
    #[arg(value_name = "NAME|OWNER/NAME[@REVISION]", required = true)]
    pub models: Vec<String>,
    /// Fetch nothing: only look whether they are here
    #[arg(long)]
    pub offline: bool,
    /// Print a JSON list, and no progress
    #[arg(long)]
    pub json: bool,
    /// Print no progress
    #[arg(long, short)]
    pub quiet: bool,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(value) if value > 0 => Ok(value),
        _ => Err("expected a whole number of at least 1".to_owned()),
    }
}

fn turns(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(value) if value <= MOST_TURNS => Ok(value),
        _ => Err(format!("expected a whole number of at most {MOST_TURNS}")),
    }
}

fn precision(text: &str) -> Result<Precision, String> {
    let known = Precision::ALL.into_iter().find(|precision| precision.name() == text);
    known.ok_or_else(|| "expected float32, float16 or bfloat16".to_owned())
}

fn temperature(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("expected a number of at least 0".to_owned()),
    }
}

fn probability(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if value > 0.0 && value <= 1.0 => Ok(value),
        _ => Err("expected a number above 0 and at most 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vqa(arguments: &[&str]) -> Result<VqaArgs, clap::Error> {
        let cli = Cli::try_parse_from(["vlm-test", "vqa"].iter().chain(arguments))?;
        match cli.command {
            Command::Vqa(args) => Ok(args),
            other => panic!("parsed as {other:?}"),
        }
    }

    #[test]
    fn models_are_separated_by_commas_or_spaces() {
        for arguments in
            [&["--models", "a,b"][..], &["--models", "a", "b"], &["--models", "a", "--models", "b"]]
        {
            assert_eq!(vqa(arguments).unwrap().asked.run.models, ["a", "b"]);
        }
        assert_eq!(vqa(&[]).unwrap().asked.run.models, ["smolvlm_tiny"]);
    }

    #[test]
    fn no_questions_at_all_is_a_usage_error() {
        assert!(vqa(&["--questions", "0"]).unwrap_err().to_string().contains("--questions"));
        assert!(vqa(&["--max-tokens", "0"]).is_err());
        assert_eq!(vqa(&["--cleanup-every", "0"]).unwrap().asked.cleanup_every, 0);
    }

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
