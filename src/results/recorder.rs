//! Takes events: into the journal first, then into the report, then to whoever looks on.

use super::{Entry, Event, Journal, ReportBuilder, ResultsError, RunDir, RunReport};

/// Keeps a run's record.
pub struct Recorder {
    folder: RunDir,
    journal: Journal,
    report: ReportBuilder,
    onlooker: Box<dyn FnMut(&Entry)>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Recorder").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Recorder {
    /// Begins the journal in `folder`; `onlooker` sees every event once it is kept.
    ///
    /// # Errors
    /// [`ResultsError`] when the journal cannot be created.
    pub fn new(
        folder: RunDir,
        onlooker: impl FnMut(&Entry) + 'static,
    ) -> Result<Self, ResultsError> {
        let journal = folder.create_journal()?;
        Ok(Self { folder, journal, report: ReportBuilder::default(), onlooker: Box::new(onlooker) })
    }

    /// Keeps one event; the report is written anew after each model and at the end.
    ///
    /// # Errors
    /// [`ResultsError`] when the disk does not take it; what was kept before stays valid.
    pub fn record(&mut self, event: Event) -> Result<(), ResultsError> {
        let entry = self.journal.append(event)?;
        self.report.observe(&entry);
        let milestone = matches!(
            entry.event,
            Event::ModelFinished { .. } | Event::ModelSkipped { .. } | Event::RunFinished { .. }
        );
        if milestone {
            self.folder.write_results(&self.report())?;
        }
        (self.onlooker)(&entry);
        Ok(())
    }

    /// The report of what has been kept so far.
    pub fn report(&self) -> RunReport {
        self.report.build()
    }
}
