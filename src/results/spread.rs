//! Median and 95th percentile of a few measurements.

use serde::{Deserialize, Serialize};

/// The middle and the upper end of a set of measurements, in their unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The middle value; the mean of the two middle ones if their number is even.
    pub median: f64,
    /// The smallest value that at least 95 % of the values do not exceed.
    pub p95: f64,
}

impl Spread {
    /// The spread of `values`; `None` of nothing. Values that are not finite are
    /// left out.
    ///
    /// ```
    /// use vlm_test::results::spread::Spread;
    /// let spread = Spread::of([4.0, 1.0, 3.0, 2.0]).unwrap();
    /// assert_eq!((spread.median, spread.p95), (2.5, 4.0));
    /// ```
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let count = values.len();
        let at = |index: usize| values.get(index).copied();
        let upper = at(count / 2)?;
        let median = if count.is_multiple_of(2) {
            f64::midpoint(at((count / 2).checked_sub(1)?)?, upper)
        } else {
            upper
        };
        // Nearest rank, in whole numbers: 0.95 × 20 must be 19 and not a hair above.
        let p95 = at((count * 95).div_ceil(100).saturating_sub(1))?;
        Some(Self { median, p95 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_twenty_values_the_nineteenth_is_the_95th_percentile() {
        let spread = Spread::of((1..=20).map(f64::from)).unwrap();
        assert_eq!(spread, Spread { median: 10.5, p95: 19.0 });
    }

    #[test]
    fn one_value_is_its_own_median_and_nothing_has_none() {
        assert_eq!(Spread::of([7.0]), Some(Spread { median: 7.0, p95: 7.0 }));
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([f64::NAN, f64::INFINITY]), None);
    }
}
