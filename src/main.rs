//! The `vlm-test` binary.

use std::process::ExitCode;

use clap::Parser;
use vlm_test::{
    cli::{Cli, Command},
    commands,
    error::ExitStatus,
    report::{Problem, console},
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    if matches!(cli.command, Command::Worker) {
        // A worker's standard error is the run's debug log.
        tracing_subscriber::fmt()
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .with_max_level(tracing::Level::DEBUG)
            .init();
    }
    let status = match std::panic::catch_unwind(|| commands::run(&cli.command)) {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => {
            console::print_problem(&error.problem);
            error.status
        }
        Err(_) => {
            console::print_problem(&Problem::new(
                "this is a mistake in vlm-test itself; please report it",
            ));
            ExitStatus::Internal
        }
    };
    ExitCode::from(status as u8)
}
