//! One file per subcommand: from arguments to exit status.

pub mod ask;
pub mod context;
pub mod describe;
mod fetch;
mod find_dataset;
pub mod memory;
mod models;
mod pull;
mod suite_run;
pub mod vqa;

use std::{
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    backend::registry::ResolvedModel,
    cli::{Command, LoadArgs},
    error::{CommandError, ExitStatus},
};

/// Set by the first Ctrl-C; the second ends the program at once.
static INTERRUPT: AtomicBool = AtomicBool::new(false);

/// Carries out a command.
///
/// # Errors
/// [`CommandError`] when it cannot go on.
pub fn run(command: &Command) -> Result<ExitStatus, CommandError> {
    match command {
        Command::Vqa(args) => vqa::run(args),
        Command::Memory(args) => memory::run(args),
        Command::Context(args) => context::run(args),
        Command::Describe(args) => describe::run(args),
        Command::Ask(args) => ask::run(args),
        Command::Models(args) => models::run(args),
        Command::Worker => crate::worker::run()
            .map(|()| ExitStatus::Pass)
            .map_err(|error| CommandError::new(ExitStatus::Internal, error)),
    }
}

/// Lets Ctrl-C finish the record instead of cutting it off. May be called again.
fn catch_interrupts() -> Result<&'static AtomicBool, CommandError> {
    static CAUGHT: OnceLock<Result<(), String>> = OnceLock::new();
    let caught = CAUGHT.get_or_init(|| {
        let handler = || {
            if INTERRUPT.swap(true, Ordering::Relaxed) {
                std::process::exit(ExitStatus::Interrupted as i32);
            }
        };
        ctrlc::set_handler(handler).map_err(|error| error.to_string())
    });
    match caught {
        Ok(()) => Ok(&INTERRUPT),
        Err(error) => {
            Err(CommandError::new(ExitStatus::Internal, format!("cannot catch Ctrl-C: {error}")))
        }
    }
}

/// Refuses an option that none of the chosen models would heed.
fn check_load_options<'a>(
    args: &LoadArgs,
    mut models: impl Iterator<Item = &'a ResolvedModel>,
) -> Result<(), CommandError> {
    // What is not here yet may be anything.
    let heeds_crops = |model: &ResolvedModel| model.model_type().is_none_or(|it| it == "phi3_v");
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
