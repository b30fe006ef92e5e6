//! Whether a model's memory grew from question to question, and beyond what was allowed.

use serde::{Deserialize, Serialize};

use super::summary::Course;
use crate::memory::{
    MemorySample,
    leak::{FEWEST_FOR_ALARM, LeakAlarm, SeriesVerdict, verdicts},
};

/// Whether a model's memory grew from question to question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeakReport {
    /// What the course of each series amounts to; those that the system does not tell are left out.
    pub series: Vec<SeriesVerdict>,
    /// The alarm raised during the run, if one was.
    pub alarm: Option<LeakAlarm>,
    /// What was allowed, if anything was said about it.
    pub limit: Option<GrowthLimit>,
}

/// What was allowed and whether it was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrowthLimit {
    /// Bytes per question.
    pub bytes_per_question: u64,
    /// Whether they were kept.
    pub check: GrowthCheck,
}

/// Whether a limit was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrowthCheck {
    /// No series of bytes is sure to grow by more.
    Within,
    /// The lower bound of a sustained rise lies above it.
    Exceeded,
    /// There were fewer than [`FEWEST_FOR_ALARM`] questions, or memory was not looked at.
    NotChecked,
}

impl LeakReport {
    /// What the samples of `course` say; `None` if there are none and no limit.
    pub(super) fn of(course: Course<'_>) -> Option<Self> {
        if course.samples.is_empty() && course.max_growth_bytes.is_none() {
            return None;
        }
        let lives = (0..=course.lives.len()).map(|life| life_of(course, life));
        let series = verdicts(&lives, course.planned);
        let limit = course.max_growth_bytes.map(|bytes_per_question| GrowthLimit {
            bytes_per_question,
            check: check(&series, bytes_per_question),
        });
        Some(Self { series, alarm: course.alarm, limit })
    }

    /// Whether it grew by more than was allowed.
    pub fn is_exceeded(&self) -> bool {
        self.limit.is_some_and(|limit| limit.check == GrowthCheck::Exceeded)
    }

    /// Whether `verdict` is why.
    pub fn exceeds(&self, verdict: &SeriesVerdict) -> bool {
        self.limit.is_some_and(|limit| exceeds(verdict, limit.bytes_per_question))
    }
}

/// The samples of worker number `life`; the first ones are from before any was ready.
fn life_of(course: Course<'_>, life: usize) -> &[MemorySample] {
    let start = life.checked_sub(1).and_then(|before| course.lives.get(before)).copied();
    let end = course.lives.get(life).copied().unwrap_or(course.samples.len());
    course.samples.get(start.unwrap_or(0)..end).unwrap_or_default()
}

fn check(series: &[SeriesVerdict], limit: u64) -> GrowthCheck {
    let known = |it: &SeriesVerdict| it.series.is_bytes() && it.questions >= FEWEST_FOR_ALARM;
    if series.iter().any(|it| exceeds(it, limit)) {
        GrowthCheck::Exceeded
    } else if series.iter().any(known) {
        GrowthCheck::Within
    } else {
        GrowthCheck::NotChecked
    }
}

fn exceeds(verdict: &SeriesVerdict, limit: u64) -> bool {
    verdict.series.is_bytes()
        && verdict.questions >= FEWEST_FOR_ALARM
        && verdict.change.is_some_and(|it| it.is_sustained && it.lower > limit as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryReading;

    /// `questions` samples, active memory growing by `bytes` a question.
    fn samples(questions: usize, bytes: u64) -> Vec<MemorySample> {
        let sample = |question: usize| MemorySample {
            question: Some(question),
            allocator: MemoryReading {
                active_bytes: bytes * question as u64,
                ..MemoryReading::default()
            },
            ..MemorySample::default()
        };
        (1..=questions).map(sample).collect()
    }

    fn checked(samples: &[MemorySample], lives: &[usize], limit: u64) -> GrowthCheck {
        let planned = samples.len();
        let max_growth_bytes = Some(limit);
        let course = Course { planned, samples, lives, max_growth_bytes, ..Course::default() };
        let report = LeakReport::of(course).unwrap();
        assert_eq!(report.is_exceeded(), report.series.iter().any(|it| report.exceeds(it)));
        report.limit.unwrap().check
    }

    #[test]
    fn growth_is_held_against_the_limit_however_small_it_is() {
        let samples = samples(80, 1000);
        assert_eq!(checked(&samples, &[0], 999), GrowthCheck::Exceeded);
        assert_eq!(checked(&samples, &[0], 1000), GrowthCheck::Within);
    }

    #[test]
    fn what_was_not_looked_at_long_enough_is_not_checked() {
        assert_eq!(checked(&samples(59, 1_000_000), &[0], 0), GrowthCheck::NotChecked);
        assert_eq!(checked(&samples(100, 1_000_000), &[0, 50], 0), GrowthCheck::NotChecked);
        assert_eq!(checked(&[], &[], 0), GrowthCheck::NotChecked);
    }

    #[test]
    fn without_samples_and_limit_there_is_nothing_to_report() {
        assert_eq!(LeakReport::of(Course::default()), None);
    }
}
