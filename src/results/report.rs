//! `results.json`: everything known of a run, rebuilt from its events.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Cadence, Entry, Event, ModelComparison, ModelStatus, ModelUnderTest, Provenance,
    QuestionResult, ResultsError, RunSettings, RunStatus, Summary, comparison::comparisons,
    summary::Course,
};
use crate::{
    memory::{CleanupRecord, MemorySample, leak::LeakAlarm},
    vlm::Loaded,
};

/// Says which format `results.json` has.
pub const SCHEMA: &str = "vlm-test.results";
/// Goes up when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// A whole run. Its JSON form is documented in `README.md` beside this file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// [`SCHEMA`].
    pub schema: String,
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// How the run ended; `interrupted` as long as no end is on record.
    pub status: RunStatus,
    /// What was asked for and when; `None` if the journal's first line is lost.
    pub run: Option<RunSection>,
    /// What it ran on; `None` if the journal's first line is lost.
    pub provenance: Option<Provenance>,
    /// The models, in the order they ran.
    pub models: Vec<ModelReport>,
    /// What tells them apart, pair by pair; empty where the suite does not compare.
    #[serde(default)]
    pub comparisons: Vec<ModelComparison>,
}

/// What was asked for and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSection {
    /// UTC time of the first event.
    pub started_at: String,
    /// UTC time of the last event known.
    pub finished_at: String,
    /// From the first event to the last, in milliseconds.
    pub wall_ms: f64,
    /// What was asked for.
    #[serde(flatten)]
    pub settings: RunSettings,
}

/// One model's part of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelReport {
    /// Its name on the command line.
    pub name: String,
    /// The published repository, where known.
    pub repository: Option<String>,
    /// Branch, tag or commit of it, where known.
    pub revision: Option<String>,
    /// The checkpoint folder or scripted file; `None` if it was skipped.
    pub path: Option<String>,
    /// How it ended; `interrupted` as long as no end is on record.
    pub status: ModelStatus,
    /// Why, where it did not complete.
    pub reason: Option<String>,
    /// What its worker said of it, if it was loaded.
    pub loaded: Option<Loaded>,
    /// SHA-256 over the checkpoint, if it was computed.
    pub checkpoint_digest: Option<String>,
    /// The id of a question that was begun and has no end.
    pub unfinished_question: Option<u64>,
    /// Its figures.
    pub summary: Summary,
    /// Every clean-up, oldest first.
    pub cleanups: Vec<CleanupRecord>,
    /// Every look at its memory, oldest first.
    #[serde(default)]
    pub samples: Vec<MemorySample>,
    /// Every question that has an outcome, in dataset order.
    pub questions: Vec<QuestionResult>,
}

impl RunReport {
    /// The report of a run, finished or not, from its journal.
    pub fn from_events(entries: &[Entry]) -> Self {
        let mut builder = ReportBuilder::default();
        for entry in entries {
            builder.observe(entry);
        }
        builder.build()
    }

    /// The report as indented JSON with a final newline.
    ///
    /// # Errors
    /// [`ResultsError::Encode`], which no report this program builds should meet.
    pub fn to_json(&self) -> Result<String, ResultsError> {
        let mut json = serde_json::to_string_pretty(self)
            .map_err(|source| ResultsError::Encode { what: "the report", source })?;
        json.push('\n');
        Ok(json)
    }
}

/// Takes events one by one; gives the report of those seen so far at any time.
#[derive(Debug, Clone, Default)]
pub struct ReportBuilder {
    status: Option<RunStatus>,
    settings: Option<RunSettings>,
    provenance: Option<Provenance>,
    started: Option<Moment>,
    latest: Option<Moment>,
    models: Vec<ModelProgress>,
}

#[derive(Debug, Clone)]
struct Moment {
    time: String,
    elapsed_ms: f64,
}

impl Moment {
    fn of(entry: &Entry) -> Self {
        Self { time: entry.time.clone(), elapsed_ms: entry.elapsed_ms }
    }
}

/// What is known of one model so far.
#[derive(Debug, Clone, Default)]
struct ModelProgress {
    name: String,
    model: Option<ModelUnderTest>,
    end: Option<(ModelStatus, Option<String>)>,
    loaded: Option<Loaded>,
    checkpoint_digest: Option<String>,
    begun: Option<u64>,
    restarts: usize,
    load_ms: f64,
    first_ms: f64,
    last_ms: f64,
    cleanups: Vec<CleanupRecord>,
    cadence: Cadence,
    samples: Vec<MemorySample>,
    /// Where among them those of each worker begin.
    lives: Vec<usize>,
    alarm: Option<LeakAlarm>,
    questions: BTreeMap<usize, QuestionResult>,
}

