//! The `vlm-test` binary.

use std::{env, process::ExitCode};

use vlm_test::worker;

fn main() -> ExitCode {
    if env::args().nth(1).is_some_and(|it| it == worker::SUBCOMMAND) && worker::run().is_ok() {
        return ExitCode::SUCCESS;
    }
    ExitCode::from(2)
}
