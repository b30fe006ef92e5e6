//! What the course of a series over a run amounts to.

use serde::{Deserialize, Serialize};

use super::{
    ranks::Point,
    series::{Series, course},
    step::{is_sudden, largest_step, median, without},
    theil_sen::{Slope, Z_99, rises, theil_sen},
};
use crate::memory::MemorySample;

/// The first questions fill caches and compile kernels: they are left out.
pub(super) const SKIPPED: usize = 5;
/// Points that a slope is computed from, at most: more are put together in blocks.
pub(super) const WINDOW: usize = 100;
/// Questions below which nothing is said at all.
const FEWEST: usize = 30;
/// Questions below which a slope is a note and no reason to fail.
pub const FEWEST_FOR_ALARM: usize = 60;
/// The standard deviation of normally distributed values, by their median absolute deviation.
const SIGMA_BY_MAD: f64 = 1.4826;

/// What the course of a series amounts to; `verdict` in JSON names the variant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// There were too few questions to tell.
    TooFew,
    /// It does not grow.
    Flat,
    /// It grew at first and no more.
    WarmUpThenFlat {
        /// By how much, in the unit of the series.
        rise: f64,
    },
    /// It grows from question to question.
    Grows,
}

/// One series of a model and what its course amounts to. Sizes are in bytes, the rest are counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SeriesVerdict {
    /// Which one.
    pub series: Series,
    /// Questions it was looked at before, of the longest time without a restart of the worker.
    pub questions: usize,
    /// What it amounts to.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// How it changes; `None` of too few questions.
    pub change: Option<Change>,
    /// Where it stepped from one level to another and stayed there, if it did.
    pub step: Option<LevelStep>,
}

/// How a series changes from question to question.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Theil–Sen slope.
    pub per_question: f64,
    /// Its one-sided lower bound at 99 %.
    pub lower: f64,
    /// Its one-sided upper bound at 99 %.
    pub upper: f64,
    /// Standard deviation around the slope.
    pub noise: f64,
    /// Whether it rises as a whole, in its newer half, and apart from its largest step.
    pub is_sustained: bool,
}

/// A step of a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LevelStep {
    /// About the question it came before.
    pub question: usize,
    /// The new level less the old one.
    pub height: f64,
}

/// What each series of `lives` amounts to: the samples of each of a model's workers, of which the
/// longest series counts, in a run of `planned` questions. Series that the system does not tell
/// are left out.
pub fn verdicts<'a>(
    lives: &(impl Iterator<Item = &'a [MemorySample]> + Clone),
    planned: usize,
) -> Vec<SeriesVerdict> {
    let judged = Series::ALL.into_iter().filter_map(|series| {
        let courses = lives.clone().map(|samples| course(series, samples));
        let points = courses.max_by_key(Vec::len).filter(|points| !points.is_empty())?;
        Some(judge(series, &points, planned))
    });
    judged.collect()
}

/// What `points` amount to, the first questions included.
pub(super) fn judge(series: Series, points: &[Point], planned: usize) -> SeriesVerdict {
    let too_few = SeriesVerdict {
        series,
        questions: points.len(),
        verdict: Verdict::TooFew,
        change: None,
        step: None,
    };
    let Some(settled) = points.get(SKIPPED..).filter(|_| points.len() >= FEWEST) else {
        return too_few;
    };
    let settled = block_medians(settled);
    let Some(change) = change(&settled, is_sustained(&settled, Z_99)) else { return too_few };
    let tolerance = series.tolerance(change.noise);
    let grows = change.is_sustained && change.per_question * planned as f64 > tolerance;
    let step = largest_step(&settled).filter(|step| {
        step.is_significant && step.height.abs() > tolerance && is_sudden(&settled, *step)
    });
    let at = |at: usize| settled.get(at).map_or(0, |(question, _)| question.round() as usize);
    let step = step.map(|step| LevelStep { question: at(step.at), height: step.height });
    let start = points.get(..SKIPPED).and_then(median).unwrap_or_default();
    let rise = median(newer_half(&settled)).unwrap_or_default() - start;
    let verdict = match (grows, step) {
        (true, _) => Verdict::Grows,
        (false, None) if rise > tolerance => Verdict::WarmUpThenFlat { rise },
        (false, _) => Verdict::Flat,
    };
    let step = step.filter(|_| !grows);
    SeriesVerdict { verdict, change: Some(change), step, ..too_few }
}

/// Whether `points` rise as a whole at the normal quantile `z`, still rise in their newer half, and
/// rise even without their largest step: growth that came at once, or that is over, is none of it.
pub(super) fn is_sustained(points: &[Point], z: f64) -> bool {
    rises(points, z)
        && rises(newer_half(points), Z_99)
        && largest_step(points).is_some_and(|step| rises(&without(points, step), Z_99))
}

/// The slope of `points` and how far they lie from it.
pub(super) fn change(points: &[Point], is_sustained: bool) -> Option<Change> {
    let Slope { median: per_question, lower, upper } = theil_sen(points, Z_99)?;
    let from = |values: &[Point], centre: f64| -> Option<f64> {
        let away: Vec<Point> = values.iter().map(|&(x, y)| (x, (y - centre).abs())).collect();
        median(&away)
    };
    let level: Vec<Point> = points.iter().map(|&(x, y)| (x, y - per_question * x)).collect();
    let noise = SIGMA_BY_MAD * from(&level, median(&level)?)?;
    let is_bounded = lower.is_finite() && upper.is_finite();
    is_bounded.then_some(Change { per_question, lower, upper, noise, is_sustained })
}

fn newer_half(points: &[Point]) -> &[Point] {
    points.get(points.len() / 2..).unwrap_or_default()
}

/// `points` as at most [`WINDOW`] medians of equally many questions in a row, the oldest left out
/// where the number does not divide: ten thousand cost no more than a hundred.
fn block_medians(points: &[Point]) -> Vec<Point> {
    let size = points.len().div_ceil(WINDOW).max(1);
    let whole = points.get(points.len() % size..).unwrap_or_default();
    let blocks = whole.chunks_exact(size).filter_map(|block| {
        let (first, last) = (block.first()?, block.last()?);
        Some((f64::midpoint(first.0, last.0), median(block)?))
    });
    blocks.collect()
}

#[cfg(test)]
mod tests;
