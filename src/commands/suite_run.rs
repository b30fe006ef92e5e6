//! What the commands that put a suite to models have in common: the models, the folder of the
//! run, the run itself and its exit status.

use std::{
    cell::RefCell,
    fs::File,
    path::Path,
    rc::Rc,
    sync::{Mutex, atomic::AtomicBool},
};

use super::{catch_interrupts, check_load_options, fetch::fetch_missing, this_program};
use crate::{
    backend::registry::{Location, Registry, ResolvedModel},
    cli::RunArgs,
    dataset::Dataset,
    error::{CommandError, ExitStatus},
    memory::CleanupSchedule,
    report::{Console, ConsoleOptions, Verbosity},
    results::{
        ContextSettings, DatasetProvenance, Outcome, Provenance, Recorder, ResultsError, RunDir,
        RunReport, RunSettings, RunStatus, sha256_file,
    },
    runner::{self, Patience, Plan, PlannedModel},
    suites::Suite,
};

/// A suite that is ready to be put to models.
pub struct Prepared {
    /// What is asked.
    pub suite: Box<dyn Suite>,
    /// Where it comes from.
    pub dataset: DatasetProvenance,
    /// The seed of what was drawn.
    pub seed: u64,
    /// Largest number of tokens of an answer.
    pub max_tokens: usize,
    /// When memory is cleaned up.
    pub cleanup: CleanupSchedule,
    /// What the user chose for questions to end with.
    pub prompt_suffix: Option<String>,
    /// What they end with where neither the user nor the model's manifest says.
    pub default_suffix: &'static str,
    /// What a context test was asked to do.
    pub context: Option<ContextSettings>,
    /// Said before the run.
    pub introduction: String,
}

/// What the record says of `dataset`, of whose `total` things `selected` are asked about.
///
/// # Errors
/// [`CommandError`] if one of its files cannot be read.
pub fn provenance(
    dataset: &Dataset,
    total: usize,
    selected: usize,
) -> Result<DatasetProvenance, CommandError> {
    Ok(DatasetProvenance {
        name: dataset.name.clone(),
        root: dataset.root.to_string_lossy().into_owned(),
        split: dataset.split.clone(),
        total_questions: total,
        selected_questions: selected,
        questions_sha256: Some(sha256_file(&dataset.questions_file)?),
        annotations_sha256: dataset.annotations_file.as_deref().map(sha256_file).transpose()?,
    })
}

/// What the record says of the images of a plain `folder`, of whose `total` `selected` are shown.
pub fn folder_provenance(folder: &Path, total: usize, selected: usize) -> DatasetProvenance {
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let name = full.file_name().unwrap_or(full.as_os_str()).to_string_lossy().into_owned();
    DatasetProvenance {
        name,
        root: folder.to_string_lossy().into_owned(),
        split: String::new(),
        total_questions: total,
        selected_questions: selected,
        questions_sha256: None,
        annotations_sha256: None,
    }
}

/// The models of the command line, each once, with options that one of them heeds.
///
/// # Errors
/// [`CommandError`] for an unknown name or an option that none heeds.
pub fn models(args: &RunArgs) -> Result<Vec<ResolvedModel>, CommandError> {
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
    check_load_options(&args.load, models.iter())?;
    Ok(models)
}

/// Fetches what is missing of `models`, makes the folder of the run, has `prepare` make the suite
/// `name` (it may put files there) and runs it.
///
/// # Errors
/// [`CommandError`] for what is wrong before a model is loaded, and for results that cannot be
/// written.
pub fn run(
    args: &RunArgs,
    models: Vec<ResolvedModel>,
    name: &str,
    prepare: impl FnOnce(&RunDir) -> Result<Prepared, CommandError>,
) -> Result<ExitStatus, CommandError> {
    let models = with_weights(args, models)?;
    let folder = RunDir::create(args.output.as_deref(), name)?;
    log_to(&folder.debug_log_path());
    let console = Rc::new(RefCell::new(Console::new(console_options(args))));
    let prepared = prepare(&folder)?;
    let interrupt = catch_interrupts()?;
    let (ended, report) = run_in(&folder, args, models, prepared, &console, interrupt)?;
    console.borrow_mut().finish(&report, folder.path())?;
    Ok(status(ended?, &report))
}

