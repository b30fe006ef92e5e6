//! `vlm-test vqa`: the questions of a dataset, put to each model.

use std::{
    cell::RefCell,
    fs::File,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Mutex,
};

use super::{LOAD_LIMIT, catch_interrupts, check_load_options, fetch::fetch_missing, this_program};
use crate::{
    backend::registry::{Location, Registry, ResolvedModel},
    cli::VqaArgs,
    dataset::{self, Dataset, DatasetError, NoDataset, Selection},
    embedded,
    error::{CommandError, ExitStatus},
    memory::CleanupSchedule,
    report::{Console, ConsoleOptions, Verbosity},
    results::{
        DatasetProvenance, Outcome, Provenance, Recorder, RunDir, RunReport, RunSettings,
        RunStatus, sha256_file,
    },
    runner::{self, Plan, PlannedModel},
    suites::vqa::DEFAULT_PROMPT_SUFFIX,
};

/// Questions put to a model unless a number is given.
const DEFAULT_QUESTIONS: usize = 20;

/// Carries out the command.
///
/// # Errors
/// [`CommandError`] for what is wrong before a model is loaded, and for results that
/// cannot be written.
pub fn run(args: &VqaArgs) -> Result<ExitStatus, CommandError> {
    let models = models(args)?;
    check_load_options(&args.load, models.iter())?;
    let dataset = load_dataset(args)?;
    let models = with_weights(args, models)?;
    let folder = RunDir::create(args.output.as_deref(), "vqa")?;
    log_to(&folder.debug_log_path());
    let console = Rc::new(RefCell::new(Console::new(console_options(args))));
    console.borrow().note(&introduction(&dataset));
    let plan = plan(args, models, dataset, folder.debug_log_path())?;
    let interrupt = catch_interrupts()?;
    let onlooker = Rc::clone(&console);
    let mut recorder =
        Recorder::new(folder.clone(), move |entry| onlooker.borrow_mut().observe(entry))?;
    let ended = runner::run(&plan, &mut recorder, interrupt);
    let report = recorder.report();
    console.borrow_mut().finish(&report, folder.path())?;
    Ok(status(ended?, &report))
}

/// Sends this process's diagnosis where its workers write theirs. A log that cannot be
/// opened stops no run: the first worker will say so.
fn log_to(path: &Path) {
    if let Ok(file) = File::options().create(true).append(true).open(path) {
        let log = tracing_subscriber::fmt().with_writer(Mutex::new(file)).with_ansi(false);
        // Fails only where a log is set up already.
        drop(log.with_max_level(tracing::Level::DEBUG).try_init());
    }
}

fn models(args: &VqaArgs) -> Result<Vec<ResolvedModel>, CommandError> {
    let registry = Registry::load()?;
    let mut models: Vec<ResolvedModel> = Vec::new();
    for name in &args.models {
        let mut model = registry.resolve(name)?;
        let namesake = |known: &&ResolvedModel| known.manifest.name == model.manifest.name;
        match models.iter().find(namesake) {
            Some(known) if same_place(&known.location, &model.location) => continue,
            // Two folders may have one name; the record must tell them apart.
            Some(_) => model.manifest.name.clone_from(name),
            None => {}
        }
        models.push(model);
    }
    Ok(models)
}

/// The models, heaviest first, once their weights are here.
fn with_weights(
    args: &VqaArgs,
    mut models: Vec<ResolvedModel>,
) -> Result<Vec<ResolvedModel>, CommandError> {
    fetch_missing(&mut models, args.offline, console_options(args))?;
    // Nothing to run is said at once; one that is missing among others is recorded.
    if models.iter().all(|model| model.ready().is_err())
        && let Some(model) = models.first()
    {
        model.ready()?;
    }
    models.sort_by_key(|model| std::cmp::Reverse(model.weight_bytes()));
    Ok(models)
}

/// Whether two models of one name are one model.
fn same_place(one: &Location, other: &Location) -> bool {
    match (one, other) {
        (Location::Present(one), Location::Present(other)) => {
            one == other || one.canonicalize().ok() == other.canonicalize().ok()
        }
        (Location::Embedded(_), Location::Embedded(_))
        | (Location::Missing { .. }, Location::Missing { .. }) => true,
        _ => false,
    }
}

