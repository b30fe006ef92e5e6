//! One model's part of a run: its questions in their order, until it has had them all or is
//! given up.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

use super::{
    Plan, PlannedModel,
    ends::{UnplannedEnds, WorkerEnd},
    telling::clean_up,
};
use crate::{
    memory::{CleanupReason, StepCounter},
    results::{
        Event, ModelStatus, ModelUnderTest, Outcome, QuestionResult, Recorder, ResultsError,
        checkpoint_digest, sha256_file,
    },
    suites::{Item, Replies, asking_order},
    worker::WorkerProcess,
};

/// One model's part of a run.
pub(super) struct ModelRun<'a> {
    pub(super) plan: &'a Plan,
    pub(super) planned: &'a PlannedModel,
    pub(super) recorder: &'a mut Recorder,
    pub(super) interrupt: &'a AtomicBool,
    /// SHA-256 by image file, kept over models.
    images: &'a mut HashMap<PathBuf, Option<String>>,
    pub(super) worker: Option<WorkerProcess>,
    /// How the last worker ended, until there is another.
    pub(super) end: Option<WorkerEnd>,
    pub(super) unplanned: UnplannedEnds,
    /// What it answered to the group of items that is being asked.
    pub(super) replies: Replies,
}

/// Why a model's part ends before its last question.
pub(super) enum Stop {
    Interrupted,
    /// It cannot be loaded.
    Failed(String),
    /// Its workers keep dying.
    Quarantined(String),
}

impl<'a> ModelRun<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        planned: &'a PlannedModel,
        recorder: &'a mut Recorder,
        interrupt: &'a AtomicBool,
        images: &'a mut HashMap<PathBuf, Option<String>>,
    ) -> Self {
        Self {
            plan,
            planned,
            recorder,
            interrupt,
            images,
            worker: None,
            end: None,
            unplanned: UnplannedEnds::default(),
            replies: Replies::new(),
        }
    }

    pub(super) fn run(mut self) -> Result<ModelStatus, ResultsError> {
        let path = match self.planned.model.ready() {
            Ok(path) => path,
            Err(error) => {
                let (model, reason) = (self.name(), error.to_string());
                self.recorder.record(Event::ModelSkipped { model, reason })?;
                return Ok(ModelStatus::Skipped);
            }
        };
        self.recorder.record(Event::ModelStarted { model: self.under_test(&path) })?;
        // Hashing gigabytes goes on beside the questions.
        let folder = path.clone();
        let digest = thread::spawn(move || checkpoint_digest(&folder).ok());
        let stop = self.ask_all(&path)?;
        self.clean_up_at_the_end()?;
        let (status, reason) = match stop {
            None => (ModelStatus::Completed, None),
            Some(Stop::Interrupted) => (ModelStatus::Interrupted, None),
            Some(Stop::Failed(reason)) => (ModelStatus::Failed, Some(reason)),
            Some(Stop::Quarantined(reason)) => (ModelStatus::Quarantined, Some(reason)),
        };
        let checkpoint_digest = match status {
            ModelStatus::Interrupted => None,
            _ => digest.join().unwrap_or_default(),
        };
        self.recorder.record(Event::ModelFinished {
            model: self.name(),
            checkpoint_digest,
            status,
            reason,
        })?;
        Ok(status)
    }

    /// Asks everything; what is left when the model fails is recorded as skipped.
    fn ask_all(&mut self, path: &Path) -> Result<Option<Stop>, ResultsError> {
        let items = self.plan.suite.items();
        let order = asking_order(items);
        if let Err(stop) = self.start(path)? {
            return self.stop(stop, &order).map(Some);
        }
        let mut steps = StepCounter::default();
        for (asked, &index) in order.iter().enumerate() {
            if self.interrupt.load(Ordering::Relaxed) {
                return Ok(Some(Stop::Interrupted));
            }
            if asked > 0 && items[order[asked - 1]].group != items[index].group {
                self.replies.clear();
            }
            let image = items[index].image.as_ref().map(|path| path.to_string_lossy());
            let step = steps.next(image.as_deref());
            self.look_after_worker();
            if self.worker.is_none()
                && let Err(stop) = self.start(path)?
            {
                return self.stop(stop, &order[asked..]).map(Some);
            }
            if let Some(stop) = self.ask(&items[index], index, step, path)? {
                return self.stop(stop, &order[asked + 1..]).map(Some);
            }
        }
        Ok(None)
    }

    /// Records what is `left` when a model is given up.
    fn stop(&mut self, stop: Stop, left: &[usize]) -> Result<Stop, ResultsError> {
        if let Stop::Failed(reason) | Stop::Quarantined(reason) = &stop {
            for &index in left {
                let mut result = self.blank(&self.plan.suite.items()[index], index);
                result.outcome = Outcome::Skipped { reason: reason.clone() };
                self.record(result, Instant::now())?;
            }
        }
        Ok(stop)
    }

    /// A worker that died while nothing was asked of it takes no question along.
    fn look_after_worker(&mut self) {
        if let Some(death) = self.worker.as_mut().and_then(WorkerProcess::found_dead) {
            self.ended(WorkerEnd::of_death(&death));
        }
    }

    /// Notes that the worker is gone.
    pub(super) fn ended(&mut self, end: WorkerEnd) {
        self.worker = None;
        if !end.is_planned() {
            self.unplanned.add(Instant::now());
        }
        self.end = Some(end);
    }

    /// Records how a question ended that was put at `started`.
    pub(super) fn record(
        &mut self,
        mut result: QuestionResult,
        started: Instant,
    ) -> Result<(), ResultsError> {
        result.wall_ms = started.elapsed().as_secs_f64() * 1e3;
        let model = self.name();
        self.recorder.record(Event::QuestionFinished { model, result: Box::new(result) })
    }

    fn clean_up_at_the_end(&mut self) -> Result<(), ResultsError> {
        let Some(mut worker) = self.worker.take() else { return Ok(()) };
        let model = self.name();
        let reason = CleanupReason::ModelEnd;
        if let Some(record) = clean_up(&mut worker, reason, self.recorder, &model)? {
            self.recorder.record(Event::CleanedUp { model, record })?;
        }
        worker.stop();
        Ok(())
    }

    pub(super) fn blank(&mut self, item: &Item, index: usize) -> QuestionResult {
        let image_sha256 = item.image.as_ref().and_then(|image| {
            let known = self.images.entry(image.clone());
            known.or_insert_with(|| sha256_file(image).ok()).clone()
        });
        QuestionResult {
            position: index + 1,
            question_id: item.id,
            image: item.image.as_ref().map(|image| image.to_string_lossy().into_owned()),
            image_sha256,
            question: item.question.clone(),
            about: self.plan.suite.about(index, &self.planned.prompt_suffix),
            outcome: Outcome::Skipped { reason: String::new() },
            earlier: Vec::new(),
            usage: None,
            timings_ms: None,
            memory: None,
            wall_ms: 0.0,
        }
    }

    pub(super) fn name(&self) -> String {
        self.planned.model.manifest.name.clone()
    }

    fn under_test(&self, path: &Path) -> ModelUnderTest {
        let manifest = &self.planned.model.manifest;
        ModelUnderTest {
            name: manifest.name.clone(),
            repository: manifest.repository.clone(),
            revision: manifest.revision.clone(),
            path: path.to_string_lossy().into_owned(),
        }
    }
}