/// Runs what is `prepared` and keeps its record in `folder`. The inner error is that of a record
/// that could not be kept to the end; the report is what was kept.
///
/// # Errors
/// [`CommandError`] for what is wrong before a model is loaded.
pub fn run_in(
    folder: &RunDir,
    args: &RunArgs,
    models: Vec<ResolvedModel>,
    prepared: Prepared,
    console: &Rc<RefCell<Console>>,
    interrupt: &'static AtomicBool,
) -> Result<(Result<RunStatus, ResultsError>, RunReport), CommandError> {
    console.borrow().note(&prepared.introduction);
    let plan = plan(args, models, prepared, folder)?;
    let onlooker = Rc::clone(console);
    let mut recorder =
        Recorder::new(folder.clone(), move |entry| onlooker.borrow_mut().observe(entry))?;
    let ended = runner::run(&plan, &mut recorder, interrupt);
    Ok((ended, recorder.report()))
}

/// Sends this process's diagnosis where its workers write theirs. A log that cannot be
/// opened stops no run: the first worker will say so.
pub(super) fn log_to(path: &Path) {
    if let Ok(file) = File::options().create(true).append(true).open(path) {
        let log = tracing_subscriber::fmt().with_writer(Mutex::new(file)).with_ansi(false);
        // Fails only where a log is set up already.
        drop(log.with_max_level(tracing::Level::DEBUG).try_init());
    }
}

/// The models, heaviest first, once their weights are here.
pub(super) fn with_weights(
    args: &RunArgs,
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

fn plan(
    args: &RunArgs,
    models: Vec<ResolvedModel>,
    prepared: Prepared,
    folder: &RunDir,
) -> Result<Plan, CommandError> {
    let settings = RunSettings {
        suite: prepared.suite.name().to_owned(),
        models: models.iter().map(|model| model.manifest.name.clone()).collect(),
        questions: prepared.suite.items().len(),
        max_tokens: prepared.max_tokens,
        temperature: 0.0,
        top_p: 1.0,
        load: args.load.options(),
        cleanup: args.memory.schedule(prepared.cleanup),
        limits: args.memory.limits(),
        load_limit_ms: args.load.limit().as_millis() as u64,
        question_limit_ms: (args.timeout as u64).saturating_mul(1000),
        context: prepared.context,
    };
    let command = std::env::args_os().map(|it| it.to_string_lossy().into_owned()).collect();
    let suffix = |model: &ResolvedModel| {
        let chosen = prepared.prompt_suffix.as_ref().or(model.manifest.prompt_suffix.as_ref());
        chosen.map_or(prepared.default_suffix, String::as_str).to_owned()
    };
    Ok(Plan {
        settings,
        provenance: Provenance::collect(command, prepared.seed, prepared.dataset),
        models: models
            .into_iter()
            .map(|model| PlannedModel { prompt_suffix: suffix(&model), model })
            .collect(),
        suite: prepared.suite,
        program: this_program()?,
        log: folder.debug_log_path(),
        patience: Patience::default(),
    })
}

pub(super) fn console_options(args: &RunArgs) -> ConsoleOptions {
    let verbosity = match (args.verbosity.quiet, args.verbosity.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    };
    ConsoleOptions { verbosity, json: args.json }
}

/// A wrong answer is a result; no answer, and a result that means nothing, is a failure.
fn status(ended: RunStatus, report: &RunReport) -> ExitStatus {
    let questions = || report.models.iter().flat_map(|model| &model.questions);
    let is_valid = report.models.iter().all(|model| model.summary.figures.is_valid());
    match ended {
        RunStatus::Interrupted => ExitStatus::Interrupted,
        RunStatus::Failed => ExitStatus::CouldNotTest,
        RunStatus::Completed
            if is_valid && questions().all(|it| matches!(it.outcome, Outcome::Answered { .. })) =>
        {
            ExitStatus::Pass
        }
        RunStatus::Completed => ExitStatus::Failed,
    }
}