fn load_dataset(args: &VqaArgs) -> Result<Dataset, CommandError> {
    let root = match dataset::find(&args.dataset) {
        Err(DatasetError::NoDataset(_)) if args.dataset == embedded::DATASET.name => {
            embedded::DATASET
                .unpack()
                .map_err(|error| CommandError::new(ExitStatus::CouldNotTest, error))?
        }
        Err(DatasetError::NoDataset(unknown)) => {
            return Err(DatasetError::NoDataset(knowing_the_built_in(unknown)).into());
        }
        found => found?,
    };
    let load = |questions| {
        let selection =
            Selection { questions: Some(questions), seed: args.seed, only: args.only.clone() };
        dataset::load(&root, None, &selection)
    };
    match (load(args.questions.unwrap_or(DEFAULT_QUESTIONS)), args.questions) {
        // Nobody asked for twenty: a smaller dataset is asked whole.
        (Err(DatasetError::TooFewQuestions { available, .. }), None) if available > 0 => {
            Ok(load(available)?)
        }
        (loaded, _) => Ok(loaded?),
    }
}

/// The dataset that is part of the program is known even where no folder holds one.
fn knowing_the_built_in(mut unknown: NoDataset) -> NoDataset {
    let name = embedded::DATASET.name;
    if !unknown.known.iter().any(|known| known == name) {
        unknown.known.push(name.to_owned());
        unknown.known.sort();
        let near = strsim::jaro_winkler(&unknown.name.to_lowercase(), name) >= 0.7;
        unknown.nearest = unknown.nearest.or_else(|| near.then(|| name.to_owned()));
    }
    unknown
}

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

fn plan(
    args: &VqaArgs,
    models: Vec<ResolvedModel>,
    dataset: Dataset,
    log: PathBuf,
) -> Result<Plan, CommandError> {
    let settings = RunSettings {
        suite: "vqa".to_owned(),
        models: models.iter().map(|model| model.manifest.name.clone()).collect(),
        questions: dataset.questions.len(),
        max_tokens: args.max_tokens,
        temperature: 0.0,
        top_p: 1.0,
        load: args.load.options(),
        cleanup: CleanupSchedule::every_questions(args.cleanup_every),
        load_limit_ms: LOAD_LIMIT.as_millis() as u64,
        question_limit_ms: (args.timeout as u64).saturating_mul(1000),
    };
    let command = std::env::args_os().map(|it| it.to_string_lossy().into_owned()).collect();
    let data = DatasetProvenance {
        name: dataset.name.clone(),
        root: dataset.root.to_string_lossy().into_owned(),
        split: dataset.split.clone(),
        total_questions: dataset.total_questions,
        selected_questions: dataset.questions.len(),
        questions_sha256: Some(sha256_file(&dataset.questions_file)?),
        annotations_sha256: dataset.annotations_file.as_deref().map(sha256_file).transpose()?,
    };
    let suffix = |model: &ResolvedModel| {
        let chosen = args.prompt_suffix.clone().or_else(|| model.manifest.prompt_suffix.clone());
        chosen.unwrap_or_else(|| DEFAULT_PROMPT_SUFFIX.to_owned())
    };
    Ok(Plan {
        settings,
        provenance: Provenance::collect(command, args.seed, data),
        models: models
            .into_iter()
            .map(|model| PlannedModel { prompt_suffix: suffix(&model), model })
            .collect(),
        questions: dataset.questions,
        program: this_program()?,
        log,
    })
}

fn console_options(args: &VqaArgs) -> ConsoleOptions {
    let verbosity = match (args.verbosity.quiet, args.verbosity.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    };
    ConsoleOptions { verbosity, json: args.json }
}

/// A wrong answer is a result; no answer is a failure.
fn status(ended: RunStatus, report: &RunReport) -> ExitStatus {
    let questions = || report.models.iter().flat_map(|model| &model.questions);
    match ended {
        RunStatus::Interrupted => ExitStatus::Interrupted,
        RunStatus::Failed => ExitStatus::CouldNotTest,
        RunStatus::Completed
            if questions().all(|it| matches!(it.outcome, Outcome::Answered { .. })) =>
        {
            ExitStatus::Pass
        }
        RunStatus::Completed => ExitStatus::Failed,
    }
}
