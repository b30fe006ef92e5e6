//! The runner's side: starts a worker, asks it under a deadline, and leaves nothing of it
//! behind, however it ends.

mod exchange;
mod group;
mod pipes;

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::RecvTimeoutError,
    },
    time::{Duration, Instant},
};

pub use self::exchange::{Exchange, StartError, Told};
use self::pipes::Pipes;
use super::{
    Death, SUBCOMMAND,
    death::{LastSeen, LastWords},
    orphan,
    protocol::{Ask, Load, Question, Reply},
};
use crate::{
    memory::{CleanupReason, CleanupRecord, MemorySample, oom_kills},
    vlm::{Loaded, Phase},
};

/// How often the interrupt flag and the worker's life are looked at.
const POLL: Duration = Duration::from_millis(50);
/// How long a worker may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// A worker with its model loaded. Dropping it kills its whole process group.
#[derive(Debug)]
pub struct WorkerProcess {
    child: Child,
    pipes: Pipes,
    log: PathBuf,
    log_start: u64,
    /// Set once the group is gone: its id must not be used again.
    ended: bool,
    status: Option<ExitStatus>,
    death: Option<Death>,
    /// The system's count of processes killed for want of memory when it was started: the
    /// runner's, whose control group the worker shares.
    oom_kills: Option<u64>,
    /// What it is known to be doing; `None` while it is asked something and has not said.
    phase: Option<Phase>,
    /// What it last said of its memory, and when.
    sample: Option<(Box<MemorySample>, Instant)>,
}

/// What waiting for a reply led to.
enum Incoming {
    Reply(Reply),
    Ended,
    TimedOut,
    Interrupted,
}

impl WorkerProcess {
    /// Runs `program worker` in a process group of its own, its standard error appended
    /// to `stderr_log`, and has it load the model within `deadline`. A rise of
    /// `interrupt` gives up at once.
    ///
    /// # Errors
    /// [`StartError`]; no process is left behind then.
    pub fn start(
        program: &Path,
        stderr_log: &Path,
        load: &Load,
        deadline: Duration,
        interrupt: &AtomicBool,
    ) -> Result<(Self, Loaded), StartError> {
        let mut worker = Self::spawn(program, stderr_log)?;
        worker.pipes.send(Ask::Load(Box::new(load.clone())));
        let until = Instant::now() + deadline;
        loop {
            return match worker.next_reply(until, interrupt) {
                Incoming::Reply(Reply::Loaded(loaded)) => {
                    worker.phase = Some(Phase::Idle);
                    Ok((worker, loaded))
                }
                Incoming::Reply(Reply::LoadFailed { message, panicked: false }) => {
                    Err(StartError::LoadFailed { message })
                }
                Incoming::Reply(Reply::LoadFailed { message, panicked: true }) => {
                    Err(StartError::Panicked { message })
                }
                Incoming::Reply(Reply::Sampled(_)) => continue,
                Incoming::Reply(reply) => {
                    tracing::warn!(?reply, "unexpected reply while loading");
                    continue;
                }
                Incoming::Ended => Err(StartError::Crashed(worker.death())),
                Incoming::TimedOut => Err(StartError::TimedOut { limit: deadline }),
                Incoming::Interrupted => Err(StartError::Interrupted),
            };
        }
    }

