//! The figures of one model, computed from its questions and nothing else.

use serde::{Deserialize, Serialize};

use super::{Figures, Gap, LeakReport, Outcome, QuestionResult, spread::Spread};
use crate::{
    memory::{CleanupRecord, MemorySample, QuestionMemory, leak::LeakAlarm},
    vlm::Timings,
};

/// The figures of one model. `None` is what there is nothing to compute from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Questions planned, asked or not.
    pub questions: usize,
    /// How they ended.
    pub outcomes: OutcomeCounts,
    /// What the suite measures.
    #[serde(flatten)]
    pub figures: Figures,
    /// Sums over all generations.
    pub tokens: TokenTotals,
    /// Over all generations, in milliseconds.
    pub timings_ms: Option<TimingSpreads>,
    /// Median over the generations: tokens after the first per second of decode.
    pub decode_tokens_per_second: Option<f64>,
    /// Median over the generations: prompt tokens not taken from a cache per second of prefill.
    pub prefill_tokens_per_second: Option<f64>,
    /// The allocator's counters over the run.
    pub memory: Option<MemorySummary>,
    /// Whether memory grows from question to question; `None` if nobody looked.
    #[serde(default)]
    pub leak: Option<LeakReport>,
    /// What cleaning up took and gave.
    pub cleanups: CleanupTotals,
    /// Times the worker was replaced.
    pub restarts: usize,
    /// Time to load the model, restarts included.
    pub load_ms: f64,
    /// Sum of the questions' wall times.
    pub questions_ms: f64,
    /// From the start of the model's first worker to its last event.
    pub wall_ms: f64,
}

/// How many questions ended in which way; the sum is the number planned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeCounts {
    /// With an answer and scores.
    pub answered: usize,
    /// With nothing to score.
    pub empty: usize,
    /// Image, prompt or computation failed.
    pub error: usize,
    /// Over the limit.
    pub timed_out: usize,
    /// The worker died.
    pub crashed: usize,
    /// Given up without asking.
    pub skipped: usize,
    /// Not reached before the run ended.
    pub not_asked: usize,
}

/// Token counts summed over all generations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenTotals {
    /// Prompt positions, image positions included.
    pub prompt: usize,
    /// Positions filled with vision features.
    pub image: usize,
    /// Prompt positions taken from a cache.
    pub cached: usize,
    /// Tokens generated.
    pub completion: usize,
}

/// Spreads over all generations, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TimingSpreads {
    /// Images, template and tokenizer.
    pub preprocess: Spread,
    /// Vision tower and projector.
    pub vision: Spread,
    /// The prompt through the decoder.
    pub prefill: Spread,
    /// All further tokens.
    pub decode: Spread,
    /// From the start of the question to the first token.
    pub time_to_first_token: Spread,
}

/// Allocator counters over all generations, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemorySummary {
    /// Active bytes after the weights were evaluated.
    pub baseline_bytes: u64,
    /// Largest peak of a question.
    pub peak_bytes: u64,
    /// Largest need of a question on top of the weights.
    pub peak_delta_bytes: u64,
    /// Active bytes after the first question.
    pub first_active_bytes: u64,
    /// Active bytes after the last question.
    pub last_active_bytes: u64,
    /// The last less the first, without what the model keeps for later questions: what stays
    /// when questions come and go.
    pub active_growth_bytes: i64,
    /// Most of it that was kept for later questions.
    #[serde(default)]
    pub held_bytes: u64,
}

/// What cleaning up took and gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CleanupTotals {
    /// Clean-ups made.
    pub count: usize,
    /// Those that failed.
    pub failures: usize,
    /// Bytes given back.
    pub freed_bytes: u64,
    /// Time they took, in milliseconds.
    pub total_ms: f64,
    /// That time as a share of `wall_ms`, in `0..=1`.
    pub share_of_run: Option<f64>,
    /// Most questions in a row that were asked without one.
    #[serde(default)]
    pub most_questions: usize,
    /// Most images new to the run that were asked about without one.
    #[serde(default)]
    pub most_images: usize,
}

/// What a [`Summary`] is computed from, beside the questions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Course<'a> {
    /// The suite, where the record has it.
    pub suite: Option<&'a str>,
    /// Questions planned.
    pub planned: usize,
    /// All clean-ups.
    pub cleanups: &'a [CleanupRecord],
    /// The most that was asked without one.
    pub gap: Gap,
    /// All looks at memory.
    pub samples: &'a [MemorySample],
    /// Where among them those of each worker begin.
    pub lives: &'a [usize],
    /// The alarm that was raised over them, if one was.
    pub alarm: Option<LeakAlarm>,
    /// By how much memory may grow from question to question, in bytes.
    pub max_growth_bytes: Option<u64>,
    /// Times the worker was replaced.
    pub restarts: usize,
    /// Time to load, restarts included.
    pub load_ms: f64,
    /// From the first event to the last.
    pub wall_ms: f64,
}

