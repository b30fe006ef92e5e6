//! A child and its process group: has it ended, and making sure that all of it has.

use std::{
    mem,
    process::{Child, ExitStatus},
    thread,
    time::{Duration, Instant},
};

const POLL: Duration = Duration::from_millis(5);
/// How long to wait for a killed process; only one stuck in a driver needs longer.
const UNKILLABLE: Duration = Duration::from_secs(10);

/// Whether the child has ended. It is not reaped, so its process id, which is also that
/// of its group, is not given to another process meanwhile.
pub(super) fn has_exited(child: &Child) -> bool {
    // SAFETY: an all-zero siginfo_t is a valid value of this plain C struct.
    let mut state: libc::siginfo_t = unsafe { mem::zeroed() };
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: `state` is a valid place for the call to write to.
    let status = unsafe { libc::waitid(libc::P_PID, child.id(), &raw mut state, options) };
    // The signal number stays 0 while the child runs. An error means that it was reaped.
    status != 0 || state.si_signo != 0
}

/// Waits until the child has ended, at most for `grace`. It is not reaped.
pub(super) fn wait_for_exit(child: &Child, grace: Duration) -> bool {
    let until = Instant::now() + grace;
    while !has_exited(child) {
        if Instant::now() >= until {
            return false;
        }
        thread::sleep(POLL);
    }
    true
}

/// Ends the whole group: asks, waits for `grace`, kills, reaps. Call once: afterwards the
/// process id may belong to somebody else.
pub(super) fn end(child: &mut Child, grace: Duration) -> Option<ExitStatus> {
    if !has_exited(child) {
        signal_group(child, libc::SIGTERM);
        wait_for_exit(child, grace);
    }
    signal_group(child, libc::SIGKILL);
    if !wait_for_exit(child, UNKILLABLE) {
        tracing::error!(pid = child.id(), "a killed worker does not end: stuck in the system");
        return None;
    }
    child.wait().ok()
}

fn signal_group(child: &Child, signal: libc::c_int) {
    // SAFETY: takes plain integers. The child is not reaped and leads its own group, so
    // the group is ours; that it may be empty by now is no error.
    unsafe { libc::killpg(child.id() as libc::pid_t, signal) };
}
