//! What happened: events as they come, the journal that keeps them, and the
//! report that is rebuilt from them. `README.md` here documents `results.json`.

pub mod comparison;
pub mod context;
pub mod describe_figures;
pub mod description;
pub mod error;
pub mod event;
mod evidence;
pub mod figures;
pub mod journal;
pub mod outcome;
pub mod policies;
pub mod provenance;
pub mod question;
pub mod recall;
pub mod recorder;
pub mod report;
pub mod run_dir;
pub mod spread;
pub mod summary;
pub mod vqa_figures;

pub use comparison::ModelComparison;
pub use context::{AboutContext, AskedFact, ContextJudgement, ContextSettings, HistoryCheck, Part};
pub use describe_figures::DescribeFigures;
pub use description::{AboutDescription, Described, Subject};
pub use error::ResultsError;
pub use event::{Entry, Event, ModelStatus, ModelUnderTest, RunSettings, RunStatus};
pub use figures::Figures;
pub use journal::{Journal, Recovered, read_journal};
pub use outcome::{Cause, Judgement, Outcome};
pub use policies::{ModelPolicies, PolicyFigures, PolicyReport, PolicyRun};
pub use provenance::{DatasetProvenance, Machine, Provenance, checkpoint_digest, sha256_file};
pub use question::{About, AboutVqa, QuestionResult};
pub use recall::{AboutRecall, RecallJudgement};
pub use recorder::Recorder;
pub use report::{ModelReport, ReportBuilder, RunReport};
pub use run_dir::RunDir;
pub use summary::Summary;
pub use vqa_figures::{Group, VqaFigures};

#[cfg(test)]
pub(crate) mod example;
