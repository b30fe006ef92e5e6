//! No worker outlives its runner, even one that is deep in an evaluation when the runner
//! is killed and so never sees its input end.

use std::{os::unix::process::parent_id, thread, time::Duration};

const POLL: Duration = Duration::from_secs(1);

/// Exit code of a worker whose runner disappeared; nobody is left to see it.
const ORPHANED: libc::c_int = 3;

/// Watches the parent from a thread of its own and ends the process when it is gone.
pub(super) fn end_with_parent() {
    let parent = parent_id();
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
