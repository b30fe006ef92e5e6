//! Ways for a process to misbehave, each the real thing.

use std::{
    io::{self, Write},
    process, thread,
    time::Duration,
};

use serde::Deserialize;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Crash {
    /// An invalid memory access.
    Segv,
    /// An uncaught C++ exception or a failed allocation.
    Abort,
    /// The system's out-of-memory killer.
    Kill,
    /// The C library's own error handler.
    Exit255,
}

impl Crash {
    /// Ends the process.
    pub(super) fn happen(self) -> ! {
        match self {
            Self::Segv => die_of(libc::SIGSEGV),
            Self::Kill => die_of(libc::SIGKILL),
            Self::Abort => process::abort(),
            Self::Exit255 => {
                print("MLX error: the script asks for it at script:1\n");
                process::exit(255)
            }
        }
    }
}

fn die_of(signal: libc::c_int) -> ! {
    // SAFETY: both calls take plain integers. The runtime's own SIGSEGV handler returns
    // for a signal that was only raised, so the default action is put back first.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
    process::abort()
}

/// Takes so much memory of the system and gives it back, after each page of it was written to.
/// A process that is refused it ends.
pub(super) fn eat(bytes: usize) {
    drop(std::hint::black_box(vec![1_u8; bytes]));
}

/// Never returns, and does not read its input meanwhile.
pub(super) fn hang() -> ! {
    loop {
        thread::sleep(Duration::from_hours(1));
    }
}

#[expect(clippy::panic, reason = "the script asks for a panic")]
pub(super) fn panic(message: &str) -> ! {
    panic!("{message}")
}

/// What a library prints to standard output unasked.
pub(super) fn print(noise: &str) {
    let mut output = io::stdout();
    // Noise that cannot be written disturbs nobody.
    let _ = output.write_all(noise.as_bytes()).and_then(|()| output.flush());
}
