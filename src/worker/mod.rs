//! One model, one process: the crash fence, the deadline and the unload guarantee.

mod death;
mod orphan;
mod process;
pub mod protocol;
mod serve;

use std::io;

pub use self::{
    death::{Death, DeathCause, memory_numbers},
    process::{Exchange, StartError, Told, WorkerProcess},
    serve::{ServeError, serve},
};

/// The argument that makes the program a worker.
pub const SUBCOMMAND: &str = "worker";

/// The whole of the hidden subcommand: serves one model over standard input and output,
/// ends when the input ends, and ends when the program that started it is gone.
///
/// # Errors
/// [`ServeError`] when the runner cannot be understood or written to.
pub fn run() -> Result<(), ServeError> {
    orphan::end_with_parent();
    serve(io::stdin().lock(), io::stdout())
}