impl ReportBuilder {
    /// Takes the next event.
    pub fn observe(&mut self, entry: &Entry) {
        self.started.get_or_insert_with(|| Moment::of(entry));
        self.latest = Some(Moment::of(entry));
        match &entry.event {
            Event::RunStarted { run, provenance } => {
                self.settings = Some((**run).clone());
                self.provenance = Some((**provenance).clone());
            }
            Event::RunFinished { status } => self.status = Some(*status),
            event => {
                if let Some(name) = event.model() {
                    self.model(name, entry.elapsed_ms).observe(event, entry.elapsed_ms);
                }
            }
        }
    }

    fn model(&mut self, name: &str, now_ms: f64) -> &mut ModelProgress {
        let index = self.models.iter().position(|model| model.name == name);
        let index = index.unwrap_or_else(|| {
            let name = name.to_owned();
            self.models.push(ModelProgress { name, first_ms: now_ms, ..ModelProgress::default() });
            self.models.len() - 1
        });
        &mut self.models[index]
    }

    /// The report of what was seen so far.
    pub fn build(&self) -> RunReport {
        let settings = self.settings.as_ref();
        let models: Vec<_> = self.models.iter().map(|model| model.report(settings)).collect();
        RunReport {
            schema: SCHEMA.to_owned(),
            schema_version: SCHEMA_VERSION,
            status: self.status.unwrap_or(RunStatus::Interrupted),
            run: self.run_section(),
            provenance: self.provenance.clone(),
            comparisons: comparisons(&models),
            models,
        }
    }

    fn run_section(&self) -> Option<RunSection> {
        let (started, latest) = (self.started.as_ref()?, self.latest.as_ref()?);
        Some(RunSection {
            started_at: started.time.clone(),
            finished_at: latest.time.clone(),
            wall_ms: latest.elapsed_ms - started.elapsed_ms,
            settings: self.settings.clone()?,
        })
    }
}

impl ModelProgress {
    fn observe(&mut self, event: &Event, now_ms: f64) {
        self.last_ms = now_ms;
        self.cadence.observe(event);
        match event {
            Event::ModelStarted { model } => self.model = Some(model.clone()),
            Event::ModelLoaded { loaded, .. } => {
                self.load_ms += loaded.load_ms;
                self.lives.push(self.samples.len());
                self.loaded = Some((**loaded).clone());
            }
            Event::QuestionStarted { question_id, .. } => self.begun = Some(*question_id),
            Event::QuestionFinished { result, .. } => {
                self.begun = self.begun.filter(|begun| *begun != result.question_id);
                self.questions.insert(result.position, (**result).clone());
            }
            Event::CleanedUp { record, .. } => self.cleanups.push(record.clone()),
            Event::MemorySampled { sample, .. } => self.samples.push((**sample).clone()),
            Event::LeakSuspected { alarm, .. } => self.alarm = Some(*alarm),
            Event::WorkerRestarted { .. } => self.restarts += 1,
            Event::ModelFinished { checkpoint_digest, status, reason, .. } => {
                self.checkpoint_digest.clone_from(checkpoint_digest);
                self.end = Some((*status, reason.clone()));
            }
            Event::ModelSkipped { reason, .. } => {
                self.end = Some((ModelStatus::Skipped, Some(reason.clone())));
            }
            Event::QuestionRetried { .. }
            | Event::Waited { .. }
            | Event::RunStarted { .. }
            | Event::RunFinished { .. } => {}
        }
    }

    fn report(&self, settings: Option<&RunSettings>) -> ModelReport {
        let questions: Vec<_> = self.questions.values().cloned().collect();
        let course = Course {
            suite: settings.map(|settings| settings.suite.as_str()),
            planned: settings.map_or(0, |settings| settings.questions),
            cleanups: &self.cleanups,
            gap: self.cadence.most(),
            samples: &self.samples,
            lives: &self.lives,
            alarm: self.alarm,
            max_growth_bytes: settings.and_then(|settings| settings.max_growth_bytes),
            restarts: self.restarts,
            load_ms: self.load_ms,
            wall_ms: self.last_ms - self.first_ms,
        };
        let (status, reason) = self.end.clone().unwrap_or((ModelStatus::Interrupted, None));
        ModelReport {
            name: self.name.clone(),
            repository: self.model.as_ref().and_then(|model| model.repository.clone()),
            revision: self.model.as_ref().and_then(|model| model.revision.clone()),
            path: self.model.as_ref().map(|model| model.path.clone()),
            status,
            reason,
            loaded: self.loaded.clone(),
            checkpoint_digest: self.checkpoint_digest.clone(),
            unfinished_question: self.begun,
            summary: Summary::of(&questions, course),
            cleanups: self.cleanups.clone(),
            samples: self.samples.clone(),
            questions,
        }
    }
}

#[cfg(test)]
mod tests;
