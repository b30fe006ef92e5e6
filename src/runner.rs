//! The only loop: model by model, question by question, each answer recorded before
//! anything else happens.

mod ending;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use self::ending::{conclude, restart_reason, unreadable};
use crate::{
    backend::registry::ResolvedModel,
    memory::{CleanupReason, Level, Step, StepCounter},
    results::{
        Event, ModelStatus, ModelUnderTest, Outcome, Provenance, QuestionResult, Recorder,
        ResultsError, RunSettings, RunStatus, checkpoint_digest, sha256_file,
    },
    suites::{Item, Prompt, Replies, Suite, asking_order},
    worker::{
        Exchange, StartError, Told, WorkerProcess,
        protocol::{self, Load},
    },
};

/// Workers that die one after another, without an answer between, before a model is given up.
const MOST_DEATHS: usize = 4;
/// How long a clean-up at a model's end may take.
const CLEANUP_LIMIT: Duration = Duration::from_mins(1);

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
            ModelStatus::Failed | ModelStatus::Skipped => RunStatus::Failed,
            ModelStatus::Completed => status,
        };
        if status == RunStatus::Interrupted {
            break;
        }
    }
    recorder.record(Event::RunFinished { status })?;
    Ok(status)
}

/// One model's part of a run.
struct ModelRun<'a> {
    plan: &'a Plan,
    planned: &'a PlannedModel,
    recorder: &'a mut Recorder,
    interrupt: &'a AtomicBool,
    /// SHA-256 by image file, kept over models.
    images: &'a mut HashMap<PathBuf, Option<String>>,
    worker: Option<WorkerProcess>,
    /// What ended the last worker, until there is another.
    death: Option<String>,
    /// Workers that died since the last answer.
    deaths: usize,
    /// What it answered to the group of items that is being asked.
    replies: Replies,
}

/// Why a model's part ends before its last question.
enum Stop {
    Interrupted,
    Failed(String),
}

