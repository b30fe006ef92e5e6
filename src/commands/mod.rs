//! One file per subcommand: from arguments to exit status.

pub mod ask;
pub mod models;
pub mod vqa;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use crate::{
    backend::registry::ResolvedModel,
    cli::{Command, LoadArgs},
    error::{CommandError, ExitStatus},
};

/// Set by the first Ctrl-C; the second ends the program at once.
static INTERRUPT: AtomicBool = AtomicBool::new(false);

/// Time for loading a model: gigabytes from a slow disk.
const LOAD_LIMIT: Duration = Duration::from_mins(15);

/// Carries out a command.
///
/// # Errors
/// [`CommandError`] when it cannot go on.
pub fn run(command: &Command) -> Result<ExitStatus, CommandError> {
    match command {
        Command::Vqa(args) => vqa::run(args),
        Command::Ask(args) => ask::run(args),
        Command::Models(args) => models::run(args),
        Command::Worker => crate::worker::run()
            .map(|()| ExitStatus::Pass)
            .map_err(|error| CommandError::new(ExitStatus::Internal, error)),
    }
}

/// Lets Ctrl-C finish the record instead of cutting it off.
fn catch_interrupts() -> Result<&'static AtomicBool, CommandError> {
    ctrlc::set_handler(|| {
        if INTERRUPT.swap(true, Ordering::Relaxed) {
            std::process::exit(ExitStatus::Interrupted as i32);
        }
    })
    .map_err(|error| {
        CommandError::new(ExitStatus::Internal, format!("cannot catch Ctrl-C: {error}"))
    })?;
    Ok(&INTERRUPT)
}

/// Refuses an option that none of the chosen models would heed.
fn check_load_options<'a>(
    args: &LoadArgs,
    mut models: impl Iterator<Item = &'a ResolvedModel>,
) -> Result<(), CommandError> {
    let heeds_crops = |model: &ResolvedModel| model.model_type().as_deref() == Some("phi3_v");
    if args.num_crops.is_none() || models.any(heeds_crops) {
        return Ok(());
    }
    Err(CommandError::usage("--num-crops is for phi3_v models, and none was chosen".to_owned())
        .hint("leave it out"))
}

/// The program that workers are started from: this one.
fn this_program() -> Result<PathBuf, CommandError> {
    std::env::current_exe().map_err(|error| {
        CommandError::new(
            ExitStatus::Internal,
            format!("cannot find this program's own file: {error}"),
        )
    })
}
