//! Where a series steps from one level to another: growth that happened once.

use super::ranks::{Point, ranks};

/// Points on either side of a step whose medians show whether it is one.
const NEAR: usize = 5;
/// Share of the difference between two levels that has to come at once.
const AT_ONCE: f64 = 0.7;
/// Most probable by chance, by Pettitt's approximation.
const P: f64 = 0.01;

/// A series' step from one level to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The first point on the new level.
    pub at: usize,
    /// The median of that level less the median of the old one.
    pub height: f64,
    /// Whether chance makes a step like it in less than 1 % of series without one.
    pub is_significant: bool,
}

/// The most probable step of `points` by Pettitt's rank statistic (1979): the split at which
/// values before and after it differ most in rank, `K = max |Σ (n + 1 − 2R)|`, with
/// `p ≈ 2 exp(−6K²/(n³ + n²))`. `None` of fewer than two points.
pub fn largest_step(points: &[Point]) -> Option<Step> {
    let n = points.len() as f64;
    let (mut sum, mut largest, mut at) = (0.0, -1.0, 0);
    let ranks = ranks(points);
    for (index, rank) in ranks.iter().enumerate().take(points.len().checked_sub(1)?) {
        sum += n + 1.0 - 2.0 * rank;
        if f64::abs(sum) > largest {
            (largest, at) = (sum.abs(), index + 1);
        }
    }
    let (old, new) = points.split_at_checked(at)?;
    let height = median(new)? - median(old)?;
    let p = 2.0 * (-6.0 * largest * largest / (n * n * n + n * n)).exp();
    Some(Step { at, height, is_significant: p < P })
}

/// Whether the level changes at the step itself and not little by little around it.
pub fn is_sudden(points: &[Point], step: Step) -> bool {
    let near = |points: &[Point]| median(points).unwrap_or_default();
    let (old, new) = points.split_at_checked(step.at).unwrap_or_default();
    let before = near(old.get(old.len().saturating_sub(NEAR)..).unwrap_or_default());
    let after = near(new.get(..NEAR).unwrap_or(new));
    (after - before) * step.height.signum() >= AT_ONCE * step.height.abs()
}

/// `points` on one level: those from `step` on less its height.
pub fn without(points: &[Point], step: Step) -> Vec<Point> {
    let lowered = points
        .iter()
        .enumerate()
        .map(|(index, &(x, y))| if index < step.at { (x, y) } else { (x, y - step.height) });
    lowered.collect()
}

/// The median of the values of `points`.
pub fn median(points: &[Point]) -> Option<f64> {
    let mut values: Vec<f64> = points.iter().map(|(_, y)| *y).collect();
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied();
    Some(f64::midpoint(at(values.len().checked_sub(1)? / 2)?, at(values.len() / 2)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(value: impl Fn(usize) -> f64) -> Vec<Point> {
        (0..60).map(|at| (at as f64, value(at))).collect()
    }

    #[test]
    fn a_step_is_found_where_it_is_and_as_high_as_it_is() {
        for at in [10, 30, 45] {
            let points = series(|index| if index < at { 5.0 } else { 25.0 } + (index % 3) as f64);
            let step = largest_step(&points).unwrap();
            // By rank alone the highest value before the step may pass for one behind it.
            assert!(step.at.abs_diff(at) <= 1, "{step:?}");
            assert_eq!((step.height, step.is_significant), (20.0, true));
            assert!(is_sudden(&points, step));
            let level = without(&points, step);
            let stays = level.iter().filter(|(_, y)| (5.0..=7.0).contains(y)).count();
            assert!(stays >= 59, "{level:?}");
        }
    }

    #[test]
    fn a_slope_is_no_sudden_step() {
        let points = series(|index| index as f64);
        let step = largest_step(&points).unwrap();
        assert!(step.is_significant && !is_sudden(&points, step));
    }

    #[test]
    fn a_level_has_no_significant_step() {
        for points in [series(|_| 3.0), series(|index| (index % 7) as f64)] {
            assert!(!largest_step(&points).unwrap().is_significant);
        }
        assert_eq!(largest_step(&[(0.0, 1.0)]), None);
        assert_eq!(largest_step(&[]), None);
    }

    #[test]
    fn equal_values_share_their_rank() {
        let points = [(0.0, 4.0), (1.0, 1.0), (2.0, 4.0), (3.0, 9.0)];
        assert_eq!(ranks(&points), [2.5, 1.0, 2.5, 4.0]);
    }
}
