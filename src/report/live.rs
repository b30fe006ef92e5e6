//! What is shown while a run goes on: pure text made from the events so far.

use std::time::Duration;

use super::{
    context, describe, leak,
    outcomes::failure,
    recall,
    text::{escape, truncate, width},
    units::{bytes, clock, milliseconds, percent},
};
use crate::results::{About, Entry, Event, Judgement, ModelStatus, Outcome, QuestionResult};

/// Cells of the bar itself.
const BAR_CELLS: usize = 16;
/// Below this width there is no room for a bar.
const BAR_FROM_COLUMNS: usize = 60;

/// How far the current model is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// The current model.
    pub model: String,
    /// Questions planned for it.
    pub planned: usize,
    /// Questions with an outcome.
    pub done: usize,
    /// Whether the model is being loaded.
    pub loading: bool,
    answered: usize,
    scored: usize,
    score_sum: f64,
    peak_bytes: u64,
    first_question_ms: Option<f64>,
    now_ms: f64,
}

impl Progress {
    /// Takes the next event.
    pub fn observe(&mut self, entry: &Entry) {
        self.now_ms = entry.elapsed_ms;
        match &entry.event {
            Event::RunStarted { run, .. } => self.planned = run.questions,
            Event::ModelStarted { model } => {
                let (model, planned) = (model.name.clone(), self.planned);
                let now_ms = self.now_ms;
                *self = Self { model, planned, now_ms, loading: true, ..Self::default() };
            }
            Event::ModelLoaded { .. } => self.loading = false,
            Event::WorkerRestarted { .. } => self.loading = true,
            Event::QuestionStarted { .. } => {
                self.first_question_ms.get_or_insert(entry.elapsed_ms);
            }
            Event::QuestionFinished { result, .. } => self.count(result),
            _ => {}
        }
    }

    fn count(&mut self, result: &QuestionResult) {
        self.done += 1;
        if let Some(judgement) = result.outcome.judgement() {
            self.answered += 1;
            self.scored += usize::from(judgement.score().is_some());
            self.score_sum += judgement.score().unwrap_or_default();
        }
        let peak = result.memory.map_or(0, |memory| memory.peak_bytes);
        self.peak_bytes = self.peak_bytes.max(peak);
    }

    /// Whether a further tenth of the questions, or the last one, has just ended.
    pub fn at_a_tenth(&self) -> bool {
        let tenth = |done: usize| done * 10 / self.planned.max(1);
        self.done > 0 && tenth(self.done) > tenth(self.done - 1)
    }

    fn remaining(&self) -> Option<Duration> {
        let asked_for = self.now_ms - self.first_question_ms?;
        let left = self.planned.saturating_sub(self.done);
        if self.done == 0 || left == 0 {
            return None;
        }
        Duration::try_from_secs_f64(asked_for / 1e3 / self.done as f64 * left as f64).ok()
    }

    /// One line in at most `columns` columns; with a bar if `bar` and there is room.
    pub fn line(&self, columns: usize, bar: bool) -> String {
        let name = escape(&self.model);
        if self.loading {
            return truncate(&format!("loading {name}"), columns);
        }
        let mut line = format!("{}/{}", self.done, self.planned);
        if bar && columns >= BAR_FROM_COLUMNS {
            line = format!("{} {line}", self.bar());
        }
        // What stands last goes first where the width does not suffice.
        for part in self.parts() {
            if width(&line) + 3 + width(&part) <= columns {
                line = format!("{line} · {part}");
            }
        }
        let room = columns.saturating_sub(width(&line) + 1);
        if room < 4 {
            truncate(&line, columns)
        } else {
            format!("{} {line}", truncate(&name, room))
        }
    }

    fn parts(&self) -> Vec<String> {
        let accuracy = (self.scored > 0).then(|| percent(self.score_sum / self.scored as f64));
        let left = self.remaining().map(|time| format!("{} left", clock(time)));
        let peak = (self.peak_bytes > 0).then(|| format!("peak {}", bytes(self.peak_bytes)));
        let failed = self.done - self.answered;
        let failed = (failed > 0).then(|| format!("{failed} without answer"));
        [accuracy, left, peak, failed].into_iter().flatten().collect()
    }

