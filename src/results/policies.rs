//! The same questions under several ways to keep memory, compared.

use serde::{Deserialize, Serialize};

use super::{ModelReport, Outcome, QuestionResult, ResultsError, RunReport, RunStatus};
use crate::memory::{
    CleanupSchedule, Level, MemorySample, QuestionMemory,
    leak::{Slope, Z_99, theil_sen},
};

/// Says which format `policies.json` has.
pub const POLICIES_SCHEMA: &str = "vlm-test.policies";
/// Goes up when a field changes its meaning or goes away.
pub const POLICIES_SCHEMA_VERSION: u32 = 1;

/// Questions that the growth is taken from, the last ones: all pairs of them are looked at.
const MOST_POINTS: usize = 300;

/// The same questions under several policies. Its JSON form is documented in
/// `docs/memory.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyReport {
    /// [`POLICIES_SCHEMA`].
    pub schema: String,
    /// [`POLICIES_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// How the worst of the runs ended.
    pub status: RunStatus,
    /// One entry per model.
    pub models: Vec<ModelPolicies>,
}

/// One model under every policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelPolicies {
    /// Its name.
    pub model: String,
    /// One entry per policy, in the order they ran.
    pub policies: Vec<PolicyFigures>,
    /// Ids of the questions that were not answered alike under all policies.
    pub differing: Vec<u64>,
}

/// What one policy cost and gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyFigures {
    /// The policy.
    pub policy: CleanupSchedule,
    /// The folder of its run, below that of the comparison.
    pub folder: String,
    /// Questions with an answer.
    pub answered: usize,
    /// Questions planned.
    pub questions: usize,
    /// Most that was used at any look: MLX's arrays and cache, or the process's footprint.
    pub peak_used_bytes: Option<u64>,
    /// Largest need of a question on top of the weights.
    pub peak_delta_bytes: Option<u64>,
    /// Bytes per question by which active and cached memory after a question grew, without what
    /// the model keeps on purpose (Theil–Sen).
    pub growth_per_question_bytes: Option<f64>,
    /// Clean-ups made.
    pub cleanups: usize,
    /// Their share of the run time, in `0..=1`.
    pub cleanup_share: Option<f64>,
    /// Questions per minute of the questions' own wall time.
    pub questions_per_minute: Option<f64>,
    /// Times the worker was replaced.
    pub restarts: usize,
    /// The worst level that was reached.
    pub highest_level: Option<Level>,
}

/// One policy's run.
#[derive(Debug)]
pub struct PolicyRun {
    /// The policy.
    pub policy: CleanupSchedule,
    /// The folder of its run, below that of the comparison.
    pub folder: String,
    /// How it ended.
    pub status: RunStatus,
    /// What came of it.
    pub report: RunReport,
}

impl PolicyReport {
    /// Compares `runs` of the same questions.
    pub fn of(runs: &[PolicyRun]) -> Self {
        let models = runs.first().map_or(&[][..], |run| &run.report.models);
        Self {
            schema: POLICIES_SCHEMA.to_owned(),
            schema_version: POLICIES_SCHEMA_VERSION,
            status: worst(runs),
            models: models.iter().map(|model| ModelPolicies::of(&model.name, runs)).collect(),
        }
    }

    /// Whether every model answered every question, and alike under all policies.
    pub fn is_sound(&self) -> bool {
        let sound = |model: &ModelPolicies| {
            model.differing.is_empty()
                && model.policies.iter().all(|policy| policy.answered == policy.questions)
        };
        self.models.iter().all(sound)
    }

    /// The report as indented JSON with a final newline.
    ///
    /// # Errors
    /// [`ResultsError::Encode`], which no report this program builds should meet.
    pub fn to_json(&self) -> Result<String, ResultsError> {
        let json = serde_json::to_string_pretty(self);
        let json = json.map_err(|source| ResultsError::Encode { what: "the report", source })?;
        Ok(json + "\n")
    }
}

fn worst(runs: &[PolicyRun]) -> RunStatus {
    let any = |status| runs.iter().any(|run| run.status == status);
    if any(RunStatus::Interrupted) {
        RunStatus::Interrupted
    } else if any(RunStatus::Failed) {
        RunStatus::Failed
    } else {
        RunStatus::Completed
    }
}

impl ModelPolicies {
    fn of(name: &str, runs: &[PolicyRun]) -> Self {
        let found = |run: &'_ PolicyRun| run.report.models.iter().position(|it| it.name == name);
        let reports: Vec<_> =
            runs.iter().filter_map(|run| Some((run, &run.report.models[found(run)?]))).collect();
        let models: Vec<_> = reports.iter().map(|(_, model)| *model).collect();
        Self {
            model: name.to_owned(),
            policies: reports.iter().map(|(run, model)| PolicyFigures::of(run, model)).collect(),
            differing: differing(&models),
        }
    }
}

/// Questions whose answers are not the same in all `models`, by their place.
fn differing(models: &[&ModelReport]) -> Vec<u64> {
    let Some((first, others)) = models.split_first() else { return Vec::new() };
    let answer = |question: &QuestionResult| match &question.outcome {
        Outcome::Answered { raw, .. } | Outcome::Empty { raw } => Some(raw.clone()),
        _ => None,
    };
    let differs = |place: usize, question: &QuestionResult| {
        let said = answer(question);
        others.iter().any(|other| other.questions.get(place).and_then(answer) != said)
    };
    let places = first.questions.iter().enumerate();
    places.filter(|(place, it)| differs(*place, it)).map(|(_, it)| it.question_id).collect()
}

impl PolicyFigures {
    fn of(run: &PolicyRun, model: &ModelReport) -> Self {
        let summary = &model.summary;
        let memory: Vec<QuestionMemory> =
            model.questions.iter().filter_map(|question| question.memory).collect();
        let after = |it: &QuestionMemory| it.active_bytes + it.cache_bytes;
        let growing = |it: &QuestionMemory| after(it).saturating_sub(it.held_bytes);
        let held = memory.iter().map(|it| after(it).max(it.peak_bytes));
        let seen = model.samples.iter().map(MemorySample::used_bytes);
        let minutes = summary.questions_ms / 60_000.0;
        Self {
            policy: run.policy,
            folder: run.folder.clone(),
            answered: summary.outcomes.answered,
            questions: summary.questions,
            peak_used_bytes: held.chain(seen).max(),
            peak_delta_bytes: summary.memory.map(|memory| memory.peak_delta_bytes),
            growth_per_question_bytes: growth(&memory.iter().map(growing).collect::<Vec<_>>()),
            cleanups: summary.cleanups.count,
            cleanup_share: summary.cleanups.share_of_run,
            questions_per_minute: (minutes > 0.0)
                .then(|| summary.outcomes.answered as f64 / minutes),
            restarts: summary.restarts,
            highest_level: model.samples.iter().map(|sample| sample.level).max(),
        }
    }
}

fn growth(series: &[u64]) -> Option<f64> {
    let last = &series[series.len().saturating_sub(MOST_POINTS)..];
    let points: Vec<_> =
        (1..).zip(last).map(|(at, bytes)| (f64::from(at), *bytes as f64)).collect();
    theil_sen(&points, Z_99).map(|Slope { median, .. }| median)
}

#[cfg(test)]
mod tests;
