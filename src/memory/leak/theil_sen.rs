//! How fast a series rises: the slope of Theil and Sen with its bounds, which a few wild values
//! cannot move.

use super::ranks::{Point, ranks};

/// The normal quantile of a one-sided bound of 99 %.
pub const Z_99: f64 = 2.326_347_874_040_841;

/// Closer neighbours are taken for no closer: the ranks of a line are 0.98 alike.
const MOST_ALIKE: f64 = 0.98;

/// The rise from one question to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// The median over the slopes between all pairs of points (Theil 1950, Sen 1968).
    pub median: f64,
    /// Its one-sided lower bound; −∞ where there are too few points for one.
    pub lower: f64,
    /// Its one-sided upper bound; ∞ where there are too few points for one.
    pub upper: f64,
}

/// The slope of `points`, its one-sided bounds at the normal quantile `z` by Sen's method: the
/// ranks `(N ± z·σ)/2` among the `N` slopes, where `σ²` is the variance of Kendall's `S`,
/// corrected for ties. `None` of fewer than two points. Quadratic in the number of points.
pub fn theil_sen(points: &[Point], z: f64) -> Option<Slope> {
    let mut slopes = Vec::with_capacity(points.len() * points.len().saturating_sub(1) / 2);
    for (index, (x, y)) in points.iter().enumerate() {
        let later = points.iter().skip(index + 1);
        slopes.extend(later.map(|(later_x, later_y)| (later_y - y) / (later_x - x)));
    }
    slopes.sort_by(f64::total_cmp);
    let (count, below) = (slopes.len(), rank_below(points, slopes.len(), z));
    let at = |index: usize| slopes.get(index).copied();
    let median = f64::midpoint(at(count.checked_sub(1)? / 2)?, at(count / 2)?);
    Some(Slope {
        median,
        lower: below.checked_sub(1).and_then(at).unwrap_or(f64::NEG_INFINITY),
        upper: below.checked_sub(1).and_then(|_| at(count - below)).unwrap_or(f64::INFINITY),
    })
}

/// Whether the lower bound of [`theil_sen`] is above 0, found without computing any slope.
pub fn rises(points: &[Point], z: f64) -> bool {
    let mut rising = 0;
    for (index, (_, y)) in points.iter().enumerate() {
        rising += points.iter().skip(index + 1).filter(|(_, later)| later > y).count();
    }
    let count = points.len() * points.len().saturating_sub(1) / 2;
    // The slope of that rank is positive when fewer slopes than that are not.
    count - rising < rank_below(points, count, z)
}

/// How many times farther from 0 a slope of `points` comes to lie by chance because neighbours
/// resemble each other: `√((1 + r)/(1 − r))`, where `r` is the correlation of neighbouring ranks
/// around the slope, as of an autoregressive series (Bayley and Hammersley 1946).
pub fn inflation(points: &[Point]) -> f64 {
    let Some(slope) = theil_sen(points, Z_99) else { return 1.0 };
    let level: Vec<Point> = points.iter().map(|&(x, y)| (x, y - slope.median * x)).collect();
    let middle = f64::midpoint(1.0, points.len() as f64);
    let ranks: Vec<f64> = ranks(&level).iter().map(|rank| rank - middle).collect();
    let of_neighbours: f64 = ranks.iter().zip(ranks.iter().skip(1)).map(|(a, b)| a * b).sum();
    let of_each: f64 = ranks.iter().map(|rank| rank * rank).sum();
    if of_neighbours <= 0.0 || of_each <= 0.0 {
        return 1.0;
    }
    let r = (of_neighbours / of_each).min(MOST_ALIKE);
    ((1.0 + r) / (1.0 - r)).sqrt()
}

/// The rank of the lower bound among `count` slopes, from 1; 0 where there is none.
fn rank_below(points: &[Point], count: usize, z: f64) -> usize {
    ((count as f64 - z * kendall_variance(points).sqrt()) / 2.0).max(0.0) as usize
}