    fn bar(&self) -> String {
        let full = (self.done * BAR_CELLS).checked_div(self.planned).unwrap_or(0).min(BAR_CELLS);
        format!("{}{}", "█".repeat(full), "░".repeat(BAR_CELLS - full))
    }
}

/// What an event calls for a line of its own for, even without `--verbose`.
pub fn notice(event: &Event) -> Option<String> {
    match event {
        Event::ModelLoaded { model, loaded } => {
            let mut parts =
                vec![format!("{} loaded in {}", escape(model), milliseconds(loaded.load_ms))];
            let known = [&loaded.precision, &loaded.device].into_iter().flatten();
            parts.extend(known.map(|part| escape(part)));
            Some(parts.join(" · "))
        }
        _ => None,
    }
}

/// What an event warns of.
pub fn warning(event: &Event) -> Option<String> {
    let (model, what) = match event {
        Event::CleanedUp { model, record } => {
            (model, format!("clean-up failed: {}", record.error.as_ref()?))
        }
        Event::WorkerRestarted { model, reason, .. } => {
            (model, format!("worker restarted: {reason}"))
        }
        Event::QuestionRetried { model, position, outcome, .. } => {
            let why = failure(outcome).unwrap_or_default();
            (model, format!("is asked question {position} once more: {why}"))
        }
        Event::Waited { model, waited_ms, relieved } => {
            let end = if *relieved { "" } else { ", in vain" };
            (model, format!("waited {} for memory{end}", milliseconds(*waited_ms)))
        }
        Event::LeakSuspected { model, alarm } => (model, leak::warning(alarm)),
        Event::ModelSkipped { model, reason } => (model, format!("skipped: {reason}")),
        Event::ModelFinished { model, status: ModelStatus::Failed, reason, .. } => {
            (model, format!("failed: {}", reason.as_deref().unwrap_or("see debug.log")))
        }
        Event::ModelFinished { model, status: ModelStatus::Quarantined, reason, .. } => {
            (model, format!("given up: {}", reason.as_deref().unwrap_or("see debug.log")))
        }
        _ => return None,
    };
    Some(escape(&format!("{model} {what}")))
}

/// A question and what came of it, for `--verbose`: two lines of at most `columns`.
pub fn question_lines(result: &QuestionResult, planned: usize, columns: usize) -> [String; 2] {
    let image = result.image.as_deref().and_then(|path| path.rsplit('/').next());
    let image = image.map_or_else(String::new, |name| format!(" ({name})"));
    let question = format!("{}/{planned} {}{image}", result.position, result.question);
    let what = match &result.outcome {
        Outcome::Answered { raw, judgement, .. } => judged(raw, judgement, &result.about),
        Outcome::Empty { raw } => format!("empty answer “{raw}”"),
        other => failure(other).unwrap_or_default(),
    };
    [truncate(&escape(&question), columns), truncate(&format!("  {}", escape(&what)), columns)]
}

/// An answer and what the suite made of it.
fn judged(raw: &str, judgement: &Judgement, about: &About) -> String {
    match (judgement, about) {
        (Judgement::Vqa(scored), About::Vqa(about)) => {
            let (score, expected) = (percent(scored.scores.official), expected(&about.references));
            format!("{score}  “{raw}” → “{}”, expected {expected}", scored.extracted)
        }
        (Judgement::Context(judgement), About::Context(about)) => {
            context::judged(raw, judgement, about)
        }
        (Judgement::Description(described), About::Description(about)) => {
            describe::judged(raw, described, about)
        }
        (Judgement::Recall(judgement), About::Recall(about)) => {
            recall::judged(raw, judgement, about)
        }
        // A suite says the same of a question and of its answer.
        _ => format!("“{raw}”"),
    }
}

/// The human answers, most frequent first: `red ×7, dark red ×3`.
fn expected(references: &[String]) -> String {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for reference in references {
        match counted.iter_mut().find(|(known, _)| known == reference) {
            Some((_, count)) => *count += 1,
            None => counted.push((reference, 1)),
        }
    }
    counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let parts = counted.iter().map(|(answer, count)| format!("{answer} ×{count}"));
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
