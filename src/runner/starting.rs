//! Starting workers: after a death, after another one, and when memory is short.

use std::{path::Path, sync::atomic::Ordering, time::Duration};

use super::{
    ends::WorkerEnd,
    model_run::{ModelRun, Stop},
};
use crate::{
    memory::Level,
    results::{Event, ResultsError},
    worker::{StartError, WorkerProcess, protocol::Load},
};

/// Workers that may die over loading a model before it is given up.
const LOAD_ATTEMPTS: usize = 3;

impl ModelRun<'_> {
    /// Starts a worker, and another one if it dies while loading; the inner error ends the
    /// model's part.
    pub(super) fn start(&mut self, path: &Path) -> Result<Result<(), Stop>, ResultsError> {
        let mut deaths = 0;
        loop {
            let level = match self.end.take() {
                None => Level::Normal,
                Some(end) => {
                    if let Some(reason) = self.unplanned.too_many() {
                        let reason = format!("{reason}: {}", end.reason);
                        return Ok(Err(Stop::Quarantined(reason)));
                    }
                    self.prepare_restart(end)?
                }
            };
            if self.interrupt.load(Ordering::Relaxed) {
                return Ok(Err(Stop::Interrupted));
            }
            let error = match self.start_once(path, level)? {
                Ok(()) => return Ok(Ok(())),
                Err(StartError::Interrupted) => return Ok(Err(Stop::Interrupted)),
                Err(error) => error,
            };
            let Some(end) = WorkerEnd::of_load(&error) else {
                return Ok(Err(Stop::Failed(error.to_string())));
            };
            deaths += 1;
            if deaths == LOAD_ATTEMPTS {
                return Ok(Err(Stop::Failed(format!("{error}; {deaths} attempts"))));
            }
            self.ended(end);
        }
    }

    /// Records the restart and waits where the system needs it; says how carefully the next
    /// worker has to go.
    fn prepare_restart(&mut self, end: WorkerEnd) -> Result<Level, ResultsError> {
        let WorkerEnd { reason, cause, for_memory } = end;
        if for_memory && let Some(wait) = self.plan.patience.wait(self.interrupt) {
            self.recorder.record(Event::Waited {
                model: self.name(),
                waited_ms: wait.waited.as_secs_f64() * 1e3,
                relieved: wait.relieved,
            })?;
        }
        self.recorder.record(Event::WorkerRestarted { model: self.name(), reason, cause })?;
        Ok(if for_memory { Level::High } else { Level::Normal })
    }

    fn start_once(
        &mut self,
        path: &Path,
        level: Level,
    ) -> Result<Result<(), StartError>, ResultsError> {
        let settings = &self.plan.settings;
        let load = Load {
            manifest: self.planned.model.manifest.clone(),
            path: path.to_owned(),
            options: settings.load,
            cleanup: settings.cleanup,
            limits: settings.limits,
            level,
        };
        let (program, log) = (&self.plan.program, &self.plan.log);
        let limit = Duration::from_millis(settings.load_limit_ms);
        match WorkerProcess::start(program, log, &load, limit, self.interrupt) {
            Ok((worker, loaded)) => {
                self.worker = Some(worker);
                let model = self.name();
                self.recorder.record(Event::ModelLoaded { model, loaded: Box::new(loaded) })?;
                Ok(Ok(()))
            }
            Err(error) => Ok(Err(error)),
        }
    }
}
