//! The alarm during a run: the last hundred questions are looked at again and again.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{
    ranks::Point,
    series::{Series, boundary},
    theil_sen::{inflation, rises},
    verdict::{FEWEST_FOR_ALARM, SKIPPED, WINDOW, change, is_sustained},
};
use crate::memory::MemorySample;

/// Questions from one look to the next.
const BETWEEN_LOOKS: usize = 10;
/// Share of what may come and stay over a run that has to be seen among the last questions: a
/// process that touches one page after the other while it warms up grows by a megabyte in its first
/// hundred questions, and no more, however long the run.
const SEEN: f64 = 0.5;
/// How probable one false alarm is over all series and all looks of a model.
const FALSE_ALARMS: f64 = 0.01;

/// A series of a model grows from question to question.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LeakAlarm {
    /// Which one.
    pub series: Series,
    /// The question it was noticed before.
    pub question: usize,
    /// Theil–Sen slope over the questions before it, at most a hundred, in the series' unit.
    pub per_question: f64,
    /// Its one-sided lower bound at 99 %.
    pub lower: f64,
}

/// Follows one model's memory and raises one alarm when a series grows. The work is the same at
/// the ten-thousandth question as at the hundredth.
#[derive(Debug, Clone)]
pub struct LeakWatch {
    planned: usize,
    windows: [VecDeque<Point>; Series::ALL.len()],
    /// Questions that this worker was looked at before.
    seen: usize,
    latest: usize,
    looks: u32,
    is_over: bool,
}

impl LeakWatch {
    /// Follows a model of a run of `planned` questions.
    pub fn new(planned: usize) -> Self {
        let windows = std::array::from_fn(|_| VecDeque::with_capacity(WINDOW + 1));
        Self { planned, windows, seen: 0, latest: 0, looks: 0, is_over: false }
    }

    /// A new worker goes on: what the old one had grown to is gone.
    pub fn restart(&mut self) {
        self.windows.iter_mut().for_each(VecDeque::clear);
        self.seen = 0;
    }

    /// Takes the next sample; an alarm is raised once.
    pub fn push(&mut self, sample: &MemorySample) -> Option<LeakAlarm> {
        let question = boundary(sample).filter(|question| *question > self.latest)?;
        if self.is_over {
            return None;
        }
        self.latest = question;
        self.seen += 1;
        if self.seen > SKIPPED {
            self.keep(question, sample);
        }
        if self.seen < FEWEST_FOR_ALARM || !self.seen.is_multiple_of(BETWEEN_LOOKS) {
            return None;
        }
        let alarm = self.look(question);
        self.is_over = alarm.is_some();
        alarm
    }

    fn keep(&mut self, question: usize, sample: &MemorySample) {
        for (series, window) in Series::ALL.into_iter().zip(&mut self.windows) {
            if let Some(value) = series.value(sample) {
                window.push_back((question as f64, value));
            }
            if window.len() > WINDOW {
                window.pop_front();
            }
        }
    }

    fn look(&mut self, question: usize) -> Option<LeakAlarm> {
        self.looks += 1;
        let (z, planned) = (quantile(self.looks), self.planned as f64);
        Series::ALL.into_iter().zip(&mut self.windows).find_map(|(series, window)| {
            let points = &*window.make_contiguous();
            // A series that the system seldom tells may be short.
            if points.len() + SKIPPED < FEWEST_FOR_ALARM || !is_sustained(points, z) {
                return None;
            }
            // What wanders to and fro also goes one way for a while.
            if !rises(points, z * inflation(points)) {
                return None;
            }
            let change = change(points, true)?;
            let tolerance = series.tolerance(change.noise);
            let grows = change.per_question * planned > tolerance
                && change.per_question * (points.len() as f64) > SEEN * tolerance;
            let (per_question, lower) = (change.per_question, change.lower);
            grows.then_some(LeakAlarm { series, question, per_question, lower })
        })
    }
}

/// The normal quantile for look number `look`. The `k`-th of them may err with probability
/// `p/(k(k+1))`, so that all together, however many, err with at most `p` in each series; the tail
/// of the normal distribution is at most `½ exp(−z²/2)`.
fn quantile(look: u32) -> f64 {
    let (k, p) = (f64::from(look), FALSE_ALARMS / Series::ALL.len() as f64);
    (2.0 * (k * (k + 1.0) / (2.0 * p)).ln()).sqrt()
}

#[cfg(test)]
mod tests;
