//! What a worker tells while it is busy, into the record.

use std::time::Duration;

use crate::{
    memory::{CleanupReason, CleanupRecord},
    results::{Event, Recorder, ResultsError},
    worker::{Told, WorkerProcess},
};

/// How long a clean-up that the runner asks for may take.
const CLEANUP_LIMIT: Duration = Duration::from_mins(1);

/// Has `worker` clean up, and keeps what it tells besides.
pub(super) fn clean_up(
    worker: &mut WorkerProcess,
    reason: CleanupReason,
    recorder: &mut Recorder,
    model: &str,
) -> Result<Option<CleanupRecord>, ResultsError> {
    let mut kept = Ok(());
    let record = worker.clean_up(reason, CLEANUP_LIMIT, &mut |told| {
        if kept.is_ok() {
            kept = keep(recorder, model, told);
        }
    });
    kept.map(|()| record)
}

/// Puts what a worker tells into the record.
pub(super) fn keep(recorder: &mut Recorder, model: &str, told: Told) -> Result<(), ResultsError> {
    let model = model.to_owned();
    match told {
        Told::Text(_) => Ok(()),
        Told::CleanedUp(record) => recorder.record(Event::CleanedUp { model, record }),
        Told::Sampled(sample) => recorder.record(Event::MemorySampled { model, sample }),
    }
}
