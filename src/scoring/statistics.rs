//! What a set of scores supports: mean, Wilson interval, and coverage with the
//! bounds that missing answers leave open.

use serde::{Deserialize, Serialize};

/// The 97.5 % quantile of the normal distribution: 95 % two-sided.
const Z_95: f64 = 1.959_963_984_540_054;

/// A closed interval, `low ≤ high`; of proportions within 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The arithmetic mean; `None` of nothing.
///
/// ```
/// assert_eq!(vlm_test::scoring::mean([1.0, 0.0]), Some(0.5));
/// assert_eq!(vlm_test::scoring::mean([]), None);
/// ```
pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.into_iter().fold((0.0, 0_usize), |(s, n), v| (s + v, n + 1));
    (count > 0).then(|| sum / count as f64)
}

/// The 95 % Wilson score interval (Wilson 1927) of a proportion seen in `total`
/// independent trials; `None` when `total` is 0.
///
/// `proportion` is in `0..=1` and clamped to it. Scores that can be fractional
/// vary less than yes/no trials of the same mean, so for them the interval is
/// on the safe side; questions on one image are not independent, so for them it
/// is too narrow.
///
/// ```
/// let interval = vlm_test::scoring::wilson(0.5, 100).unwrap();
/// assert!((interval.low - 0.4038).abs() < 1e-4 && (interval.high - 0.5962).abs() < 1e-4);
/// ```
pub fn wilson(proportion: f64, total: usize) -> Option<Interval> {
    if total == 0 || proportion.is_nan() {
        return None;
    }
    let (p, n, z2) = (proportion.clamp(0.0, 1.0), total as f64, Z_95 * Z_95);
    let scale = 1.0 + z2 / n;
    let centre = (p + z2 / (2.0 * n)) / scale;
    let half = Z_95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt() / scale;
    // At 0 and 1 the interval touches the end exactly; rounding must not pull it off.
    let low = if p <= 0.0 { 0.0 } else { (centre - half).clamp(0.0, p) };
    let high = if p >= 1.0 { 1.0 } else { (centre + half).clamp(p, 1.0) };
    Some(Interval { low, high })
}

/// How many questions have a score, and what the others could still change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Questions with a score.
    pub answered: usize,
    /// All questions.
    pub total: usize,
    /// Mean score if every missing answer were wrong, in `0..=1`.
    pub worst: f64,
    /// Mean score if every missing answer were right, in `0..=1`.
    pub best: f64,
}

impl Coverage {
    /// Coverage of one entry per question, `None` where there is no score;
    /// `None` if there is no question.
    ///
    /// ```
    /// use vlm_test::scoring::Coverage;
    /// let coverage = Coverage::of([Some(1.0), Some(0.5), None, None]).unwrap();
    /// assert_eq!((coverage.answered, coverage.total), (2, 4));
    /// assert_eq!((coverage.worst, coverage.best), (0.375, 0.875));
    /// ```
    pub fn of(scores: impl IntoIterator<Item = Option<f64>>) -> Option<Self> {
        let (mut answered, mut total, mut sum) = (0_usize, 0_usize, 0.0);
        for score in scores {
            total += 1;
            answered += usize::from(score.is_some());
            sum += score.unwrap_or(0.0);
        }
        let missing = (total - answered) as f64;
        let of_all = |sum: f64| sum / total as f64;
        (total > 0).then(|| Self {
            answered,
            total,
            worst: of_all(sum),
            best: of_all(sum + missing),
        })
    }

    /// Share of the questions that have a score, in `0..=1`.
    ///
    /// ```
    /// use vlm_test::scoring::Coverage;
    /// assert_eq!(Coverage::of([Some(0.0), None]).unwrap().fraction(), 0.5);
    /// ```
    pub fn fraction(&self) -> f64 {
        if self.total == 0 { 0.0 } else { self.answered as f64 / self.total as f64 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn half_width_in_points(total: usize) -> f64 {
        let interval = wilson(0.5, total).unwrap();
        (interval.high - interval.low) * 50.0
    }

    #[test]
    fn half_widths_at_one_half_are_the_known_ones() {
        for (total, points) in [(20, 20.0), (100, 9.6), (400, 4.9)] {
            assert!((half_width_in_points(total) - points).abs() < 0.1, "{total}");
        }
    }

    #[test]
    fn all_right_out_of_twenty_still_leaves_room_below() {
        let interval = wilson(1.0, 20).unwrap();
        assert!((interval.low - 0.8389).abs() < 1e-4);
        assert!((interval.high - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn no_question_has_neither_interval_nor_coverage() {
        assert_eq!(wilson(0.5, 0), None);
        assert_eq!(Coverage::of([]), None);
    }

    #[test]
    fn with_no_score_at_all_the_bounds_are_zero_and_one() {
        let coverage = Coverage::of([None, None]).unwrap();
        assert_eq!(coverage, Coverage { answered: 0, total: 2, worst: 0.0, best: 1.0 });
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_proportion_and_stays_in_range(p in 0.0..=1.0_f64, n in 1_usize..5000) {
            let interval = wilson(p, n).unwrap();
            prop_assert!(0.0 <= interval.low && interval.low <= p);
            prop_assert!(p <= interval.high && interval.high <= 1.0);
        }

        #[test]
        fn the_mean_of_the_scored_lies_between_the_bounds(
            scores in prop::collection::vec(prop::option::of(0.0..=1.0_f64), 1..40)
        ) {
            let coverage = Coverage::of(scores.iter().copied()).unwrap();
            prop_assert!(coverage.worst <= coverage.best + 1e-12);
            if let Some(mean) = mean(scores.into_iter().flatten()) {
                prop_assert!(coverage.worst <= mean + 1e-12 && mean <= coverage.best + 1e-12);
            }
        }
    }
}