impl<'a> ModelRun<'a> {
    fn new(
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
            death: None,
            deaths: 0,
            replies: Replies::new(),
        }
    }

    fn run(mut self) -> Result<ModelStatus, ResultsError> {
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
            if self.worker.is_none()
                && let Err(stop) = self.start(path)?
            {
                return self.stop(stop, &order[asked..]).map(Some);
            }
            if !self.ask(&items[index], index, step)? {
                return Ok(Some(Stop::Interrupted));
            }
        }
        Ok(None)
    }

    /// Records what is `left` when a model fails.
    fn stop(&mut self, stop: Stop, left: &[usize]) -> Result<Stop, ResultsError> {
        if let Stop::Failed(reason) = &stop {
            for &index in left {
                let mut result = self.blank(&self.plan.suite.items()[index], index);
                result.outcome = Outcome::Skipped { reason: reason.clone() };
                let model = self.name();
                self.recorder
                    .record(Event::QuestionFinished { model, result: Box::new(result) })?;
            }
        }
        Ok(stop)
    }

    /// Starts a worker; the inner error ends the model's part.
    fn start(&mut self, path: &Path) -> Result<Result<(), Stop>, ResultsError> {
        if let Some(reason) = self.death.take() {
            if self.deaths == MOST_DEATHS {
                let reason = format!("its worker died {MOST_DEATHS} times in a row: {reason}");
                return Ok(Err(Stop::Failed(reason)));
            }
            self.recorder.record(Event::WorkerRestarted { model: self.name(), reason })?;
        }
        let settings = &self.plan.settings;
        let load = Load {
            manifest: self.planned.model.manifest.clone(),
            path: path.to_owned(),
            options: settings.load,
            cleanup: settings.cleanup,
            limits: settings.limits,
            level: Level::Normal,
        };
        let limit = Duration::from_millis(settings.load_limit_ms);
        match WorkerProcess::start(&self.plan.program, &self.plan.log, &load, limit, self.interrupt)
        {
            Ok((worker, loaded)) => {
                self.worker = Some(worker);
                let model = self.name();
                self.recorder.record(Event::ModelLoaded { model, loaded: Box::new(loaded) })?;
                Ok(Ok(()))
            }
            Err(StartError::Interrupted) => Ok(Err(Stop::Interrupted)),
            Err(error) => Ok(Err(Stop::Failed(error.to_string()))),
        }
    }

    /// Asks one item and records its end; `false` when the run was interrupted.
    fn ask(&mut self, item: &Item, index: usize, step: Step) -> Result<bool, ResultsError> {
        let (model, suite) = (self.name(), &*self.plan.suite);
        self.recorder.record(Event::QuestionStarted {
            model: model.clone(),
            position: index + 1,
            question_id: item.id,
        })?;
        let started = Instant::now();
        let mut result = self.blank(item, index);
        let prompt = suite.prompt(index, &self.planned.prompt_suffix, &self.replies);
        let prompt = prompt.and_then(|prompt| match unreadable(&prompt.chat) {
            Some(outcome) => Err(Box::new(outcome)),
            None => Ok(prompt),
        });
        let Prompt { chat, options } = match prompt {
            Ok(prompt) => prompt,
            Err(outcome) => {
                self.clean_up_unasked(step)?;
                result.outcome = *outcome;
                return self.record(model, result, started).map(|()| true);
            }
        };
        let Some(worker) = &mut self.worker else { return Ok(true) };
        let asked = protocol::Question { id: item.id, step, chat, options, stream: false };
        let limit = Duration::from_millis(self.plan.settings.question_limit_ms);
        let mut kept = Ok(());
        let recorder = &mut *self.recorder;
        let exchange = worker.ask(&asked, limit, self.interrupt, &mut |told| {
            if kept.is_ok() {
                kept = keep(recorder, &model, told);
            }
        });
        kept?;
        let (ended_worker, interrupted) =
            (exchange.ended_worker(), exchange == Exchange::Interrupted);
        if interrupted {
            return Ok(false);
        }
        let suffix = &self.planned.prompt_suffix;
        conclude(suite, index, suffix, exchange, &mut self.replies, &mut result);
        if ended_worker {
            self.worker = None;
            self.death = Some(restart_reason(&result.outcome));
            self.deaths += 1;
        } else {
            self.deaths = 0;
        }
        self.record(model, result, started).map(|()| true)
    }

    fn record(
        &mut self,
        model: String,
        mut result: QuestionResult,
        started: Instant,
    ) -> Result<(), ResultsError> {
        result.wall_ms = started.elapsed().as_secs_f64() * 1e3;
        self.recorder.record(Event::QuestionFinished { model, result: Box::new(result) })
    }

    /// The clean-up that is due before a question the worker is not asked.
    fn clean_up_unasked(&mut self, step: Step) -> Result<(), ResultsError> {
        let Some(worker) = &mut self.worker else { return Ok(()) };
        if !self.plan.settings.cleanup.due(step) {
            return Ok(());
        }
        if let Some(mut record) = worker.clean_up(CleanupReason::Scheduled, CLEANUP_LIMIT) {
            record.before_question = Some(step.question);
            self.recorder.record(Event::CleanedUp { model: self.name(), record })?;
        }
        Ok(())
    }

    fn clean_up_at_the_end(&mut self) -> Result<(), ResultsError> {
        let Some(mut worker) = self.worker.take() else { return Ok(()) };
        if let Some(record) = worker.clean_up(CleanupReason::ModelEnd, CLEANUP_LIMIT) {
            let model = self.name();
            self.recorder.record(Event::CleanedUp { model, record })?;
        }
        worker.stop();
        Ok(())
    }

    fn blank(&mut self, item: &Item, index: usize) -> QuestionResult {
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
            usage: None,
            timings_ms: None,
            memory: None,
            wall_ms: 0.0,
        }
    }

    fn name(&self) -> String {
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

/// Puts what a worker tells into the record.
fn keep(recorder: &mut Recorder, model: &str, told: Told) -> Result<(), ResultsError> {
    let model = model.to_owned();
    match told {
        Told::Text(_) => Ok(()),
        Told::CleanedUp(record) => recorder.record(Event::CleanedUp { model, record }),
        Told::Sampled(sample) => recorder.record(Event::MemorySampled { model, sample }),
    }
}
