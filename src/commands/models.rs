//! `vlm-test models`: what is known, where it is, whether it can run here.

use crate::{
    backend::registry::{Location, Registry, ResolvedModel},
    cli::ModelsArgs,
    error::{CommandError, ExitStatus},
    memory::physical_memory,
    report::{ModelRow, console, json, models},
};

/// Carries out the command.
///
/// # Errors
/// [`CommandError`] when the program's own manifests are broken or nothing can be printed.
pub fn run(args: &ModelsArgs) -> Result<ExitStatus, CommandError> {
    let registry = Registry::load()?;
    let memory = physical_memory();
    let rows: Vec<ModelRow> = registry.models().map(|model| row(&model, memory)).collect();
    let text = if args.json {
        json::pretty(&rows)?
    } else {
        models::render(&rows, console::stdout_columns())
    };
    console::print(&text)?;
    for error in registry.broken() {
        console::print_problem(&crate::report::Problem::new(error.to_string()));
    }
    Ok(ExitStatus::Pass)
}

fn row(model: &ResolvedModel, memory: Option<u64>) -> ModelRow {
    let weight_bytes = model.weight_bytes();
    let (runnable, status) = status(model, weight_bytes, memory);
    let place = match &model.location {
        Location::Present(path) => path.to_string_lossy().into_owned(),
        Location::Embedded(_) => "built in".to_owned(),
        Location::Missing { .. } => model.manifest.repository.clone().unwrap_or_default(),
    };
    ModelRow {
        name: model.manifest.name.clone(),
        aliases: model.manifest.aliases.clone(),
        family: model.model_type().unwrap_or_default(),
        weight_bytes,
        runnable,
        status,
        place,
    }
}

fn status(model: &ResolvedModel, weights: Option<u64>, memory: Option<u64>) -> (bool, String) {
    if !model.is_built() {
        return (false, "family not built yet".to_owned());
    }
    if let Location::Missing { .. } = model.location {
        return (false, "not downloaded".to_owned());
    }
    if let Err(error) = model.ready() {
        return (false, error.to_string());
    }
    match (weights, memory) {
        (Some(weights), Some(memory)) if weights > memory => {
            (false, "larger than this machine's memory".to_owned())
        }
        _ => (true, "ready".to_owned()),
    }
}
