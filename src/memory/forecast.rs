//! What a question will need, learned from what earlier ones needed: keys and values are known
//! exactly, intermediate results are fitted. Pure: counters go in, bytes come out.

use std::collections::VecDeque;

use crate::vlm::Need;

/// With fewer questions than this nothing is fitted: the largest seen is the least expected.
const COLD: usize = 10;
/// Questions that the fit remembers.
const REMEMBERED: usize = 128;
/// Terms of the fit, see [`terms`].
const TERMS: usize = 5;
/// Passes of coordinate descent: residuals of a hundred questions settle within half of them.
const PASSES: usize = 400;
/// On top of the fit and its residual: one part in so many.
const MARGIN_ONE_IN: u64 = 10;

/// What a question is expected to need beside what is active before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forecast {
    /// All of it.
    pub need_bytes: u64,
    /// What it takes for sure: of an estimate that nothing was measured against only half.
    pub sure_bytes: u64,
    /// Of it, keys and values: exact.
    pub kv_bytes: u64,
    /// Of it, intermediate results at their largest: an estimate, on the safe side.
    pub activation_bytes: u64,
    /// From how many questions it was learned.
    pub samples: usize,
}

/// One question: its terms, the estimate made from the shape of the model, and what was measured.
#[derive(Debug, Clone, Copy)]
struct Sample {
    terms: [f64; TERMS],
    stated: u64,
    measured: u64,
}

/// Learns what the intermediate results of one model need.
///
/// Fitted are non-negative weights of a few terms of the need by least squares (coordinate descent
/// on the normal equations); the forecast adds the 95th percentile of the residuals and a tenth,
/// and never exceeds what the largest question so far says (with the same tenth). Before
/// ten questions are known, it is the largest need seen, or the estimate of the model's shape
/// times the largest ratio seen between measurement and that estimate.
#[derive(Debug, Clone, Default)]
pub struct Forecaster {
    samples: VecDeque<Sample>,
    weights: [f64; TERMS],
    /// 95th percentile of measurement − fit, at least 0.
    residual: f64,
}

impl Forecaster {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns that a question of this `need` took `grown_bytes` at its peak: the largest number
    /// of active bytes while it ran, less those that were active before it.
    pub fn learn(&mut self, need: &Need, grown_bytes: u64) {
        if self.samples.len() == REMEMBERED {
            self.samples.pop_front();
        }
        let measured = grown_bytes.saturating_sub(need.kv_bytes);
        let (terms, stated) = (terms(need), need.activation_bytes);
        self.samples.push_back(Sample { terms, stated, measured });
        if self.samples.len() >= COLD {
            self.weights = fit(&self.samples);
            self.residual = residual(&self.samples, &self.weights);
        }
    }

    /// What a question of this `need` is expected to take. Never below its keys and values, and
    /// as many bytes more as those are more.
    pub fn forecast(&self, need: &Need) -> Forecast {
        let activation_bytes = if self.samples.len() < COLD {
            self.cold(need)
        } else {
            // `as` saturates: what overflows is no number of bytes that anybody has.
            let fitted = (dot(&self.weights, &terms(need)) + self.residual) as u64;
            with_margin(fitted.min(self.most(need)))
        };
        let sure = if self.samples.is_empty() { activation_bytes / 2 } else { activation_bytes };
        Forecast {
            need_bytes: need.kv_bytes.saturating_add(activation_bytes),
            sure_bytes: need.kv_bytes.saturating_add(sure),
            kv_bytes: need.kv_bytes,
            activation_bytes,
            samples: self.samples.len(),
        }
    }

    /// What the fit cannot exceed, as it may where few questions are like this one: the most that
    /// was measured, scaled by the estimate of the model's shape where no question had as much of
    /// everything as this one has.
    fn most(&self, need: &Need) -> u64 {
        let measured = self.samples.iter().map(|it| it.measured).max().unwrap_or(u64::MAX);
        let wanted = terms(need);
        let has_all = |it: &Sample| it.terms.iter().zip(wanted).all(|(had, wants)| *had >= wants);
        let stated = self.samples.iter().map(|it| it.stated).max().unwrap_or_default();
        if self.samples.iter().any(has_all) {
            measured
        } else if stated > 0 && need.activation_bytes > 0 {
            let scale = need.activation_bytes as f64 / stated as f64;
            (measured as f64 * scale.max(1.0)) as u64
        } else {
            u64::MAX
        }
    }

    fn cold(&self, need: &Need) -> u64 {
        let largest = self.samples.iter().map(|sample| sample.measured).max();
        let Some(largest) = largest else { return need.activation_bytes };
        let stated = self.samples.iter().filter(|sample| sample.stated > 0);
        let ratio = stated.map(|it| it.measured as f64 / it.stated as f64).max_by(f64::total_cmp);
        largest.max((need.activation_bytes as f64 * ratio.unwrap_or(1.0)) as u64)
    }
}

fn with_margin(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / MARGIN_ONE_IN)
}

/// What intermediate results grow with, the surest first, since of terms that always go together
/// the first one takes what they explain: the estimate of the model's shape, the scores of
/// attention, features, frames, and what every question needs.
fn terms(need: &Need) -> [f64; TERMS] {
    let scores = need.chunk.min(need.run_tokens) as f64 * need.prompt_tokens as f64;
    [need.activation_bytes as f64, scores, need.image_tokens as f64, need.frames as f64, 1.0]
}

fn dot(weights: &[f64; TERMS], terms: &[f64; TERMS]) -> f64 {
    weights.iter().zip(terms).map(|(weight, term)| weight * term).sum()
}

/// Weights ≥ 0 that minimise the sum of squared residuals.
fn fit(samples: &VecDeque<Sample>) -> [f64; TERMS] {
    // Terms differ by ten orders of magnitude: each is divided by its largest value.
    let mut scales = [0.0_f64; TERMS];
    for sample in samples {
        for (scale, term) in scales.iter_mut().zip(sample.terms) {
            *scale = scale.max(term);
        }
    }
    let mut gram = [[0.0; TERMS]; TERMS];
    let mut target = [0.0; TERMS];
    for sample in samples {
        let scaled: [f64; TERMS] =
            std::array::from_fn(
                |at| {
                    if scales[at] > 0.0 { sample.terms[at] / scales[at] } else { 0.0 }
                },
            );
        for (row, (sum, term)) in gram.iter_mut().zip(target.iter_mut().zip(scaled)) {
            *sum += term * sample.measured as f64;
            row.iter_mut().zip(scaled).for_each(|(cell, other)| *cell += term * other);
        }
    }
    let mut weights = [0.0; TERMS];
    for _ in 0..PASSES {
        for at in 0..TERMS {
            if gram[at][at] > 0.0 {
                let slope = target[at] - dot(&gram[at], &weights);
                weights[at] = (weights[at] + slope / gram[at][at]).max(0.0);
            }
        }
    }
    std::array::from_fn(|at| if scales[at] > 0.0 { weights[at] / scales[at] } else { 0.0 })
}

/// The 95th percentile of measurement − fit, at least 0.
fn residual(samples: &VecDeque<Sample>, weights: &[f64; TERMS]) -> f64 {
    let left = samples.iter().map(|it| it.measured as f64 - dot(weights, &it.terms));
    let mut left: Vec<f64> = left.collect();
    left.sort_by(f64::total_cmp);
    let rank = (left.len() * 95).div_ceil(100).saturating_sub(1);
    left.get(rank).map_or(0.0, |residual| residual.max(0.0))
}

#[cfg(test)]
mod tests;
