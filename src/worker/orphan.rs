//! No worker outlives its runner, even one that is deep in an evaluation when the runner
//! is killed and so never sees its input end.

use std::{env, os::unix::process::parent_id, thread, time::Duration};

/// The environment variable that tells a worker its runner's process id: by the time the
/// worker could ask for its parent, the runner may be gone already.
pub(super) const RUNNER: &str = "VLM_TEST_RUNNER_PID";

const POLL: Duration = Duration::from_secs(1);

/// Exit code of a worker whose runner disappeared; nobody is left to see it.
const ORPHANED: libc::c_int = 3;

/// Watches the parent from a thread of its own and ends the process when it is gone.
pub(super) fn end_with_parent() {
    let told = env::var(RUNNER).ok().and_then(|id| id.parse().ok());
    let parent = told.unwrap_or_else(parent_id);
    let watch = move || {
        while parent_id() == parent {
            thread::sleep(POLL);
        }
        // SAFETY: takes an integer and does not return. No clean-up is wanted: it could
        // wait for the very evaluation that is to be abandoned.
        unsafe { libc::_exit(ORPHANED) }
    };
    if let Err(error) = thread::Builder::new().name("orphan-watch".to_owned()).spawn(watch) {
        tracing::warn!(%error, "nothing watches whether the runner is still there");
    }
}
