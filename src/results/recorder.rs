//! Takes events: into the journal first, then into the report, then to whoever looks on.

use super::{Entry, Event, Journal, ReportBuilder, ResultsError, RunDir, RunReport, Timeline};
use crate::memory::leak::LeakWatch;

/// Keeps a run's record.
pub struct Recorder {
    folder: RunDir,
    journal: Journal,
    timeline: Timeline,
    report: ReportBuilder,
    /// Questions planned for each model.
    planned: usize,
    /// Follows the memory of the model that is being asked.
    leak: LeakWatch,
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
    /// [`ResultsError`] when the journal or the timeline cannot be created.
    pub fn new(
        folder: RunDir,
        onlooker: impl FnMut(&Entry) + 'static,
    ) -> Result<Self, ResultsError> {
        Ok(Self {
            journal: folder.create_journal()?,
            timeline: folder.create_timeline()?,
            folder,
            report: ReportBuilder::default(),
            planned: 0,
            leak: LeakWatch::new(0),
            onlooker: Box::new(onlooker),
        })
    }

    /// Keeps one event, and the alarm if it raises one; the report is written anew after each
    /// model and at the end.
    ///
    /// # Errors
    /// [`ResultsError`] when the disk does not take it; what was kept before stays valid.
    pub fn record(&mut self, event: Event) -> Result<(), ResultsError> {
        let alarm = self.watch(&event);
        self.keep(event)?;
        alarm.map_or(Ok(()), |alarm| self.keep(alarm))
    }

    /// The alarm that `event` raises, if it does.
    fn watch(&mut self, event: &Event) -> Option<Event> {
        match event {
            Event::RunStarted { run, .. } => self.planned = run.questions,
            Event::ModelStarted { .. } => self.leak = LeakWatch::new(self.planned),
            Event::ModelLoaded { .. } => self.leak.restart(),
            Event::MemorySampled { model, sample } => {
                let alarm = self.leak.push(sample)?;
                return Some(Event::LeakSuspected { model: model.clone(), alarm });
            }
            _ => {}
        }
        None
    }

    fn keep(&mut self, event: Event) -> Result<(), ResultsError> {
        let entry = self.journal.append(event)?;
        self.timeline.observe(&entry)?;
        self.report.observe(&entry);
        let milestone = matches!(
            entry.event,
            Event::ModelFinished { .. } | Event::ModelSkipped { .. } | Event::RunFinished { .. }
        );
        if milestone {
            self.timeline.flush()?;
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

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use super::*;
    use crate::results::{example, read_journal};

    #[test]
    fn a_leak_is_told_once_and_stands_in_the_journal_and_in_the_report() {
        let folder = tempfile::tempdir().unwrap();
        let folder = RunDir::create(Some(folder.path()), "soak").unwrap();
        let told = Rc::new(RefCell::new(0));
        let heard = Rc::clone(&told);
        let onlooker = move |entry: &Entry| {
            *heard.borrow_mut() += usize::from(matches!(entry.event, Event::LeakSuspected { .. }));
        };
        let mut recorder = Recorder::new(folder.clone(), onlooker).unwrap();
        let run = example::soaked::leaking_run();
        let events = run.into_iter().map(|entry| entry.event);
        for event in events.filter(|event| !matches!(event, Event::LeakSuspected { .. })) {
            recorder.record(event).unwrap();
        }
        assert_eq!(*told.borrow(), 1);
        let kept = read_journal(&folder.events_path()).unwrap();
        assert_eq!(RunReport::from_events(&kept.entries), recorder.report());
        let leak = recorder.report().models[0].summary.leak.clone().unwrap();
        assert!(leak.alarm.is_some_and(|alarm| alarm.question == 60), "{leak:?}");
    }
}
