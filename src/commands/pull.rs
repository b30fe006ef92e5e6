//! `vlm-test models pull`: weights from the hub, before their first use.

use serde::Serialize;

use super::fetch::fetch;
use crate::{
    backend::registry::{Location, Registry, ResolvedModel},
    cli::PullArgs,
    error::{CommandError, ExitStatus},
    report::{ConsoleOptions, Problem, Verbosity, console, json, units::bytes},
};

/// What `--json` prints of each model.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    repository: Option<String>,
    revision: Option<String>,
    commit: Option<String>,
    path: Option<String>,
    size_on_disk: Option<u64>,
    fetched_bytes: u64,
    problem: Option<String>,
}

/// Carries out the command. A model that cannot be had does not keep the next from coming.
///
/// # Errors
/// [`CommandError`] for an unknown name, before anything is fetched, and if interrupted.
pub fn run(args: &PullArgs) -> Result<ExitStatus, CommandError> {
    let registry = Registry::load()?;
    let models = args.models.iter().map(|name| registry.resolve(name));
    let models = models.collect::<Result<Vec<_>, _>>()?;
    let mut status = ExitStatus::Pass;
    let mut rows = Vec::with_capacity(models.len());
    for mut model in models {
        match pull(&mut model, args) {
            Ok(fetched_bytes) => rows.push(shown(&model, fetched_bytes, args)?),
            Err(error) if error.status == ExitStatus::Interrupted => return Err(error),
            Err(error) => {
                console::print_problem(&error.problem);
                status = error.status;
                rows.push(row(&model, 0, Some(error.problem.message)));
            }
        }
    }
    if args.json {
        console::print(&json::pretty(&rows)?)?;
    }
    Ok(status)
}

/// Brings `model` here and returns how many bytes came over the network.
fn pull(model: &mut ResolvedModel, args: &PullArgs) -> Result<u64, CommandError> {
    let Some(repository) = model.hub_model().filter(|_| is_of_hub(model)) else {
        model.ready()?;
        return Ok(0);
    };
    let verbosity = if args.quiet { Verbosity::Quiet } else { Verbosity::Normal };
    let options = ConsoleOptions { verbosity, json: args.json };
    let pulled = fetch(&repository, args.offline, options)??;
    model.location = Location::Present(pulled.snapshot);
    Ok(pulled.fetched_bytes)
}

/// Whether its weights are those of its repository, and not a folder of the user's.
fn is_of_hub(model: &ResolvedModel) -> bool {
    matches!(model.location, Location::Missing { .. }) || model.commit().is_some()
}

fn shown(model: &ResolvedModel, fetched: u64, args: &PullArgs) -> Result<Row, CommandError> {
    // The weights are here; that they cannot be run is for their first use to fail with.
    let problem = model.ready().err().map(|error| error.to_string());
    let row = row(model, fetched, problem);
    if args.json {
        return Ok(row);
    }
    let what = match (&row.path, &row.commit) {
        (Some(path), Some(commit)) => {
            let size = bytes(row.size_on_disk.unwrap_or_default());
            let fetched = match fetched {
                0 => "all here already".to_owned(),
                fetched => bytes(fetched) + " fetched",
            };
            format!("{size}, {fetched}, commit {commit}\n  {path}")
        }
        (Some(path), None) => format!("here already, at {path}"),
        (None, _) => "part of the program".to_owned(),
    };
    let line = format!("{}: {what}\n", row.name);
    console::print_piece(&line)?;
    if let Some(problem) = &row.problem {
        console::print_problem(&Problem::new(problem.clone()));
    }
    Ok(row)
}

fn row(model: &ResolvedModel, fetched_bytes: u64, problem: Option<String>) -> Row {
    let path = match &model.location {
        Location::Present(path) => Some(path.to_string_lossy().into_owned()),
        Location::Embedded(_) | Location::Missing { .. } => None,
    };
    Row {
        name: model.manifest.name.clone(),
        repository: model.manifest.repository.clone(),
        revision: model.manifest.revision.clone(),
        commit: model.commit(),
        path,
        size_on_disk: model.size_on_disk(),
        fetched_bytes,
        problem,
    }
}