impl Summary {
    /// The figures of `questions`, in the order they were asked.
    pub fn of(questions: &[QuestionResult], course: Course<'_>) -> Self {
        let planned = course.planned.max(questions.len());
        let not_asked = planned - questions.len();
        Self {
            questions: planned,
            outcomes: count_outcomes(questions, not_asked),
            figures: Figures::of(questions, course),
            tokens: total_tokens(questions),
            timings_ms: TimingSpreads::of(questions),
            decode_tokens_per_second: median(decode_speeds(questions)),
            prefill_tokens_per_second: median(prefill_speeds(questions)),
            memory: MemorySummary::of(questions),
            leak: LeakReport::of(course),
            cleanups: CleanupTotals::of(course),
            restarts: course.restarts,
            load_ms: course.load_ms,
            questions_ms: sum(questions.iter().map(|question| question.wall_ms)),
            wall_ms: course.wall_ms,
        }
    }
}

/// The sum of nothing is 0 and not −0, as that of the standard library is.
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |sum, value| sum + value)
}

fn count_outcomes(questions: &[QuestionResult], not_asked: usize) -> OutcomeCounts {
    let mut counts = OutcomeCounts { not_asked, ..OutcomeCounts::default() };
    for question in questions {
        *match question.outcome {
            Outcome::Answered { .. } => &mut counts.answered,
            Outcome::Empty { .. } => &mut counts.empty,
            Outcome::Error { .. } => &mut counts.error,
            Outcome::TimedOut { .. } => &mut counts.timed_out,
            Outcome::Crashed { .. } => &mut counts.crashed,
            Outcome::Skipped { .. } => &mut counts.skipped,
        } += 1;
    }
    counts
}

fn total_tokens(questions: &[QuestionResult]) -> TokenTotals {
    let mut total = TokenTotals::default();
    for usage in questions.iter().filter_map(|question| question.usage) {
        total.prompt += usage.prompt_tokens;
        total.image += usage.image_tokens;
        total.cached += usage.cached_tokens;
        total.completion += usage.completion_tokens;
    }
    total
}

fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    Spread::of(values).map(|spread| spread.median)
}

fn decode_speeds(questions: &[QuestionResult]) -> impl Iterator<Item = f64> {
    questions.iter().filter_map(|question| question.timings_ms?.tokens_per_second)
}

fn prefill_speeds(questions: &[QuestionResult]) -> impl Iterator<Item = f64> {
    questions.iter().filter_map(|question| {
        let (usage, prefill_ms) = (question.usage?, question.timings_ms?.prefill);
        let computed = usage.prompt_tokens.saturating_sub(usage.cached_tokens);
        (prefill_ms > 0.0).then(|| computed as f64 / prefill_ms * 1e3)
    })
}

impl TimingSpreads {
    fn of(questions: &[QuestionResult]) -> Option<Self> {
        let spread = |pick: fn(Timings) -> f64| {
            Spread::of(questions.iter().filter_map(|question| question.timings_ms.map(pick)))
        };
        Some(Self {
            preprocess: spread(|timings| timings.preprocess)?,
            vision: spread(|timings| timings.vision)?,
            prefill: spread(|timings| timings.prefill)?,
            decode: spread(|timings| timings.decode)?,
            time_to_first_token: spread(|timings| timings.time_to_first_token)?,
        })
    }
}

impl MemorySummary {
    fn of(questions: &[QuestionResult]) -> Option<Self> {
        let readings: Vec<_> = questions.iter().filter_map(|question| question.memory).collect();
        let largest =
            |pick: fn(&QuestionMemory) -> u64| readings.iter().map(pick).max().unwrap_or_default();
        let (first, last) = (readings.first()?, readings.last()?);
        Some(Self {
            baseline_bytes: last.baseline_bytes,
            peak_bytes: largest(|memory| memory.peak_bytes),
            peak_delta_bytes: largest(|memory| memory.peak_delta_bytes),
            first_active_bytes: first.active_bytes,
            last_active_bytes: last.active_bytes,
            active_growth_bytes: unaccounted(last) - unaccounted(first),
            held_bytes: largest(|memory| memory.held_bytes),
        })
    }
}

/// Active bytes that the model does not keep on purpose.
fn unaccounted(memory: &QuestionMemory) -> i64 {
    memory.active_bytes as i64 - memory.held_bytes as i64
}

impl CleanupTotals {
    fn of(course: Course<'_>) -> Self {
        let Course { cleanups: records, wall_ms, gap, .. } = course;
        let total_ms = sum(records.iter().map(|record| record.duration_ms));
        Self {
            count: records.len(),
            failures: records.iter().filter(|record| record.error.is_some()).count(),
            freed_bytes: records.iter().map(|record| record.freed_bytes).sum(),
            total_ms,
            share_of_run: (wall_ms > 0.0).then(|| total_ms / wall_ms),
            most_questions: gap.questions,
            most_images: gap.images,
        }
    }
}

#[cfg(test)]
mod tests;