/// The variance of Kendall's `S` of a series without trend, `(n(n−1)(2n+5) − Σ t(t−1)(2t+5))/18`
/// with groups of `t` equal values.
fn kendall_variance(points: &[Point]) -> f64 {
    let mut values: Vec<f64> = points.iter().map(|(_, y)| *y).collect();
    values.sort_by(f64::total_cmp);
    let term = |n: usize| (n * n.saturating_sub(1) * (2 * n + 5)) as f64;
    let ties: f64 = values.chunk_by(|a, b| a == b).map(|group| term(group.len())).sum();
    (term(values.len()) - ties) / 18.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbered(values: &[f64]) -> Vec<Point> {
        values.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect()
    }

    #[test]
    fn the_slope_of_a_line_is_its_slope_and_so_are_its_bounds() {
        let slope = theil_sen(&numbered(&(0..40).map(f64::from).collect::<Vec<_>>()), Z_99);
        assert_eq!(slope, Some(Slope { median: 1.0, lower: 1.0, upper: 1.0 }));
    }

    #[test]
    fn a_constant_has_no_slope_and_does_not_rise() {
        let constant = numbered(&[7.0; 40]);
        let slope = theil_sen(&constant, Z_99).unwrap();
        assert_eq!(slope, Slope { median: 0.0, lower: 0.0, upper: 0.0 });
        assert!(!rises(&constant, Z_99));
    }

    #[test]
    fn two_points_have_a_slope_without_bounds_and_one_has_none() {
        let slope = theil_sen(&numbered(&[1.0, 3.0]), Z_99).unwrap();
        assert_eq!(
            (slope.median, slope.lower, slope.upper),
            (2.0, f64::NEG_INFINITY, f64::INFINITY)
        );
        assert_eq!(theil_sen(&numbered(&[1.0]), Z_99), None);
        assert!(!rises(&numbered(&[1.0, 3.0]), Z_99) && !rises(&[], Z_99));
    }

    #[test]
    fn the_bounds_are_those_of_a_worked_example() {
        // Ten values without ties: σ² = 10·9·25/18 = 125, so the ranks of 45 slopes are
        // (45 ∓ 2.326·11.18)/2 = 9.49 and 35.51: the 9th from either end.
        let values = [3.0, 1.0, 4.0, 1.5, 9.0, 2.0, 6.0, 5.0, 3.5, 5.8];
        let points = numbered(&values);
        let mut slopes = Vec::new();
        for i in 0..10 {
            for j in i + 1..10 {
                slopes.push((values[j] - values[i]) / (j - i) as f64);
            }
        }
        slopes.sort_by(f64::total_cmp);
        let slope = theil_sen(&points, Z_99).unwrap();
        assert_eq!((slope.median, slope.lower, slope.upper), (slopes[22], slopes[8], slopes[36]));
    }

    #[test]
    fn neighbours_that_are_alike_widen_the_bounds_and_others_do_not() {
        let jagged: Vec<f64> = (0..60).map(|x| f64::from(x * 37 % 61)).collect();
        assert!(inflation(&numbered(&jagged)) < 1.3);
        let wave: Vec<f64> = (0..60).map(|x| (f64::from(x) / 8.0).sin()).collect();
        assert!(inflation(&numbered(&wave)) > 3.0);
        assert_eq!(inflation(&numbered(&(0..40).map(f64::from).collect::<Vec<_>>())), 1.0);
        assert_eq!((inflation(&[]), inflation(&numbered(&[1.0; 9]))), (1.0, 1.0));
    }

    proptest! {
        #[test]
        fn counting_and_computing_agree_on_whether_a_series_rises(
            values in prop::collection::vec(-4_i8..12, 2..60),
            drift in 0_u8..3,
            z in 0.5_f64..5.0,
        ) {
            let drifted = values.iter().enumerate();
            let values: Vec<f64> = drifted.map(|(at, v)| f64::from(*v) + (usize::from(drift) * at) as f64 / 8.0).collect();
            let points = numbered(&values);
            prop_assert_eq!(rises(&points, z), theil_sen(&points, z).unwrap().lower > 0.0);
        }

        #[test]
        fn the_slope_lies_within_its_bounds_and_moves_with_the_series(
            values in prop::collection::vec(-100_i16..100, 3..40),
            tilt in -5_i8..5,
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let slope = theil_sen(&numbered(&values), Z_99).unwrap();
            prop_assert!(slope.lower <= slope.median && slope.median <= slope.upper);
            let tilted: Vec<f64> = values.iter().enumerate().map(|(x, y)| y + f64::from(tilt) * x as f64).collect();
            let moved = theil_sen(&numbered(&tilted), Z_99).unwrap();
            prop_assert!((moved.median - slope.median - f64::from(tilt)).abs() < 1e-9);
        }
    }
}