    fn spawn(program: &Path, stderr_log: &Path) -> Result<Self, StartError> {
        let (stderr, log_start) = open_log(stderr_log)
            .map_err(|source| StartError::Log { path: stderr_log.to_owned(), source })?;
        let fail = |source| StartError::Spawn { program: program.to_owned(), source };
        let oom_kills = oom_kills();
        let mut child = Command::new(program)
            .arg(SUBCOMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .env(orphan::RUNNER, std::process::id().to_string())
            .process_group(0)
            .spawn()
            .map_err(fail)?;
        match Pipes::of(&mut child) {
            Ok(pipes) => Ok(Self {
                child,
                pipes,
                log: stderr_log.to_owned(),
                log_start,
                ended: false,
                status: None,
                death: None,
                oom_kills,
                phase: Some(Phase::Load),
                sample: None,
            }),
            Err(error) => {
                group::end(&mut child, Duration::ZERO);
                Err(fail(error))
            }
        }
    }

    /// The worker's process id, which is that of its group.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it died, if it did so while nothing was asked of it.
    pub fn found_dead(&mut self) -> Option<Death> {
        (self.ended || group::has_exited(&self.child)).then(|| self.death())
    }

    /// Asks one question and waits for its end, at most for `deadline`. `told` gets what the
    /// worker tells meanwhile, at once. A rise of `interrupt` gives up within a moment. After an
    /// exchange that [ended the worker](Exchange::ended_worker) this worker only says that it
    /// crashed.
    pub fn ask(
        &mut self,
        question: &Question,
        deadline: Duration,
        interrupt: &AtomicBool,
        told: &mut dyn FnMut(Told),
    ) -> Exchange {
        self.pipes.send(Ask::Question(Box::new(question.clone())));
        self.phase = None;
        let until = Instant::now() + deadline;
        loop {
            let exchange = match self.next_reply(until, interrupt) {
                Incoming::Reply(Reply::Answered { id, generation, memory })
                    if id == question.id =>
                {
                    Exchange::Answered { generation, memory }
                }
                Incoming::Reply(Reply::Failed { id, error, worker_ends }) if id == question.id => {
                    Exchange::Failed { error, worker_ended: worker_ends }
                }
                Incoming::Reply(Reply::RestartWanted { id, sample }) if id == question.id => {
                    Exchange::RestartWanted(sample)
                }
                Incoming::Reply(Reply::Text { id, piece }) if id == question.id => {
                    told(Told::Text(piece));
                    continue;
                }
                Incoming::Reply(Reply::Sampled(sample)) => {
                    told(Told::Sampled(sample));
                    continue;
                }
                Incoming::Reply(Reply::CleanedUp(record)) => {
                    told(Told::CleanedUp(record));
                    continue;
                }
                Incoming::Reply(Reply::Reached { .. }) => continue,
                Incoming::Reply(reply) => {
                    tracing::warn!(?reply, question = question.id, "reply out of turn");
                    continue;
                }
                Incoming::Ended => Exchange::Crashed(self.death()),
                Incoming::TimedOut => Exchange::TimedOut { limit: deadline },
                Incoming::Interrupted => Exchange::Interrupted,
            };
            if exchange.ended_worker() {
                self.end();
            } else {
                self.phase = Some(Phase::Idle);
            }
            return exchange;
        }
    }

    /// Has the worker clean up now; `told` gets what it tells besides. `None` if it did not within
    /// `deadline`, or computes elsewhere.
    pub fn clean_up(
        &mut self,
        reason: CleanupReason,
        deadline: Duration,
        told: &mut dyn FnMut(Told),
    ) -> Option<CleanupRecord> {
        self.pipes.send(Ask::CleanUp { reason });
        self.phase = Some(Phase::CleanUp);
        let until = Instant::now() + deadline;
        let never = AtomicBool::new(false);
        loop {
            match self.next_reply(until, &never) {
                Incoming::Reply(Reply::CleanedUp(record)) => {
                    self.phase = Some(Phase::Idle);
                    return Some(record);
                }
                Incoming::Reply(Reply::NothingToCleanUp) => {
                    self.phase = Some(Phase::Idle);
                    return None;
                }
                Incoming::Reply(Reply::Sampled(sample)) => told(Told::Sampled(sample)),
                Incoming::Reply(_) => {}
                Incoming::Ended => {
                    tracing::warn!(death = %self.death(), "no clean-up");
                    return None;
                }
                Incoming::TimedOut | Incoming::Interrupted => return None,
            }
        }
    }

    /// Lets the worker end by itself, and kills it if it does not.
    pub fn stop(mut self) {
        self.pipes.close();
        if self.ended {
            return;
        }
        group::wait_for_exit(&self.child, GRACE);
    }

    fn next_reply(&mut self, until: Instant, interrupt: &AtomicBool) -> Incoming {
        loop {
            if interrupt.load(Ordering::Relaxed) {
                return Incoming::Interrupted;
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.pipes.receive(left.min(POLL)) {
                Ok(reply) => return self.heard(reply),
                Err(RecvTimeoutError::Disconnected) => return Incoming::Ended,
                Err(RecvTimeoutError::Timeout) if left.is_zero() => return Incoming::TimedOut,
                // Something the worker started may hold its output open after its death.
                Err(RecvTimeoutError::Timeout) if self.ended || group::has_exited(&self.child) => {
                    let last = self.pipes.receive(POLL);
                    return last.map_or(Incoming::Ended, |reply| self.heard(reply));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn heard(&mut self, reply: Reply) -> Incoming {
        match &reply {
            Reply::Reached { phase } => self.phase = Some(*phase),
            Reply::Sampled(sample) => self.sample = Some((sample.clone(), Instant::now())),
            _ => {}
        }
        Incoming::Reply(reply)
    }

    fn death(&mut self) -> Death {
        if let Some(death) = &self.death {
            return death.clone();
        }
        if !self.ended {
            group::wait_for_exit(&self.child, GRACE);
        }
        let status = self.end();
        let killed =
            oom_kills().zip(self.oom_kills).map(|(now, before)| now.saturating_sub(before));
        let words = LastWords::read(&self.log, self.log_start, self.pipes.foreign_output());
        let sample = self.sample.as_ref();
        let sample = sample.map(|(sample, at)| (&**sample, at.elapsed().as_secs_f64()));
        let seen = LastSeen { phase: self.phase, sample };
        self.death.insert(Death::new(status, killed.unwrap_or(0), seen, &words)).clone()
    }

    fn end(&mut self) -> Option<ExitStatus> {
        if !self.ended {
            self.pipes.close();
            self.ended = true;
            self.status = group::end(&mut self.child, GRACE);
        }
        self.status
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        self.end();
    }
}

/// The log, open for appending, and where this worker's part of it starts.
fn open_log(path: &Path) -> io::Result<(File, u64)> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let start = file.metadata()?.len();
    Ok((file, start))
}
