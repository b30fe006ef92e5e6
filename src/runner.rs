//! The only loop: model by model, question by question, each answer recorded before
//! anything else happens.

mod asking;
mod ending;
mod ends;
mod model_run;
mod patience;
mod starting;
mod telling;

use std::{collections::HashMap, path::PathBuf, sync::atomic::AtomicBool};

use self::model_run::ModelRun;
pub use self::patience::Patience;
use crate::{
    backend::registry::ResolvedModel,
    results::{Event, ModelStatus, Provenance, Recorder, ResultsError, RunSettings, RunStatus},
    suites::Suite,
};

/// Everything a run needs to know.
pub struct Plan {
    /// What was asked for.
    pub settings: RunSettings,
    /// What it runs on.
    pub provenance: Provenance,
    /// The models, in the order they run.
    pub models: Vec<PlannedModel>,
    /// What is asked.
    pub suite: Box<dyn Suite>,
    /// The program to start workers from: this one.
    pub program: PathBuf,
    /// Where workers write what they have to say.
    pub log: PathBuf,
    /// How long the system is waited for when it is short of memory.
    pub patience: Patience,
}

/// A model of the run.
#[derive(Debug)]
pub struct PlannedModel {
    /// What is known of it.
    pub model: ResolvedModel,
    /// Put after every question.
    pub prompt_suffix: String,
}

/// Runs the plan, recording every event. Returns how the run ended; `Failed` when a
/// model could not be tested.
///
/// # Errors
/// [`ResultsError`] when an event cannot be recorded: the run stops there.
pub fn run(
    plan: &Plan,
    recorder: &mut Recorder,
    interrupt: &AtomicBool,
) -> Result<RunStatus, ResultsError> {
    recorder.record(Event::RunStarted {
        run: Box::new(plan.settings.clone()),
        provenance: Box::new(plan.provenance.clone()),
    })?;
    let mut images = HashMap::new();
    let mut status = RunStatus::Completed;
    for planned in &plan.models {
        let ended = ModelRun::new(plan, planned, recorder, interrupt, &mut images).run()?;
        status = match ended {
            ModelStatus::Interrupted => RunStatus::Interrupted,
            ModelStatus::Failed | ModelStatus::Quarantined | ModelStatus::Skipped => {
                RunStatus::Failed
            }
            ModelStatus::Completed => status,
        };
        if status == RunStatus::Interrupted {
            break;
        }
    }
    recorder.record(Event::RunFinished { status })?;
    Ok(status)
}
