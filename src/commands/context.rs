//! `vlm-test context`: facts about images, asked under histories that differ in one thing each,
//! or photos recalled from memory.

mod recall;

use std::{fs, path::Path};

use super::suite_run::{self, Prepared};
use crate::{
    cli::ContextArgs,
    dataset::{
        DatasetError,
        scenario::{self, ANNOTATIONS, Scenario, SceneOptions},
    },
    error::{CommandError, ExitStatus},
    memory::CleanupSchedule,
    results::{ContextSettings, DatasetProvenance, RunDir, sha256_file},
    scoring::context::Condition,
    suites::context::{ContextOptions, ContextSuite, DEFAULT_PROMPT_SUFFIX, Illustrated},
};

/// The dataset that is drawn.
const SCENES: &str = "scenes";
/// Photos without a key.
const RECALL: &str = "recall";
/// Facts asked about each image unless the user says otherwise.
const FACTS: usize = 5;
/// Where drawn images lie in the folder of the run.
const IMAGES: &str = "images";

/// Carries out the command.
///
/// # Errors
/// [`CommandError`] for what is wrong before a model is loaded, and for results that cannot be
/// written.
pub fn run(args: &ContextArgs) -> Result<ExitStatus, CommandError> {
    let models = suite_run::models(&args.run)?;
    let distractors = ascending(&args.distractors);
    if args.dataset == RECALL {
        return recall::run(args, models, &distractors);
    }
    if args.images.is_some() {
        let error = "--images goes with --dataset recall and with nothing else";
        let hint = "a folder of annotated photos is given as --dataset DIR";
        return Err(CommandError::usage(error.to_owned()).hint(hint));
    }
    let mut scenarios = scenarios(args, distractors.last().copied().unwrap_or_default())?;
    let annotated = facts(&scenarios);
    scenarios.truncate(args.scenarios);
    for scenario in &mut scenarios {
        scenario.facts.truncate(args.facts.unwrap_or(FACTS));
    }
    let conditions = conditions(args, scenarios.len())?;
    let options = ContextOptions { conditions, distractors, max_tokens: args.max_tokens };
    suite_run::run(&args.run, models, "context", |folder| {
        prepare(args, scenarios, annotated, options, folder)
    })
}

fn scenarios(args: &ContextArgs, turns: usize) -> Result<Vec<Scenario>, CommandError> {
    let facts = args.facts.unwrap_or(FACTS);
    if args.dataset == SCENES {
        let options =
            SceneOptions { seed: args.seed, scenarios: args.scenarios, facts, distractors: turns };
        return Ok(scenario::scenes(&options)?);
    }
    scenario::read(Path::new(&args.dataset), args.seed, turns).map_err(|error| {
        let is_no_folder = matches!(error, DatasetError::NotAFolder(_));
        let error = CommandError::from(error);
        if is_no_folder { error.hint("scenes and recall need no folder") } else { error }
    })
}

fn facts(scenarios: &[Scenario]) -> usize {
    scenarios.iter().map(|scenario| scenario.facts.len()).sum()
}

/// The histories that were asked for. One scenario alone has no other image to show.
fn conditions(args: &ContextArgs, scenarios: usize) -> Result<Vec<Condition>, CommandError> {
    let Some(chosen) = &args.conditions else {
        let possible = |it: &Condition| scenarios > 1 || *it != Condition::X;
        return Ok(Condition::ALL.into_iter().filter(possible).collect());
    };
    if scenarios < 2 && chosen.contains(&Condition::X) {
        let error = "condition X shows the image of another scenario, and there is only one";
        return Err(
            CommandError::usage(error.to_owned()).hint("leave X out, or ask for more scenarios")
        );
    }
    Ok(Condition::ALL.into_iter().filter(|it| chosen.contains(it)).collect())
}

fn ascending(numbers: &[usize]) -> Vec<usize> {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// Makes the images and the suite. There are `annotated` facts in all to choose from.
fn prepare(
    args: &ContextArgs,
    scenarios: Vec<Scenario>,
    annotated: usize,
    options: ContextOptions,
    folder: &RunDir,
) -> Result<Prepared, CommandError> {
    let images = folder.path().join(IMAGES);
    fs::create_dir_all(&images).map_err(|error| {
        let message = format!("cannot make {}: {error}", images.display());
        CommandError::new(ExitStatus::CouldNotTest, message)
    })?;
    let illustrated = |scenario: Scenario| {
        let image = scenario
            .image_file(&images)
            .map_err(|error| CommandError::new(ExitStatus::CouldNotTest, error))?;
        let sha256 = sha256_file(&image)?;
        Ok(Illustrated { scenario, image, sha256 })
    };
    let facts = facts(&scenarios);
    let scenarios: Vec<_> =
        scenarios.into_iter().map(illustrated).collect::<Result<_, CommandError>>()?;
    let settings = ContextSettings {
        scenarios: scenarios.len(),
        facts,
        conditions: options.conditions.clone(),
        distractors: options.distractors.clone(),
    };
    let introduction = introduction(args, &settings);
    Ok(Prepared {
        introduction,
        dataset: provenance(args, &images, annotated, facts)?,
        suite: Box::new(ContextSuite::new(scenarios, options)),
        seed: args.seed,
        max_tokens: args.max_tokens,
        cleanup: CleanupSchedule::every_images(args.cleanup_every),
        prompt_suffix: args.prompt_suffix.clone(),
        default_suffix: DEFAULT_PROMPT_SUFFIX,
        context: Some(settings),
    })
}

/// Where the facts come from, of whose `annotated` `facts` are asked.
fn provenance(
    args: &ContextArgs,
    drawn: &Path,
    annotated: usize,
    facts: usize,
) -> Result<DatasetProvenance, CommandError> {
    let is_drawn = args.dataset == SCENES;
    let folder = Path::new(&args.dataset);
    let annotations = folder.join(ANNOTATIONS);
    let digest = (!is_drawn).then(|| sha256_file(&annotations)).transpose()?;
    let root = if is_drawn { drawn } else { folder };
    Ok(DatasetProvenance {
        name: if is_drawn { SCENES.to_owned() } else { name_of(&args.dataset) },
        root: root.to_string_lossy().into_owned(),
        split: String::new(),
        total_questions: annotated,
        selected_questions: facts,
        questions_sha256: None,
        annotations_sha256: digest,
    })
}

fn name_of(folder: &str) -> String {
    let name = Path::new(folder).file_name();
    name.map_or_else(|| folder.to_owned(), |name| name.to_string_lossy().into_owned())
}

fn introduction(args: &ContextArgs, settings: &ContextSettings) -> String {
    let conditions: Vec<_> = settings.conditions.iter().map(|it| it.letter()).collect();
    let turns: Vec<_> = settings.distractors.iter().map(ToString::to_string).collect();
    format!(
        "dataset {}: {} facts in {} scenarios under {}, after {} turns about something else",
        args.dataset,
        settings.facts,
        settings.scenarios,
        conditions.join(", "),
        turns.join(", ")
    )
}
