//! Asking one question: once, or twice if memory ended it, and over again for a worker that
//! asked to be replaced before it began.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use super::{
    ending::{conclude, unreadable, without_answer},
    ends::WorkerEnd,
    model_run::{ModelRun, Stop},
    telling::{clean_up, keep},
};
use crate::{
    memory::{CleanupReason, Step},
    results::{Event, Outcome, ResultsError},
    suites::{Item, Prompt},
    vlm::ModelError,
    worker::{DeathCause, Exchange, protocol::Question},
};

impl ModelRun<'_> {
    /// Asks one item and records its end; what comes back ends the model's part.
    pub(super) fn ask(
        &mut self,
        item: &Item,
        index: usize,
        step: Step,
        path: &Path,
    ) -> Result<Option<Stop>, ResultsError> {
        let suite = &*self.plan.suite;
        self.recorder.record(Event::QuestionStarted {
            model: self.name(),
            position: index + 1,
            question_id: item.id,
        })?;
        let started = Instant::now();
        let mut result = self.blank(item, index);
        let Prompt { chat, options } = match self.prompt(index) {
            Ok(prompt) => prompt,
            Err(outcome) => {
                self.clean_up_unasked(step)?;
                result.outcome = *outcome;
                return self.record(result, started).map(|()| None);
            }
        };
        let question = Question { id: item.id, step, chat, options, stream: false };
        let mut was_replaced = false;
        loop {
            let exchange = self.exchange(&question)?;
            if exchange == Exchange::Interrupted {
                return Ok(Some(Stop::Interrupted));
            }
            if wants_replacement(&exchange) && !was_replaced {
                was_replaced = true;
            } else if ended_for_memory(&exchange) && result.earlier.is_empty() {
                let outcome = without_answer(exchange);
                self.recorder.record(Event::QuestionRetried {
                    model: self.name(),
                    position: index + 1,
                    question_id: item.id,
                    outcome: outcome.clone(),
                })?;
                result.earlier.push(outcome);
            } else {
                let suffix = &self.planned.prompt_suffix;
                conclude(suite, index, suffix, exchange, &mut self.replies, &mut result);
                return self.record(result, started).map(|()| None);
            }
            if let Err(stop) = self.start(path)? {
                if let Stop::Failed(reason) | Stop::Quarantined(reason) = &stop {
                    let skipped = || Outcome::Skipped { reason: reason.clone() };
                    result.outcome = result.earlier.pop().unwrap_or_else(skipped);
                    self.record(result, started)?;
                }
                return Ok(Some(stop));
            }
        }
    }

    /// What to ask, or why nothing can be asked.
    fn prompt(&self, index: usize) -> Result<Prompt, Box<Outcome>> {
        let suffix = &self.planned.prompt_suffix;
        let prompt = self.plan.suite.prompt(index, suffix, &self.replies)?;
        unreadable(&prompt.chat).map_or(Ok(prompt), |outcome| Err(Box::new(outcome)))
    }

    /// Puts `question` to the worker and keeps what it tells.
    fn exchange(&mut self, question: &Question) -> Result<Exchange, ResultsError> {
        let limit = Duration::from_millis(self.plan.settings.question_limit_ms);
        let model = self.name();
        let Some(worker) = &mut self.worker else { return Ok(Exchange::Interrupted) };
        let (recorder, mut kept) = (&mut *self.recorder, Ok(()));
        let exchange = worker.ask(question, limit, self.interrupt, &mut |told| {
            if kept.is_ok() {
                kept = keep(recorder, &model, told);
            }
        });
        kept?;
        match WorkerEnd::of(&exchange) {
            Some(end) => self.ended(end),
            None => self.unplanned.interrupted_by_an_answer(),
        }
        Ok(exchange)
    }

    /// The clean-up that is due before a question the worker is not asked.
    fn clean_up_unasked(&mut self, step: Step) -> Result<(), ResultsError> {
        let model = self.name();
        let Some(worker) = &mut self.worker else { return Ok(()) };
        if !self.plan.settings.cleanup.due(step) {
            return Ok(());
        }
        let record = clean_up(worker, CleanupReason::Scheduled, self.recorder, &model)?;
        if let Some(mut record) = record {
            record.before_question = Some(step.question);
            self.recorder.record(Event::CleanedUp { model, record })?;
        }
        Ok(())
    }
}

/// Whether the worker ended before it began, so that the question was not put at all.
fn wants_replacement(exchange: &Exchange) -> bool {
    match exchange {
        Exchange::RestartWanted(_) => true,
        Exchange::Crashed(death) => death.cause == DeathCause::RestartWanted,
        _ => false,
    }
}

/// Whether the worker ended over the question because memory was short.
fn ended_for_memory(exchange: &Exchange) -> bool {
    match exchange {
        Exchange::Failed { error: ModelError::Memory(_), worker_ended } => *worker_ended,
        Exchange::Crashed(death) => death.cause.is_memory(),
        _ => false,
    }
}
