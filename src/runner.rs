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

use self::ending::{conclude, restart_reason, unanswerable};
use crate::{
    backend::registry::ResolvedModel,
    dataset::Question,
    memory::{CleanupReason, Step, StepCounter},
    results::{
        Event, ModelStatus, ModelUnderTest, Outcome, Provenance, QuestionResult, Recorder,
        ResultsError, RunSettings, RunStatus, checkpoint_digest, sha256_file,
    },
    suites::vqa,
    vlm::GenerationOptions,
    worker::{
        Exchange, StartError, WorkerProcess,
        protocol::{self, Load},
    },
};

/// Workers that die one after another, without an answer between, before a model is given up.
const MOST_DEATHS: usize = 4;
/// How long a clean-up at a model's end may take.
const CLEANUP_LIMIT: Duration = Duration::from_mins(1);

/// Everything a run needs to know.
#[derive(Debug)]
pub struct Plan {
    /// What was asked for.
    pub settings: RunSettings,
    /// What it runs on.
    pub provenance: Provenance,
    /// The models, in the order they run.
    pub models: Vec<PlannedModel>,
    /// The questions, in dataset order.
    pub questions: Vec<Question>,
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
        Self { plan, planned, recorder, interrupt, images, worker: None, death: None, deaths: 0 }
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

    /// Asks every question; those left when the model fails are recorded as skipped.
    fn ask_all(&mut self, path: &Path) -> Result<Option<Stop>, ResultsError> {
        if let Err(stop) = self.start(path)? {
            if let Stop::Failed(reason) = &stop {
                self.skip_from(0, reason)?;
            }
            return Ok(Some(stop));
        }
        let mut steps = StepCounter::default();
        for (index, question) in self.plan.questions.iter().enumerate() {
            if self.interrupt.load(Ordering::Relaxed) {
                return Ok(Some(Stop::Interrupted));
            }
            let step = steps.next(&question.image.to_string_lossy());
            if self.worker.is_none()
                && let Err(stop) = self.start(path)?
            {
                if let Stop::Failed(reason) = &stop {
                    self.skip_from(index, reason)?;
                }
                return Ok(Some(stop));
            }
            if !self.ask(question, index, step)? {
                return Ok(Some(Stop::Interrupted));
            }
        }
        Ok(None)
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

    /// Asks one question and records its end; `false` when the run was interrupted.
    fn ask(&mut self, question: &Question, index: usize, step: Step) -> Result<bool, ResultsError> {
        let (model, position) = (self.name(), index + 1);
        self.recorder.record(Event::QuestionStarted {
            model: model.clone(),
            position,
            question_id: question.id,
        })?;
        let started = Instant::now();
        let mut result = self.blank(question, position);
        if let Some(message) = unanswerable(question) {
            self.clean_up_unasked(step)?;
            result.outcome = Outcome::Error { message };
            return self.record(model, result, started).map(|()| true);
        }
        let Some(worker) = &mut self.worker else { return Ok(true) };
        let asked = protocol::Question {
            id: question.id,
            step,
            chat: vqa::chat(question, &self.planned.prompt_suffix),
            options: GenerationOptions {
                max_tokens: self.plan.settings.max_tokens,
                ..Default::default()
            },
            stream: false,
        };
        let limit = Duration::from_millis(self.plan.settings.question_limit_ms);
        let answer = worker.ask(&asked, limit, self.interrupt, &mut |_| ());
        for record in answer.cleanups {
            self.recorder.record(Event::CleanedUp { model: model.clone(), record })?;
        }
        let (ended_worker, interrupted) =
            (answer.exchange.ended_worker(), answer.exchange == Exchange::Interrupted);
        if interrupted {
            return Ok(false);
        }
        conclude(question, answer.exchange, &mut result);
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

    fn skip_from(&mut self, index: usize, reason: &str) -> Result<(), ResultsError> {
        for (offset, question) in self.plan.questions.iter().enumerate().skip(index) {
            let mut result = self.blank(question, offset + 1);
            result.outcome = Outcome::Skipped { reason: reason.to_owned() };
            let model = self.name();
            self.recorder.record(Event::QuestionFinished { model, result: Box::new(result) })?;
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

    fn blank(&mut self, question: &Question, position: usize) -> QuestionResult {
        let sha256 = self
            .images
            .entry(question.image.clone())
            .or_insert_with(|| sha256_file(&question.image).ok())
            .clone();
        QuestionResult {
            position,
            question_id: question.id,
            image_id: question.image_id,
            image: question.image.to_string_lossy().into_owned(),
            image_sha256: sha256,
            question: question.text.clone(),
            prompt_suffix: self.planned.prompt_suffix.clone(),
            question_type: question.question_type.clone().unwrap_or_default(),
            answer_type: question.answer_type.clone().unwrap_or_default(),
            references: question.answers.clone(),
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
