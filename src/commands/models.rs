//! `vlm-test models`: what is known, where it is, whether it can run here.

use super::{plan, pull};
use crate::{
    backend::registry::{Location, Registry, ResolvedModel},
    cli::{ModelsAction, ModelsArgs},
    error::{CommandError, ExitStatus},
    report::{ModelRow, Problem, console, json, models},
};

/// Carries out the command.
///
/// # Errors
/// [`CommandError`] when the program's own manifests are broken or nothing can be printed,
/// and those of `pull`.
pub fn run(args: &ModelsArgs) -> Result<ExitStatus, CommandError> {
    if let Some(ModelsAction::Pull(args)) = &args.action {
        return pull::run(args);
    }
    let registry = Registry::load()?;
    let budget = plan::machine(None).budget_bytes;
    let rows: Vec<ModelRow> = registry.models().map(|model| row(&model, budget)).collect();
    let text = if args.json {
        json::pretty(&rows)?
    } else {
        models::render(&rows, console::stdout_columns())
    };
    console::print(&text)?;
    for error in registry.broken() {
        console::print_problem(&Problem::new(error.to_string()));
    }
    Ok(ExitStatus::Pass)
}

fn row(model: &ResolvedModel, budget: u64) -> ModelRow {
    let memory_bytes = model.memory_bytes();
    let fits = memory_bytes.map(|bytes| bytes <= budget);
    let status = status(model, fits);
    let place = match &model.location {
        Location::Present(path) => path.to_string_lossy().into_owned(),
        Location::Embedded(_) => "built in".to_owned(),
        Location::Missing { .. } => model.manifest.repository.clone().unwrap_or_default(),
    };
    ModelRow {
        name: model.manifest.name.clone(),
        aliases: model.manifest.aliases.clone(),
        family: model.model_type().unwrap_or_default(),
        repository: model.manifest.repository.clone(),
        revision: model.manifest.revision.clone(),
        commit: model.commit(),
        size_on_disk: model.size_on_disk(),
        weight_bytes: model.weight_bytes(),
        memory_bytes,
        fits,
        runnable: status.is_ok(),
        status: status.as_ref().map_or_else(|unfit| unfit.word, |()| "ready").to_owned(),
        problem: status.err().and_then(|unfit| unfit.problem),
        place,
    }
}

/// Why a model cannot run here: a word for the table, and the whole of it where a word
/// does not do.
struct Unfit {
    word: &'static str,
    problem: Option<String>,
}

fn status(model: &ResolvedModel, fits: Option<bool>) -> Result<(), Unfit> {
    let unfit = |word| Err(Unfit { word, problem: None });
    if !model.is_built() {
        return unfit("family not built yet");
    }
    if let Location::Missing { .. } = model.location {
        return unfit("not downloaded");
    }
    if let Err(error) = model.ready() {
        return Err(Unfit { word: "unusable", problem: Some(error.to_string()) });
    }
    match fits {
        Some(false) => unfit("too large here"),
        _ => Ok(()),
    }
}
