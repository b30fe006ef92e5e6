//! First use of a model that is not here: fetches its weights.

use super::catch_interrupts;
use crate::{
    backend::{
        hub::{self, HubError, HubModel, HubSettings, PullEvent, Pulled},
        registry::{Location, ResolvedModel},
    },
    error::CommandError,
    report::{ConsoleOptions, Downloads},
};

/// Fetches those of `models` that are not here, can be run, and have a repository. One that
/// cannot be had stays missing, and says why.
///
/// # Errors
/// [`CommandError`] if interrupted.
pub fn fetch_missing(
    models: &mut [ResolvedModel],
    offline: bool,
    options: ConsoleOptions,
) -> Result<(), CommandError> {
    for model in models {
        let is_missing = matches!(model.location, Location::Missing { .. });
        let Some(repository) = model.hub_model().filter(|_| is_missing && model.is_built()) else {
            continue;
        };
        model.location = match fetch(&repository, offline, options)? {
            Ok(pulled) => Location::Present(pulled.snapshot),
            Err(HubError::Interrupted) => return Err(HubError::Interrupted.into()),
            Err(error) => Location::Missing { hint: error.to_string() },
        };
    }
    Ok(())
}

/// Brings one repository here and shows how it goes on.
///
/// # Errors
/// [`CommandError`] if Ctrl-C cannot be caught.
pub fn fetch(
    model: &HubModel,
    offline: bool,
    options: ConsoleOptions,
) -> Result<Result<Pulled, HubError>, CommandError> {
    let interrupt = catch_interrupts()?;
    let mut downloads = Downloads::new(options);
    let mut observe = |event: PullEvent<'_>| downloads.observe(event);
    Ok(HubSettings::from_env(offline)
        .and_then(|settings| hub::pull(model, settings, interrupt, &mut observe)))
}
